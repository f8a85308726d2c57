//! What the sender asks of a transport, and what a transport answers.
//!
//! A transport reports what happened and judges nothing: what an answer means is
//! decided in one place, [`crate::verdict`].

mod fault;
mod grpc;

use async_trait::async_trait;
use bytes::Bytes;
use devpulse_protocol::{BatchId, EventId};

pub use fault::{ProxyFault, TlsFault, TransportFault};
pub use grpc::{GrpcAnswer, GrpcCode};

/// Carries batches and images to the organisation's server.
///
/// An implementation gets its own access tokens: it renews them at 80 % of their
/// life and once when a token is refused, one task at a time, and reports an answer
/// of the token call ([`Call::Token`]) where that is what stood in the way. It follows
/// a 307 or 308 once where it leads to the same origin, tries a weaker encoding on 415
/// (over gRPC: on `UNIMPLEMENTED`), and does nothing else again by itself.
#[async_trait]
pub trait Uplink: Send + Sync + 'static {
    /// Sends a batch once.
    async fn send_batch(&self, batch: &OutgoingBatch) -> Answer;

    /// Sends an image once.
    async fn send_image(&self, image: &OutgoingImage) -> Answer;
}

/// A batch, ready to be sent: the same bytes on every retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingBatch {
    /// Persisted before the first attempt.
    pub batch_id: BatchId,
    /// The batch as JSON, before any content encoding.
    pub body: Bytes,
    /// The events in it, oldest first.
    pub event_ids: Vec<EventId>,
}

/// An image, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingImage {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The file's media type.
    pub media_type: String,
    /// The file.
    pub bytes: Bytes,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which of the calls it answers.
    pub call: Call,
    /// What happened.
    pub outcome: Outcome,
}

/// Which call an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Exchanging the API key for a token, on the way to one of the others.
    Token,
    /// Sending a batch.
    Batch,
    /// Sending an image.
    Image,
}

/// What happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something answered, the server or what pretends to be it.
    Http(HttpAnswer),
    /// A gRPC server answered. What answers a gRPC call without speaking gRPC is
    /// [`Outcome::Http`].
    Grpc(GrpcAnswer),
    /// Nothing answered.
    Fault(TransportFault),
    /// Nothing was asked: the device's key is not at hand, for the reason given.
    NoKey(String),
}

impl Outcome {
    /// The body of a success: what HTTP answered, or the same in the words of HTTP.
    #[must_use]
    pub fn success(&self) -> Option<&Bytes> {
        match self {
            Self::Http(answer) if (200..300).contains(&answer.status) => Some(&answer.body),
            Self::Grpc(answer) if answer.code == GrpcCode::Ok => Some(&answer.reply),
            _ => None,
        }
    }

    /// What time it was at the server, as its answer says.
    #[must_use]
    pub fn date(&self) -> Option<&str> {
        match self {
            Self::Http(answer) => answer.date.as_deref(),
            Self::Grpc(answer) => answer.date.as_deref(),
            Self::Fault(_) | Self::NoKey(_) => None,
        }
    }

    /// Whether the token was refused, so that another one may help.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        match self {
            Self::Http(answer) => answer.status == 401,
            Self::Grpc(answer) => answer.code == GrpcCode::Unauthenticated,
            Self::Fault(_) | Self::NoKey(_) => false,
        }
    }
}

/// An HTTP answer, unjudged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// `Content-Type`, as sent.
    pub content_type: Option<String>,
    /// `Retry-After`, as sent.
    pub retry_after: Option<String>,
    /// `Date`, as sent.
    pub date: Option<String>,
    /// The body, at most 1 MiB of it.
    pub body: Bytes,
}
