//! What the frames hold.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ControlError;
use crate::request::Request;

/// Version of what is said over the control socket. It grows when either side would
/// misunderstand the other; a new request does not need it.
pub const CONTROL_PROTOCOL: u32 = 1;

/// The first frame of either side. Its shape is the same in every protocol version,
/// so that programs of different versions can say that they are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// [`CONTROL_PROTOCOL`].
    pub(crate) protocol: u32,
    /// Version of the program.
    pub(crate) version: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// Why the server takes no requests on this connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<ControlError>,
}

impl Hello {
    /// What this program says of itself.
    pub(crate) fn ours() -> Self {
        Self {
            protocol: CONTROL_PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            refused: None,
        }
    }

    /// The same, and why no requests are taken.
    pub(crate) fn refusing(error: ControlError) -> Self {
        Self { refused: Some(error), ..Self::ours() }
    }
}

/// A request on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestFrame {
    /// Tags the replies; unique among the requests of a connection that are not answered.
    pub(crate) id: u64,
    pub(crate) request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<Box<RawValue>>,
}

impl RequestFrame {
    pub(crate) fn encode(id: u64, request: &Request) -> Result<Vec<u8>, serde_json::Error> {
        let request = Self { id, request: request.name().to_owned(), params: request.params()? };
        serde_json::to_vec(&request)
    }
}

/// A reply on its way. Exactly one of `item`, `done` and `error` is there; the latter
/// two end the request. An error without an id is about the connection and ends it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReplyFrame {
    pub(crate) id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ControlError>,
}

impl ReplyFrame {
    /// One of several answers to request `id`.
    pub(crate) fn item<T: Serialize>(id: u64, value: &T) -> Result<Self, serde_json::Error> {
        let item = Some(serde_json::value::to_raw_value(value)?);
        Ok(Self { id: Some(id), item, done: None, error: None })
    }

    /// The last answer to request `id`.
    pub(crate) fn done<T: Serialize>(id: u64, value: &T) -> Result<Self, serde_json::Error> {
        let done = Some(serde_json::value::to_raw_value(value)?);
        Ok(Self { id: Some(id), item: None, done, error: None })
    }

    /// Request `id`, or the whole connection, failed.
    pub(crate) const fn error(id: Option<u64>, error: ControlError) -> Self {
        Self { id, item: None, done: None, error: Some(error) }
    }
}

/// Reads what a frame holds.
pub(crate) fn decode<T: DeserializeOwned>(frame: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(frame)
}
