//! What the window may ask for. Each command is allowed by name in `permissions/window.toml`;
//! none of them hands out a key, a token or a path to read.

#![allow(
    clippy::let_underscore_must_use,
    clippy::needless_pass_by_value,
    reason = "what Tauri's macro makes of a command, and what it hands to one"
)]

mod activity;
mod configuration;
mod delivery;
mod overview;
mod wizard;

use tauri::ipc::Invoke;
use tauri::{Runtime, generate_handler};

/// Answers the window's commands.
pub(crate) fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    generate_handler![
        activity::image,
        activity::outbox,
        activity::replay,
        activity::today,
        configuration::autostart,
        configuration::diagnose,
        configuration::gather_diagnostics,
        configuration::set_autostart,
        configuration::settings,
        configuration::write_diagnostics,
        delivery::cancel_sync,
        delivery::pause,
        delivery::resume,
        delivery::sync,
        delivery::take_screenshot,
        overview::first_screen,
        overview::overview,
        overview::quit,
        overview::trend,
        wizard::accept_consent,
        wizard::consent,
        wizard::enroll,
        wizard::wizard,
    ]
}

#[cfg(test)]
mod tests;
