//! The agent: it puts capture, pipeline, transports and the control socket together.
//!
//! The command line and the tray app depend on it, and speak to a running agent through
//! `devpulse-control`. It knows no terminal and no window.

pub mod administrator;
pub mod agent;
pub mod backlog;
pub mod bundle;
mod clock_skew;
pub mod consent;
mod controller;
pub mod credentials;
mod delivery;
pub mod doctor;
pub mod enrollment;
pub mod event_summary;
#[cfg(test)]
mod fleet;
#[cfg(target_os = "linux")]
pub mod gnome_extension;
mod grpc;
mod heartbeat;
pub mod home;
pub mod http;
pub mod image;
mod insistence;
pub mod instance_lock;
mod intake;
mod key_rotation;
pub mod logging;
pub mod machine;
pub mod managed;
pub mod offline;
pub mod one_shot;
pub mod origin;
mod owner;
mod pace;
mod pause;
pub mod pin;
mod policy_poll;
pub mod preset;
pub mod printable;
pub mod proxy_login;
pub mod replacement;
pub mod replay;
mod report;
mod revocation;
pub mod rules;
pub mod server;
pub mod server_config;
pub mod settings;
mod synchronise;
mod trend;
pub mod unenroll;
mod upstream;
pub mod wording;

pub use agent::{Agent, AgentError, DeliveryChanges};
pub use devpulse_capture::{Desktop, beside_main_loop};
pub use devpulse_pipeline::wal::WalError;
pub use upstream::UpstreamError;
