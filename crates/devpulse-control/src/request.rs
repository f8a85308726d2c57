//! What a front end may ask for. A request is a name and its parameters; a new one is
//! a variant here, a method of [`crate::Controller`] and one of [`crate::ControlClient`].

use devpulse_protocol::{EventId, Screenshot, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{AcceptRequest, ControlError, ErrorCode, Sample, SyncRequest};

/// Asks for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsQuery {
    /// Which ones.
    pub which: Which,
    /// How many at most; `None` for all. Of the delivered ones these are the newest,
    /// of the others the oldest; either way they come oldest first.
    pub limit: Option<u64>,
}

/// Which events are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those that wait, oldest first.
    Pending,
    /// Those that were delivered and are still readable, oldest first.
    Sent,
    /// Dead letters, oldest first.
    Dead,
}

/// An event of a listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListedEvent {
    /// The event's object, byte for byte as it is sent.
    pub json: Box<RawValue>,
    /// Why it is a dead letter.
    #[serde(default)]
    pub reason: Option<String>,
    /// The status with which the server refused it, where it did.
    #[serde(default)]
    pub status: Option<u16>,
    /// When it was delivered, or became a dead letter.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// Asks for capture to pause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRequest {
    /// For how many minutes; `None` for as long as the policy lets it.
    pub minutes: Option<u32>,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

/// Whether a pause was there to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resumption {
    /// Capture was paused, and goes on.
    Resumed,
    /// It was not paused.
    NotPaused,
}

/// A request, read.
#[derive(Debug)]
pub(crate) enum Request {
    Status,
    Emit(EmitRequest),
    Sync(SyncRequest),
    HandOver,
    Events(EventsQuery),
    Pause(PauseRequest),
    Resume,
    Screenshot,
    Replay(ReplayRequest),
    Trend,
    Image(ImageRequest),
    Present,
    Consent,
    Accept(AcceptRequest),
    Stop,
    Cancel(CancelRequest),
}

/// Hands over a custom event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EmitRequest {
    pub(crate) name: String,
    pub(crate) data: Box<RawValue>,
}

/// The answer to an `emit` request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Emitted {
    pub(crate) event_id: EventId,
}

/// Puts dead letters back among the events that wait.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReplayRequest {
    /// Which one; `None` for all.
    pub(crate) event_id: Option<EventId>,
}

/// The answer to a `resume` request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Resumed {
    pub(crate) result: Resumption,
}

/// The answer to a `screenshot` request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Shots {
    pub(crate) screenshots: Vec<Screenshot>,
}

/// Asks for an image, or for the rest of one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ImageRequest {
    /// Its SHA-256, in hexadecimal.
    pub(crate) sha256: String,
    /// From which byte on.
    #[serde(default)]
    pub(crate) offset: u64,
}

/// A part of an image, as much as a frame holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePart {
    /// What the image is, such as `image/webp`.
    pub media_type: String,
    /// Bytes of the whole image.
    pub size: u64,
    /// The part's bytes in Base64.
    pub base64: String,
}

/// The answer to an `image` request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) image: Option<ImagePart>,
}

/// The answer to a `trend` request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trend {
    pub(crate) samples: Vec<Sample>,
}

/// The answer to a `replay` request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Replayed {
    pub(crate) replayed: u64,
}

/// The answer to a request that has nothing to tell but that it was done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Nothing {}

/// Nobody waits any longer for the answer to an earlier request. It is not answered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CancelRequest {
    pub(crate) request: u64,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// `unsupported` for an unknown name, `invalid` for parameters that do not fit it.
    pub(crate) fn parse(name: &str, params: Option<&RawValue>) -> Result<Self, ControlError> {
        match name {
            "status" => Ok(Self::Status),
            "emit" => parameters(name, params).map(Self::Emit),
            "sync" => parameters(name, params).map(Self::Sync),
            "hand_over" => Ok(Self::HandOver),
            "events" => parameters(name, params).map(Self::Events),
            "pause" => parameters(name, params).map(Self::Pause),
            "resume" => Ok(Self::Resume),
            "screenshot" => Ok(Self::Screenshot),
            "replay" => parameters(name, params).map(Self::Replay),
            "trend" => Ok(Self::Trend),
            "image" => parameters(name, params).map(Self::Image),
            "present" => Ok(Self::Present),
            "consent" => Ok(Self::Consent),
            "accept" => parameters(name, params).map(Self::Accept),
            "stop" => Ok(Self::Stop),
            "cancel" => parameters(name, params).map(Self::Cancel),
            _ => Err(ControlError::unsupported(name)),
        }
    }

    /// The name that [`Request::parse`] knows it by.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Emit(_) => "emit",
            Self::Sync(_) => "sync",
            Self::HandOver => "hand_over",
            Self::Events(_) => "events",
            Self::Pause(_) => "pause",
            Self::Resume => "resume",
            Self::Screenshot => "screenshot",
            Self::Replay(_) => "replay",
            Self::Trend => "trend",
            Self::Image(_) => "image",
            Self::Present => "present",
            Self::Consent => "consent",
            Self::Accept(_) => "accept",
            Self::Stop => "stop",
            Self::Cancel(_) => "cancel",
        }
    }

    /// The parameters as JSON, for the requests that have any.
    pub(crate) fn params(&self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        match self {
            Self::Status
            | Self::HandOver
            | Self::Resume
            | Self::Screenshot
            | Self::Trend
            | Self::Present
            | Self::Consent
            | Self::Stop => Ok(None),
            Self::Accept(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Pause(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Replay(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Image(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Emit(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Sync(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Events(params) => serde_json::value::to_raw_value(params).map(Some),
            Self::Cancel(params) => serde_json::value::to_raw_value(params).map(Some),
        }
    }
}

fn parameters<T: DeserializeOwned>(
    name: &str,
    params: Option<&RawValue>,
) -> Result<T, ControlError> {
    serde_json::from_str(params.map_or("null", RawValue::get)).map_err(|fault| {
        ControlError::new(
            ErrorCode::Invalid,
            format!("the parameters of the request {name:?} are not valid: {fault}"),
        )
    })
}
