//! Hyprland, by its own sockets: one that answers, one that tells what changes.

mod windows;

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use crate::desktop::Desktop;
use crate::hook::{
    BoxFuture, Hook, HookError, Observation, Observations, Probe, Refusal, WindowFacts,
};
use crate::local_socket::connect_at_once;
use crate::signals::Signal;
use crate::wayland::not_wayland;
use crate::window_places::PlacedWindow;

/// Its name in `doctor`.
const BACKEND: &str = "hyprland";

/// Hyprland answers within this, or hangs.
const PATIENCE: Duration = Duration::from_secs(4);

/// What may move the focus or change the title of the window that has it.
const CHANGES: [&str; 6] =
    ["activewindowv2", "windowtitle", "closewindow", "workspace", "focusedmon", "activespecial"];

/// Focus and titles by the events of Hyprland.
pub(crate) fn focus_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            let folder = present(&desktop)?;
            let events = connect_at_once(&folder.join(".socket2.sock"))
                .and_then(UnixStream::from_std)
                .map_err(failed)?;
            Ok(Box::new(FocusHook { folder, events: BufReader::new(events) }) as Box<dyn Hook>)
        })
    };
    Probe { backend: BACKEND, open: Arc::new(open) }
}

/// The folder of its sockets, which bears its name.
pub(crate) fn folder(desktop: &Desktop) -> Option<PathBuf> {
    desktop.wayland_display.as_ref()?;
    let instance = desktop.hyprland_instance.as_deref()?;
    let runtime = desktop.runtime_dir.as_deref()?;
    Some(runtime.join("hypr").join(instance))
}

/// The windows that are open now.
pub(crate) async fn open_windows(desktop: &Desktop) -> Result<Vec<WindowFacts>, Refusal> {
    let folder = present(desktop)?;
    let clients = answer(&folder, "j/clients").await.map_err(failed)?;
    Ok(clients.as_array().into_iter().flatten().filter_map(windows::facts).collect())
}

/// The windows that can be seen, with their places. Blocks for at most a few seconds.
pub(crate) fn placed(folder: &Path) -> Result<Vec<PlacedWindow>, HookError> {
    let ask = |question| {
        ask(folder, question)
            .map_err(|error| HookError::with_source("Hyprland does not list its windows", error))
    };
    Ok(windows::placed(&ask("j/clients")?, &ask("j/monitors")?))
}

fn present(desktop: &Desktop) -> Result<PathBuf, Refusal> {
    if desktop.wayland_display.is_none() {
        return Err(not_wayland());
    }
    folder(desktop).ok_or_else(|| {
        Refusal::Absent("this is not Hyprland (HYPRLAND_INSTANCE_SIGNATURE is not set)".to_owned())
    })
}

/// Watches the focus.
struct FocusHook {
    folder: PathBuf,
    events: BufReader<UnixStream>,
}

impl FocusHook {
    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let mut told = self.look().await?;
        out.send(observation(told.clone()), out.now()).await;
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.events.read_until(b'\n', &mut line).await.map_err(gone)? == 0 {
                return Err(HookError::new("Hyprland is gone"));
            }
            let at = out.now();
            let event = String::from_utf8_lossy(&line);
            let name = event.split(">>").next().unwrap_or_default();
            if !CHANGES.contains(&name) {
                continue;
            }
            let focused = self.look().await?;
            if focused != told {
                told = focused;
                out.send(observation(told.clone()), at).await;
            }
        }
    }

    async fn look(&self) -> Result<Option<WindowFacts>, HookError> {
        let active = answer(&self.folder, "j/activewindow").await.map_err(gone)?;
        Ok(windows::facts(&active))
    }
}

impl Hook for FocusHook {
    fn signal(&self) -> Signal {
        Signal::Focus
    }

    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(self.watch(out)).await.unwrap_or(Ok(())) })
    }
}

fn observation(focused: Option<WindowFacts>) -> Observation {
    focused.map_or(Observation::NoWindow, Observation::Window)
}

async fn answer(folder: &Path, question: &'static str) -> io::Result<Value> {
    let folder = folder.to_owned();
    let asked = tokio::task::spawn_blocking(move || ask(&folder, question)).await;
    asked.map_err(io::Error::other).flatten()
}

/// Asks once. Blocks for at most a few seconds.
fn ask(folder: &Path, question: &str) -> io::Result<Value> {
    let mut stream = connect_at_once(&folder.join(".socket.sock"))?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(serde_json::from_slice(&answer)?)
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Failed(format!("Hyprland does not answer: {error}"))
}

fn gone(error: io::Error) -> HookError {
    HookError::with_source("Hyprland is gone", error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_sockets_lie_in_the_folder_of_the_instance() {
        let desktop = Desktop {
            wayland_display: Some("wayland-1".to_owned()),
            runtime_dir: Some(PathBuf::from("/run/user/7")),
            hyprland_instance: Some("abc".to_owned()),
            ..Desktop::default()
        };
        assert_eq!(folder(&desktop), Some(PathBuf::from("/run/user/7/hypr/abc")));
        assert_eq!(folder(&Desktop { wayland_display: None, ..desktop }), None);
    }

    #[test]
    fn a_question_is_answered_until_the_connection_ends() {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".socket.sock")).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 14];
            stream.read_exact(&mut question).unwrap();
            stream.write_all(br#"{"address": "0x1f", "#).unwrap();
            stream.write_all(br#""class": "foot", "title": "a", "pid": 5}"#).unwrap();
            question
        });
        let answer = ask(folder.path(), "j/activewindow").unwrap();
        assert_eq!(&server.join().unwrap(), b"j/activewindow");
        assert_eq!(windows::facts(&answer).unwrap().window, 0x1f);
    }
}
