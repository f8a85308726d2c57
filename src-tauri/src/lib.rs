//! The tray app: it runs the agent, or attaches to the one that runs, and shows a person
//! everything that is captured.
//!
//! It is one program in two processes. The tray's hosts the agent and makes no web view; the
//! window's shows a web view, speaks to the agent over its control socket like any other front
//! end, and is gone when the window is closed. Nothing depends on this crate, and it is the only
//! one that knows Tauri.

mod agent_link;
pub mod arguments;
pub mod autostart;
mod backend;
#[cfg(test)]
mod bindings;
mod commands;
mod day;
mod ending;
mod host;
mod indented;
pub mod menu;
pub mod notice;
mod parley;
pub mod standing;
pub mod text;
pub mod tray;
mod tray_process;
pub mod view;
mod window_child;
mod window_process;

use std::io::Write as _;
use std::process::ExitCode;

use devpulse_agent::logging::{self, LogGuard};

use arguments::{Arguments, Role};

/// Runs the process that was asked for, to its end.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    if !has_display() {
        return failed("there is no display", Some("without one, run: devpulse-client run"));
    }
    let role = arguments.role();
    let _logs = log(&role);
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(&format!("threads cannot be started: {error}"), None),
        };
    tauri::async_runtime::set(runtime.handle().clone());
    let ended = match role {
        Role::Tray { hidden } => tray_process::run(hidden),
        Role::Window(window) => window_process::run(&window),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}"), None),
    }
}

/// What the build made of `tauri.conf.json`, the permissions and the web UI.
#[must_use]
pub fn context<R: tauri::Runtime>() -> tauri::Context<R> {
    tauri::generate_context!()
}

/// Tauri ends a program that has no display without a word.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Logs to the home's files from the tray's process, which alone writes them.
fn log(role: &Role) -> Option<LogGuard> {
    let (_, settings) = backend::settings(Vec::new()).ok()?;
    let local = settings.local();
    let directory = match role {
        Role::Tray { .. } => {
            local.home.create().ok()?;
            Some(local.home.logs())
        }
        Role::Window(_) => None,
    };
    logging::init(&local.log, directory.as_deref()).ok()
}

fn failed(cause: &str, hint: Option<&str>) -> ExitCode {
    let mut text = format!("error: {cause}\n");
    if let Some(hint) = hint {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // Nobody is left to be told where standard error is gone.
    std::io::stderr().write_all(text.as_bytes()).ok();
    ExitCode::FAILURE
}
