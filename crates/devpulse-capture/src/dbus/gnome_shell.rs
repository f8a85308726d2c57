//! Which window has the focus, by the project's own extension of GNOME Shell, which tells those
//! who asked it to. GNOME itself tells nobody.

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::bus::{Bus, CallError, Object};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, WindowFacts};
use crate::signals::Signal;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "gnome-extension";

const SHELL: &str = "org.gnome.Shell";

const EXTENSION: Object<'_> =
    Object { peer: SHELL, path: "/org/devpulse/Focus", interface: "org.devpulse.Focus" };

/// Why GNOME's focus is not known.
pub(crate) const MISSING: &str = "GNOME tells nobody which window has the focus, and the DevPulse extension, \
                       which does, is not running";

/// Watches the focus.
pub(super) struct FocusHook {
    bus: Bus,
    /// The connection that GNOME Shell has: nobody else is believed.
    shell: String,
    present: Option<WindowFacts>,
}

/// A window as the extension describes it.
#[derive(Deserialize)]
struct Described {
    id: u64,
    app: String,
    title: String,
    pid: u32,
}

impl FocusHook {
    pub(super) async fn open(bus: Bus) -> Result<Self, Refusal> {
        let shell = bus.owner(SHELL).await.ok_or_else(|| {
            Refusal::Unfit("GNOME Shell does not run on the session bus".to_owned())
        })?;
        let owner = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";
        let told = format!("type='signal',sender='{SHELL}',interface='{}'", EXTENSION.interface);
        for rule in [format!("{owner},arg0='{SHELL}'"), told] {
            bus.subscribe(&rule).await.map_err(|error| Refusal::Failed(error.to_string()))?;
        }
        let said: Result<String, CallError> = bus.call(EXTENSION, "Watch", &()).await;
        let said = said.map_err(|error| match error {
            CallError::Bus(zbus::Error::MethodError(..)) => Refusal::Failed(MISSING.to_owned()),
            error => Refusal::Failed(format!("GNOME Shell does not answer: {error}")),
        })?;
        let present = described(&said).ok_or_else(|| {
            Refusal::Failed("the DevPulse extension speaks of windows in another way".to_owned())
        })?;
        Ok(Self { bus, shell, present })
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let mut told = self.present.take();
        out.send(observation(told.clone()), out.now()).await;
        loop {
            let message = self.bus.next_signal().await?;
            let at = out.now();
            let header = message.header();
            match header.member().map(|member| member.as_str()) {
                Some("NameOwnerChanged") => return Err(HookError::new("GNOME Shell went away")),
                Some("Stopped") if self.is_of_shell(&header) => {
                    return Err(HookError::new("the DevPulse extension was switched off"));
                }
                Some("Changed") if self.is_of_shell(&header) => {
                    let said: String = message.body().deserialize().unwrap_or_default();
                    let Some(window) = described(&said) else { continue };
                    if window != told {
                        told = window;
                        out.send(observation(told.clone()), at).await;
                    }
                }
                _ => {}
            }
        }
    }

    fn is_of_shell(&self, header: &zbus::message::Header<'_>) -> bool {
        header.sender().is_some_and(|sender| sender.as_str() == self.shell)
    }
}

/// What the extension said of the focus: the window, or that there is none.
fn described(said: &str) -> Option<Option<WindowFacts>> {
    let window: Option<Described> = serde_json::from_str(said).ok()?;
    Some(window.map(|Described { id, app, title, pid }| WindowFacts {
        window: id,
        title: Some(title).filter(|title| !title.is_empty()),
        app_name: Some(app).filter(|app| !app.is_empty()),
        pid: Some(pid).filter(|pid| *pid > 0),
    }))
}

fn observation(window: Option<WindowFacts>) -> Observation {
    window.map_or(Observation::NoWindow, Observation::Window)
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
