//! The pipeline against real files and a scripted server.

#![allow(clippy::print_stderr, reason = "a test that was skipped has to say so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod capacity;
mod clock;
mod corpus;
mod damage;
mod discard;
mod model;
mod queue;
mod released;
mod sealed;
mod sender;
mod support;
mod wal;
mod wreckage;
