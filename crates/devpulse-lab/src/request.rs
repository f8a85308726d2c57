//! What was asked, and what came of it, as the layer between saw it.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Instant;

use devpulse_protocol::{
    BATCH_PATH, CONFIG_PATH, DEVICE_KEY_PATH, ENROLL_PATH, SCREENSHOTS_PATH, TOKEN_PATH,
};
use serde_json::Value;

use crate::fault::Fault;

/// A request of the client.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was complete.
    pub at: Instant,
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// Its headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body as it went over the wire.
    pub raw: Arc<[u8]>,
    /// Its body after decoding; empty where it cannot be decoded.
    pub body: Arc<[u8]>,
}

/// A request and what came of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place in the order of arrival, counted from 0.
    pub number: usize,
    /// What was asked.
    pub request: Request,
    /// What was to go wrong.
    pub fault: Fault,
    /// What the server answered, where it was asked and did.
    pub served: Option<u16>,
    /// What the client was answered, once it was, and in full.
    pub answered: Option<u16>,
}

impl Request {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// The id under which a batch is sent.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// Whether it brings events.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.path.starts_with(BATCH_PATH)
    }

    /// Whether it asks for a token.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.path.starts_with(TOKEN_PATH)
    }

    /// Whether it asks for the next key.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.path.starts_with(DEVICE_KEY_PATH)
    }

    /// Whether it asks for the configuration.
    #[must_use]
    pub fn is_config(&self) -> bool {
        self.path.starts_with(CONFIG_PATH)
    }

    /// Whether it brings an image.
    #[must_use]
    pub fn is_image(&self) -> bool {
        self.path.starts_with(SCREENSHOTS_PATH)
    }

    /// Whether it enrolls a device.
    #[must_use]
    pub fn is_enrollment(&self) -> bool {
        self.path.starts_with(ENROLL_PATH)
    }

    /// The batch that it brings.
    #[must_use]
    pub fn batch(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(|_| self.is_batch())
    }

    /// The events that it brings.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let batch = self.batch().unwrap_or_default();
        batch["events"].as_array().cloned().unwrap_or_default()
    }
}

/// Undoes a `Content-Encoding`.
pub(crate) fn decoded(encoding: Option<&str>, raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let outcome = match encoding {
        Some("zstd") => zstd::Decoder::new(raw).and_then(|mut from| from.read_to_end(&mut body)),
        Some("gzip") => flate2::read::GzDecoder::new(raw).read_to_end(&mut body),
        _ => return raw.to_vec(),
    };
    if outcome.is_err() {
        body.clear();
    }
    body
}
