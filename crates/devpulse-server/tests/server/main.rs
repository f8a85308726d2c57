//! Facts about the reference server, over real connections.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod batches;
mod config;
mod enrollment;
mod grpc;
mod harness;
mod keys;
mod listeners;
mod openapi;
mod program;
mod screenshots;
