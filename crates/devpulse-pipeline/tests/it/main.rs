//! The pipeline against real files and a scripted server.

mod queue;
mod sender;
mod support;
mod wal;
