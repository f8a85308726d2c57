//! Start at login: switched by `tauri-plugin-autostart`, then read back and mended.
//!
//! The plugin leaves paths with spaces unquoted and takes a file that is there for one that is
//! in force. What the system will do is what its own entry says, so that is what is shown.

#[cfg(target_os = "linux")]
#[path = "autostart/xdg_autostart.rs"]
mod imp;
#[cfg(target_os = "macos")]
#[path = "autostart/launch_agent.rs"]
mod imp;
#[cfg(windows)]
#[path = "autostart/run_key.rs"]
mod imp;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Runtime};
use tauri_plugin_autostart::{Builder, ManagerExt as _};

use crate::view::{Autostart, Problem};

/// What the system calls the entry.
const NAME: &str = "devpulse-desktop";
/// Without a window, unless something needs the person.
const ARGUMENT: &str = "--hidden";

/// Why start at login cannot be switched.
#[derive(Debug, thiserror::Error)]
pub enum AutostartError {
    /// The plugin could not write or remove the entry.
    #[error("the entry cannot be written: {0}")]
    Plugin(#[from] tauri_plugin_autostart::Error),
    /// The entry cannot be read or mended.
    #[error("{path}: {source}")]
    Entry {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing says where entries are.
    #[error("there is no home folder")]
    NoHome,
    /// The program does not know where it is.
    #[error("the program does not find itself: {0}")]
    Program(#[source] io::Error),
    /// It was written, and the system still says otherwise.
    #[error("the system does not take the change")]
    NotTaken,
}

/// What is started at login.
#[derive(Clone, Debug)]
struct Launch {
    program: PathBuf,
}

/// The plugin. Made once per process, before anything else here is asked.
#[must_use]
pub fn plugin<R: Runtime>() -> TauriPlugin<R> {
    if let Err(error) = launch() {
        tracing::warn!(%error, "start at login cannot be switched");
    }
    Builder::new().app_name(NAME).arg(ARGUMENT).build()
}

/// Whether the app starts at login, as the system's entry says.
#[must_use]
pub fn view<R: Runtime>(app: &AppHandle<R>) -> Autostart {
    match is_on(app) {
        Ok(is_on) => Autostart { is_on, problem: None },
        Err(error) => Autostart { is_on: false, problem: Some(problem(&error)) },
    }
}

/// Switches it. Where this returns without an error, the entry was read back and says so.
///
/// # Errors
/// Says why it is as it was.
pub fn set<R: Runtime>(app: &AppHandle<R>, on: bool) -> Result<(), Problem> {
    switch(app, on).map_err(|error| problem(&error))
}

/// Mends an entry that is in force and starts a program that is gone, as after a move of the
/// program, or that cannot be started as it is written.
pub fn mend<R: Runtime>(app: &AppHandle<R>) {
    let mended = launch().and_then(|launch| {
        let is_due = is_on(app)? && imp::is_stale(&launch)?;
        if is_due {
            switch(app, true)?;
        }
        Ok(is_due)
    });
    match mended {
        Ok(true) => tracing::info!("the entry for start at login was mended"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "the entry for start at login cannot be mended"),
    }
}

fn is_on<R: Runtime>(app: &AppHandle<R>) -> Result<bool, AutostartError> {
    imp::is_on(|| Ok(app.autolaunch().is_enabled()?))
}

fn switch<R: Runtime>(app: &AppHandle<R>, on: bool) -> Result<(), AutostartError> {
    let launch = launch()?;
    if on {
        app.autolaunch().enable()?;
        imp::write(&launch, || Ok(app.autolaunch().disable()?))?;
    } else {
        app.autolaunch().disable()?;
        imp::clear()?;
    }
    let is_taken = is_on(app)? == on && !(on && imp::is_stale(&launch)?);
    is_taken.then_some(()).ok_or(AutostartError::NotTaken)
}

/// The program as it was at its start: a later update may move the file away.
fn launch() -> Result<Launch, AutostartError> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    if let Some(program) = PROGRAM.get() {
        return Ok(Launch { program: program.clone() });
    }
    let image = std::env::var_os("APPIMAGE").map(PathBuf::from).filter(|path| path.is_absolute());
    let program = image.map_or_else(std::env::current_exe, Ok).map_err(AutostartError::Program)?;
    Ok(Launch { program: PROGRAM.get_or_init(|| program).clone() })
}

fn problem(error: &AutostartError) -> Problem {
    let hint = match error {
        AutostartError::Entry { path, .. } => {
            Some(format!("see that you may write {}", folder(path).display()))
        }
        AutostartError::Plugin(_)
        | AutostartError::NoHome
        | AutostartError::Program(_)
        | AutostartError::NotTaken => None,
    };
    Problem { message: error.to_string(), hint }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
