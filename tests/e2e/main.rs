//! The real command line against the real server, with real processes that are really
//! killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod delivery;
mod desktop;
mod enrollment;
mod mistakes;
mod shutdown;
mod status;
