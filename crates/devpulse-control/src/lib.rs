//! The control socket: the contract between the agent and its front ends, which are
//! the command line and the tray app.
//!
//! The agent implements [`Controller`] and serves it with [`ControlServer`]; a front
//! end speaks to it through [`ControlClient`]. Both may depend on this crate. It knows
//! the wire's types and nothing of capture, the pipeline, settings or terminals.
//!
//! A connection carries length-prefixed JSON frames of at most [`MAX_FRAME_BYTES`].
//! The server greets with its protocol number, version and process id, the client
//! answers in kind, and from then on requests with ids go one way and replies tagged
//! with them the other, so that one connection carries many requests at once.

mod client;
mod consent;
mod controller;
mod error;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod message;
mod present;
mod request;
mod server;
mod status;
mod sync;
mod transport;

pub use client::{
    ClientError, ControlClient, Emission, EventListing, RunningAgent, Synchronisation,
};
pub use consent::{
    AcceptRequest, AcceptedConsent, Aspect, ConsentReport, Disclosure, Proposal, Section, Topic,
    Widening,
};
pub use controller::{Controller, PendingEmit};
pub use error::{ControlError, ErrorCode};
pub use frame::MAX_FRAME_BYTES;
pub use message::CONTROL_PROTOCOL;
pub use present::{OpenSession, Presence, Present, Sample};
pub use request::{EventsQuery, ImagePart, ListedEvent, PauseRequest, Resumption, Which};
pub use server::{ControlServer, MAX_CONNECTIONS};
pub use status::{
    AgentStatus, CaptureStatus, ConfigStatus, ConsentStatus, KeyPlace, MissingKey, PauseStatus,
    PipelineState, PipelineStatus, Progress, SignalStatus, Status,
};
pub use sync::{SyncOutcome, SyncProgress, SyncRequest, SyncResult, SyncUpdate};
pub use transport::{BindError, MemoryConnector};
