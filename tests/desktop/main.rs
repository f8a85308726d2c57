//! The tray app on a virtual desktop: a bus of its own, and a watcher of tray icons that is
//! the test itself.
//!
//! Where there is no desktop to be had a test says so and passes, unless
//! `DEVPULSE_REQUIRE_DESKTOP` is set.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by a panic and says so")]

mod accessible;
mod attached;
mod driver;
mod login;
mod menu;
mod notification;
mod organisation;
mod program;
mod replacement;
mod session;
mod tray;
mod watcher;
mod window;
