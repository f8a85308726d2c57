//! Which window has the focus, by the events of Sway.

use std::path::PathBuf;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::message::{self, Events, Kind, Question};
use super::{failed, tree};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, WindowFacts};
use crate::signals::Signal;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "sway";

/// Watches the focus.
pub(super) struct FocusHook {
    socket: PathBuf,
    events: Events,
}

/// What an event means for the focus.
enum Told {
    /// This window has it.
    Window(WindowFacts),
    /// Something may have changed.
    Unclear,
    /// Nothing.
    Nothing,
}

impl FocusHook {
    pub(super) async fn open(socket: PathBuf) -> Result<Self, Refusal> {
        let events = Events::open(&socket).await.map_err(failed)?;
        Ok(Self { socket, events })
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let mut told = self.look().await?;
        out.send(observation(told.clone()), out.now()).await;
        loop {
            let (kind, event) = self.events.next().await.map_err(gone)?;
            let at = out.now();
            let focused = match meaning(kind, &event) {
                Told::Nothing => continue,
                Told::Window(facts) => Some(facts),
                Told::Unclear => self.look().await?,
            };
            if focused != told {
                told = focused;
                out.send(observation(told.clone()), at).await;
            }
        }
    }

    async fn look(&self) -> Result<Option<WindowFacts>, HookError> {
        let socket = self.socket.clone();
        let asked = tokio::task::spawn_blocking(move || message::ask(&socket, Question::Tree));
        let tree = asked.await.map_err(std::io::Error::other).flatten().map_err(gone)?;
        Ok(tree::focused(&tree))
    }
}

fn observation(focused: Option<WindowFacts>) -> Observation {
    focused.map_or(Observation::NoWindow, Observation::Window)
}

fn meaning(kind: Kind, event: &Value) -> Told {
    let (change, window) = (event["change"].as_str().unwrap_or_default(), &event["container"]);
    match (kind, change) {
        (Kind::Window, "focus") => tree::window(window).map_or(Told::Unclear, Told::Window),
        (Kind::Window, "title") if window["focused"] == true => {
            tree::window(window).map_or(Told::Unclear, Told::Window)
        }
        (Kind::Window, "close" | "move" | "floating" | "new") => Told::Unclear,
        (Kind::Workspace, "focus" | "empty" | "init" | "reload") => Told::Unclear,
        _ => Told::Nothing,
    }
}

fn gone(error: std::io::Error) -> HookError {
    HookError::with_source("Sway is gone", error)
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
