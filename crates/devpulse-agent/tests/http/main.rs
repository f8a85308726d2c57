//! The transports, HTTPS and gRPC, against the reference server, strange servers and bad
//! networks.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod answers;
mod faults;
mod grpc;
mod server;
mod uplink;
mod versions;
