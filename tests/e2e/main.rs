//! The real command line against the real server, with real processes that are really
//! killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "a test that was skipped has to say so")]

mod agent;
mod bundle;
mod consent;
#[cfg(target_os = "linux")]
mod copied_home;
mod delivery;
mod desktop;
mod doctor;
mod enrollment;
mod etc;
mod extending;
mod grpc;
mod key_exchange;
mod keychain;
mod keyring;
mod kills;
mod managed;
mod mistakes;
mod pause;
mod present;
mod preset;
mod proxies;
mod replay;
mod rules;
#[cfg(target_os = "linux")]
mod service_manager;
mod session;
mod shutdown;
mod status;
mod trust;
mod unenroll;
