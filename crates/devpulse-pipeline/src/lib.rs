//! `queue -> wal -> batcher -> sender`: no event lost, none delivered twice.
//!
//! Only the agent may depend on this crate. It knows no HTTP, no gRPC and no hook:
//! events come in as opaque JSON, and leave through the [`Uplink`] trait.

pub mod backoff;
pub mod batcher;
pub mod clock;
#[doc(hidden)]
pub mod fuzzing;
pub mod lane;
pub mod queue;
pub mod retry_after;
pub mod sender;
pub mod uplink;
pub mod vault;
pub mod verdict;
pub mod wal;

pub use uplink::{
    Answer, Call, GrpcAnswer, GrpcCode, HttpAnswer, Outcome, OutgoingBatch, OutgoingImage,
    ProxyFault, TlsFault, TransportFault, Uplink,
};
pub use verdict::{ReceiptMode, Verdict};
