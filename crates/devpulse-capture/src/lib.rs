//! Hooks: what the operating system says, made into DevPulse events.
//!
//! The agent depends on this crate. It knows the wire's types and the operating system;
//! it must never know a transport, a database, or whether anybody listens.

mod captured;
mod clock;
mod desktop;
mod hook;
mod idle;
mod policy;
mod signals;
mod tracker;

pub use captured::{Captured, CapturedImage, CheckpointUpdate, OpenWindow, Urgency};
pub use clock::Moment;
pub use desktop::Desktop;
pub use policy::CapturePolicy;
pub use signals::{Signal, SignalStatus, Signals};
mod screenshot;
