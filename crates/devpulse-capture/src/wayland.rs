//! Wayland backends: focus, idle and screens by the protocols that compositors offer, each on a
//! connection of its own.

mod focus;
mod idle;
mod outputs;
mod pixels;
mod screencopy;
mod toplevels;
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Probe, Refusal, WindowFacts};
use crate::screenshot::Area;
pub(crate) use focus::UNTOLD as NO_TOPLEVELS;
use idle::Protocol;
pub(crate) use pixels::Layout;
use screencopy::Sight;
pub(crate) use screencopy::{NO_PLACES, UNSEEN as NO_SCREENCOPY};
pub(crate) use wayland_client::protocol::wl_shm::Format;
pub(crate) use wire::not_wayland;

/// Focus and titles by the compositor's list of windows.
pub(crate) fn focus_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(
            async move { Ok(Box::new(focus::FocusHook::open(&desktop).await?) as Box<dyn Hook>) },
        )
    };
    Probe { backend: focus::BACKEND, open: Arc::new(open) }
}

/// Input by ext-idle-notify.
pub(crate) fn idle_probe() -> Probe {
    idle_by(Protocol::ExtIdleNotify)
}

/// Input by the older protocol of KDE, which others speak too.
pub(crate) fn kde_idle_probe() -> Probe {
    idle_by(Protocol::KdeIdle)
}

fn idle_by(protocol: Protocol) -> Probe {
    let open = move |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            Ok(Box::new(idle::IdleHook::open(&desktop, protocol).await?) as Box<dyn Hook>)
        })
    };
    Probe { backend: protocol.backend(), open: Arc::new(open) }
}

/// Screens by wlr-screencopy.
pub(crate) fn screen_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            Ok(Box::new(screencopy::ScreenHook::open(&desktop).await?) as Box<dyn Hook>)
        })
    };
    Probe { backend: screencopy::BACKEND, open: Arc::new(open) }
}

/// The windows that are open now.
pub(crate) async fn open_windows(desktop: &Desktop) -> Result<Vec<WindowFacts>, Refusal> {
    Ok(focus::FocusHook::open(desktop).await?.list())
}

/// The monitors of a compositor, on one connection that lasts: some look closely at each
/// program that connects.
pub(crate) struct Monitors {
    socket: PathBuf,
    sight: Mutex<Option<Sight>>,
}

impl Monitors {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, sight: Mutex::default() }
    }

    /// The monitors with their names, such as `DP-1`. Blocks for at most a few seconds.
    pub(crate) fn named(&self) -> Result<Vec<(Option<String>, Area)>, HookError> {
        let mut kept = self.sight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sight) = kept.as_mut()
            && sight.look().is_ok()
        {
            return Ok(sight.named());
        }
        *kept = None;
        Ok(kept.insert(Sight::open(&self.socket)?).named())
    }
}
