//! The agent: it puts capture, pipeline, transports and the control socket together.
//!
//! The command line and the tray app depend on it, and speak to a running agent through
//! `devpulse-control`. It knows no terminal and no window.

pub mod agent;
mod controller;
pub mod credentials;
mod delivery;
pub mod enrollment;
mod heartbeat;
pub mod home;
pub mod http;
pub mod instance_lock;
mod intake;
pub mod logging;
pub mod machine;
pub mod offline;
pub mod one_shot;
pub mod origin;
mod policy_poll;
pub mod printable;
mod report;
pub mod server_config;
pub mod settings;
mod synchronise;
mod upstream;

pub use agent::{Agent, AgentError};
pub use devpulse_capture::Desktop;
pub use upstream::UpstreamError;
