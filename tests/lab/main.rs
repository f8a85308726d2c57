//! The fault laboratory: the real client and the reference server, with everything
//! between them going wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "what a run has proven is in its figures")]

#[cfg(unix)]
mod blobs;
#[cfg(unix)]
mod clock;
#[cfg(unix)]
mod disk;
#[cfg(unix)]
mod disk_faults;
#[cfg(unix)]
mod key_exchange;
#[cfg(unix)]
mod kills;
#[cfg(unix)]
mod named_kills;
mod oracle;
mod poison;
mod row;
mod table;
#[cfg(unix)]
mod tracer;
