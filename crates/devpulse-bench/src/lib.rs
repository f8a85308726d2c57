//! The measurements: what DevPulse costs and how fast it is, beside the limits of the
//! machine that it runs on and beside what people use today. Started by `cargo xtask bench`.
//!
//! It may depend on every crate of the workspace but the tray app, and nothing may depend on
//! it. It must never know what a figure ought to be while it measures it: targets are
//! compared in `targets.rs` alone, after everything is measured.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod append;
mod backlog;
pub mod check;
mod delivery;
mod desktop;
mod disk;
mod document;
pub mod exercise;
mod figure;
mod fleet;
mod machine;
mod meter;
mod peers;
mod process;
mod programs;
mod rest;
mod results;
mod screenshot;
pub mod suite;
mod targets;
pub mod workload;
