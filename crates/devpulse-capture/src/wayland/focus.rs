//! Which window has the focus, by the list of windows that compositors of the wlroots kind keep.

use tokio_util::sync::CancellationToken;
use wayland_client::delegate_dispatch;
use wayland_client::protocol::wl_callback::WlCallback;
use wayland_client::protocol::wl_registry::WlRegistry;
use wayland_protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_handle_v1::ZwlrForeignToplevelHandleV1;
use wayland_protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_manager_v1::ZwlrForeignToplevelManagerV1;

use super::toplevels::{self, KeepsToplevels, Toplevels};
use super::wire::{Basics, Listener, Registry, Settled, Wire};
use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, WindowFacts};
use crate::signals::Signal;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "wlr-foreign-toplevel";

/// Why the focus is not known.
pub(crate) const UNTOLD: &str = "the compositor does not tell which window has the focus (it \
                                 offers no zwlr_foreign_toplevel_manager_v1)";

const NO_PROCESS: &str = "this compositor does not tell which process owns a window";

/// Watches the focus.
pub(super) struct FocusHook {
    wire: Wire<Windows>,
    windows: Windows,
}

#[derive(Default)]
struct Windows {
    basics: Basics,
    toplevels: Toplevels,
}

impl FocusHook {
    pub(super) async fn open(desktop: &Desktop) -> Result<Self, Refusal> {
        let mut windows = Windows::default();
        let mut wire = Wire::open(desktop, &mut windows).await?;
        let manager: Option<ZwlrForeignToplevelManagerV1> =
            wire.bind(&mut windows, toplevels::VERSION);
        if manager.is_none() {
            return Err(Refusal::Failed(UNTOLD.to_owned()));
        }
        wire.settle(&mut windows).await.map_err(|error| Refusal::Failed(error.to_string()))?;
        Ok(Self { wire, windows })
    }

    /// The windows that are open now.
    pub(super) fn list(&self) -> Vec<WindowFacts> {
        self.windows.toplevels.all().map(|toplevel| toplevel.facts()).collect()
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let ready = self.wire.readiness()?;
        let mut told: Option<Option<WindowFacts>> = None;
        loop {
            let active = self.windows.toplevels.active();
            if told.as_ref() != Some(&active) {
                let first = told.is_none();
                told = Some(active.clone());
                let observation = active.map_or(Observation::NoWindow, Observation::Window);
                out.send(observation, out.now()).await;
                if first {
                    out.shortcoming(Some(NO_PROCESS.to_owned()));
                }
            }
            self.wire.dispatch(&ready, &mut self.windows).await?;
            if self.windows.toplevels.is_finished() {
                return Err(HookError::new("the compositor lists its windows no longer"));
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

impl Listener for Windows {
    fn basics(&mut self) -> &mut Basics {
        &mut self.basics
    }
}

impl KeepsToplevels for Windows {
    fn toplevels(&mut self) -> &mut Toplevels {
        &mut self.toplevels
    }
}

delegate_dispatch!(Windows: [WlRegistry: Registry] => Registry);
delegate_dispatch!(Windows: [WlCallback: Settled] => Settled);
delegate_dispatch!(Windows: [ZwlrForeignToplevelManagerV1: ()] => Toplevels);
delegate_dispatch!(Windows: [ZwlrForeignToplevelHandleV1: ()] => Toplevels);
