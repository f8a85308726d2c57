//! The pipeline against real files and a scripted server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod damage;
mod discard;
mod queue;
mod sender;
mod support;
mod wal;
