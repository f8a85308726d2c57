//! KWin: focus by a script that stays in it and calls back, screens by its own interface.

mod screen;
mod script;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use zbus::message::{Message, Type};

use super::bus::{Bus, Object};
use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, WindowFacts};
use crate::signals::Signal;
pub(crate) use screen::FORBIDDEN;
pub(super) use screen::ScreenHook;
use script::Script;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "kwin-script";

/// Its name in `doctor`, for screens.
pub(super) const SCREEN_BACKEND: &str = screen::BACKEND;

const KWIN: &str = "org.kde.KWin";

/// What stays in KWin while the hook runs.
const FOCUS_SCRIPT: &str = include_str!("kwin/focus.js");

/// What is asked for the list of windows, once.
const WINDOWS_SCRIPT: &str = include_str!("kwin/windows.js");

/// Watches the focus.
pub(super) struct FocusHook {
    bus: Bus,
    /// The connection that KWin has: nobody else is believed.
    kwin: String,
    folder: PathBuf,
}

/// A window as a script describes it.
#[derive(Deserialize)]
struct Described {
    id: String,
    app: String,
    title: String,
    pid: u32,
}

impl FocusHook {
    pub(super) async fn open(bus: Bus, desktop: &Desktop) -> Result<Self, Refusal> {
        let (kwin, folder) = present(&bus, desktop).await?;
        Ok(Self { bus, kwin, folder })
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let gone = format!(
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{KWIN}'"
        );
        self.bus.subscribe(&gone).await.map_err(refused)?;
        let script = Script::load(&self.bus, &self.folder, "devpulse-focus", FOCUS_SCRIPT).await?;
        let mut told: Option<Option<WindowFacts>> = None;
        loop {
            let message = self.bus.next_message().await?;
            if message.message_type() == Type::Signal {
                if is_gone(&message) {
                    return Err(HookError::new("KWin went away"));
                }
                continue;
            }
            let at = out.now();
            let said = script.said(&message, &self.kwin);
            self.bus.acknowledge(&message).await?;
            let Some(window) = said.and_then(|said| described(&said)) else { continue };
            if told.as_ref() != Some(&window) {
                told = Some(window.clone());
                out.send(window.map_or(Observation::NoWindow, Observation::Window), at).await;
            }
        }
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

/// The windows that are open now.
pub(super) async fn open_windows(
    mut bus: Bus,
    desktop: &Desktop,
) -> Result<Vec<WindowFacts>, Refusal> {
    let (kwin, folder) = present(&bus, desktop).await?;
    let said = script::answer(&mut bus, &kwin, &folder, WINDOWS_SCRIPT).await;
    let said = said.map_err(|error| Refusal::Failed(error.to_string()))?;
    let windows: Vec<Described> = serde_json::from_str(&said)
        .map_err(|_| Refusal::Failed("KWin's list of windows makes no sense".to_owned()))?;
    Ok(windows.into_iter().map(facts).collect())
}

/// The connection of KWin, and where a script can be put for it.
async fn present(bus: &Bus, desktop: &Desktop) -> Result<(String, PathBuf), Refusal> {
    let kwin = bus
        .owner(KWIN)
        .await
        .ok_or_else(|| Refusal::Unfit("KWin does not run on the session bus".to_owned()))?;
    let folder = desktop.runtime_dir.clone().ok_or_else(|| {
        Refusal::Failed(
            "XDG_RUNTIME_DIR is not set, so there is no place for KWin's script".to_owned(),
        )
    })?;
    Ok((kwin, folder))
}

/// What a script said of the focus: the window, or that there is none.
fn described(said: &str) -> Option<Option<WindowFacts>> {
    let window: Option<Described> = serde_json::from_str(said).ok()?;
    Some(window.map(facts))
}

fn facts(window: Described) -> WindowFacts {
    let Described { id, app, title, pid } = window;
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    WindowFacts {
        window: hasher.finish(),
        title: Some(title).filter(|title| !title.is_empty()),
        app_name: Some(app).filter(|app| !app.is_empty()),
        pid: Some(pid).filter(|pid| *pid > 0),
    }
}

fn is_gone(message: &Message) -> bool {
    let header = message.header();
    if header.member().is_none_or(|member| member.as_str() != "NameOwnerChanged") {
        return false;
    }
    let body = message.body();
    let changed: Result<(String, String, String), _> = body.deserialize();
    changed.is_ok_and(|(name, _, _)| name == KWIN)
}

fn refused(error: super::bus::CallError) -> HookError {
    HookError::with_source("KWin cannot be listened to", error)
}

/// An object of KWin.
const fn object<'a>(path: &'a str, interface: &'a str) -> Object<'a> {
    Object { peer: KWIN, path, interface }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_by_what_the_script_says_of_it() {
        let said = r#"{"id": "{7a}", "app": "kate", "title": "a", "pid": 12}"#;
        let window = described(said).unwrap().unwrap();
        assert_eq!((window.app_name.as_deref(), window.pid), (Some("kate"), Some(12)));
        let other = said.replace("7a", "7b").replace("12", "0");
        let other = described(&other).unwrap().unwrap();
        assert_ne!(other.window, window.window);
        assert_eq!(other.pid, None);
        assert!(described("null").unwrap().is_none());
        assert!(described("nonsense").is_none());
    }
}
