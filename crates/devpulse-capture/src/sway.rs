//! Sway, by its own socket: the protocol of i3, with processes and places of windows.

mod focus;
mod message;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Probe, Refusal, WindowFacts};
use crate::wayland::not_wayland;
use crate::window_places::PlacedWindow;
use message::Question;

/// Focus and titles by the events of Sway.
pub(crate) fn focus_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            let socket = present(&desktop)?;
            Ok(Box::new(focus::FocusHook::open(socket).await?) as Box<dyn Hook>)
        })
    };
    Probe { backend: focus::BACKEND, open: Arc::new(open) }
}

/// Where Sway answers: at the socket that the environment names, else, after a restart, at the
/// newest one in the folder of the session's sockets.
pub(crate) fn socket(desktop: &Desktop) -> Option<PathBuf> {
    desktop.wayland_display.as_ref()?;
    let named = desktop.sway_socket.as_ref()?;
    if named.exists() {
        return Some(named.clone());
    }
    let sockets = std::fs::read_dir(named.parent()?).ok()?.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("sway-ipc.") && name.ends_with(".sock")
    });
    let newest = sockets.max_by_key(|entry| entry.metadata().and_then(|file| file.modified()).ok());
    newest.map(|entry| entry.path())
}

/// The windows that are open now.
pub(crate) async fn open_windows(desktop: &Desktop) -> Result<Vec<WindowFacts>, Refusal> {
    let socket = present(desktop)?;
    let asked = tokio::task::spawn_blocking(move || message::ask(&socket, Question::Tree)).await;
    let tree = asked.map_err(failed)?.map_err(failed)?;
    Ok(tree::windows(&tree))
}

/// The windows that can be seen, with their places. Blocks for at most a few seconds.
pub(crate) fn placed(socket: &Path) -> Result<Vec<PlacedWindow>, HookError> {
    let tree = message::ask(socket, Question::Tree)
        .map_err(|error| HookError::with_source("Sway does not list its windows", error))?;
    Ok(tree::placed(&tree))
}

fn present(desktop: &Desktop) -> Result<PathBuf, Refusal> {
    if desktop.wayland_display.is_none() {
        return Err(not_wayland());
    }
    if desktop.sway_socket.is_none() {
        return Err(Refusal::Absent("this is not Sway (SWAYSOCK is not set)".to_owned()));
    }
    socket(desktop).ok_or_else(|| Refusal::Failed("Sway does not run".to_owned()))
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Failed(format!("Sway does not answer: {error}"))
}
