//! What is told over D-Bus: lock, sleep and shutdown by logind on the system's bus and screen
//! savers on the session's; focus, input and screens by KDE's KWin and GNOME's Shell and Mutter.
//! Nothing is started by asking for it.

mod bus;
mod gnome_shell;
mod inhibitor;
mod kept_screen;
mod kwin;
mod logind;
mod mutter;
mod own_session;
mod saver;

use std::sync::Arc;

use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, Probe, Refusal, WindowFacts};
use crate::wayland::not_wayland;
use bus::Bus;
pub(crate) use gnome_shell::MISSING as NO_EXTENSION;
pub(crate) use kwin::FORBIDDEN as KWIN_FORBIDS;

/// Lock, sleep and shutdown by logind, and locks that only a screen saver tells of.
pub(crate) fn logind_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            let system = system_bus(&desktop).await?;
            let hook = logind::LogindHook::open(system, desktop).await?;
            Ok(Box::new(hook) as Box<dyn Hook>)
        })
    };
    Probe { backend: logind::BACKEND, open: Arc::new(open) }
}

/// Locks that a screen saver tells of, and nothing else.
pub(crate) fn saver_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            let session = session_bus(&desktop).await?;
            let hook = saver::SaverHook::open(session).await?;
            Ok(Box::new(hook) as Box<dyn Hook>)
        })
    };
    Probe { backend: saver::BACKEND, open: Arc::new(open) }
}

/// Focus and titles by a script in KWin.
pub(crate) fn kwin_focus_probe() -> Probe {
    on_wayland(kwin::BACKEND, |bus, desktop| {
        Box::pin(async move {
            Ok(Box::new(kwin::FocusHook::open(bus, &desktop).await?) as Box<dyn Hook>)
        })
    })
}

/// Screens by KWin.
pub(crate) fn kwin_screen_probe() -> Probe {
    on_wayland(kwin::SCREEN_BACKEND, |bus, desktop| {
        Box::pin(async move {
            Ok(Box::new(kwin::ScreenHook::open(bus, &desktop).await?) as Box<dyn Hook>)
        })
    })
}

/// Focus and titles by the project's extension of GNOME Shell.
pub(crate) fn gnome_focus_probe() -> Probe {
    on_wayland(gnome_shell::BACKEND, |bus, _| {
        Box::pin(
            async move { Ok(Box::new(gnome_shell::FocusHook::open(bus).await?) as Box<dyn Hook>) },
        )
    })
}

/// Input by GNOME's Mutter.
pub(crate) fn mutter_idle_probe() -> Probe {
    on_wayland(mutter::BACKEND, |bus, _| {
        Box::pin(async move { Ok(Box::new(mutter::IdleHook::open(bus).await?) as Box<dyn Hook>) })
    })
}

/// The windows that KWin shows.
pub(crate) async fn kwin_windows(desktop: &Desktop) -> Result<Vec<WindowFacts>, Refusal> {
    kwin::open_windows(session_bus(desktop).await?, desktop).await
}

/// A backend that listens on the session bus of a Wayland desktop.
fn on_wayland(backend: &'static str, hook: OpenOnBus) -> Probe {
    let open = move |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            if desktop.wayland_display.is_none() {
                return Err(not_wayland());
            }
            let bus = desktop_bus(&desktop).await?;
            hook(bus, desktop).await
        })
    };
    Probe { backend, open: Arc::new(open) }
}

/// Opens a hook that listens on the session bus.
type OpenOnBus = fn(Bus, Desktop) -> BoxFuture<Result<Box<dyn Hook>, Refusal>>;

async fn desktop_bus(desktop: &Desktop) -> Result<Bus, Refusal> {
    let Some(address) = &desktop.session_bus else {
        return Err(Refusal::Absent(
            "there is no session bus (D-Bus), over which KDE and GNOME tell what happens"
                .to_owned(),
        ));
    };
    connected("the session bus", address).await
}

async fn system_bus(desktop: &Desktop) -> Result<Bus, Refusal> {
    let Some(address) = &desktop.system_bus else {
        return Err(Refusal::Absent(
            "there is no system bus (D-Bus), so lock and sleep are not told".to_owned(),
        ));
    };
    connected("the system bus", address).await
}

async fn session_bus(desktop: &Desktop) -> Result<Bus, Refusal> {
    let Some(address) = &desktop.session_bus else {
        return Err(Refusal::Absent(
            "there is no session bus (D-Bus), so no screen saver is heard".to_owned(),
        ));
    };
    connected("the session bus", address).await
}

async fn connected(name: &'static str, address: &str) -> Result<Bus, Refusal> {
    Bus::connect(name, address)
        .await
        .map_err(|error| Refusal::Failed(format!("{name} does not answer: {error}")))
}
