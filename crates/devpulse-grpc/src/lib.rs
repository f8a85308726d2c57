//! DevPulse's messages as gRPC carries them: the generated code of
//! `devpulse-protocol/proto`, and how its messages stand for the JSON of
//! `devpulse-protocol`.
//!
//! Whoever speaks gRPC may depend on it: the agent and the reference server. It must never
//! know how a connection is made, what an answer means to the pipeline, or what a server
//! stores.
//!
//! The code in `generated/` is committed, so that building needs neither `protoc` nor a
//! build script; `tests/generated.rs` compares it with the `.proto` files.

mod batch;
mod event;
mod exact;
mod message;
mod problem;

pub use batch::{BatchFault, batch_from_json, batch_to_json};
pub use event::{EventFault, event_from_json, event_to_json};
pub use message::MessageFault;
pub use problem::{Details, details, status};

/// Metadata that names the device's token.
pub const AUTHORIZATION: &str = "authorization";

/// The messages, clients and servers of `devpulse.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; the .proto describes it")]
pub mod v1 {
    include!("generated/devpulse.v1.rs");
}

/// The messages, clients and servers of `grpc.health.v1`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; the .proto describes it")]
pub mod health {
    include!("generated/grpc.health.v1.rs");
}
