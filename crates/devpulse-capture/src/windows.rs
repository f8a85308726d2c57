//! Windows backends: focus and titles by events of the windows, idle time by deadline, the
//! session by messages to a hidden window, screens by `xcap`.

mod focus;
mod idle;
mod open_windows;
mod program;
mod pump;
mod screen;
mod session;
mod window;

use std::sync::Arc;

use crate::hook::{BoxFuture, Hook, Probe, Refusal, WindowFacts};

/// Focus and titles.
pub(crate) fn focus_probe() -> Probe {
    probe("winevent", || Box::new(focus::FocusHook))
}

/// Idle time.
pub(crate) fn idle_probe() -> Probe {
    probe("last-input", || Box::new(idle::IdleHook::new()))
}

/// Idle time by `user-idle`, where Windows does not answer us.
pub(crate) fn user_idle_probe() -> Probe {
    probe("user-idle", || Box::new(idle::IdleHook::by_user_idle()))
}

/// Lock, sleep, shutdown.
pub(crate) fn session_probe() -> Probe {
    probe("wts", || Box::new(session::SessionHook))
}

/// Screens.
pub(crate) fn screen_probe() -> Probe {
    probe("xcap", || Box::new(screen::ScreenHook))
}

/// The windows that are open now, whether they can be seen or not.
pub(crate) async fn open_windows() -> Result<Vec<WindowFacts>, Refusal> {
    let listed = tokio::task::spawn_blocking(open_windows::list).await;
    listed.map_err(|error| Refusal::Failed(error.to_string()))
}

/// Whether a backend serves shows when it runs: there is nothing to connect to.
fn probe(backend: &'static str, hook: fn() -> Box<dyn Hook>) -> Probe {
    let open = move |_: &_| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        Box::pin(async move { Ok(hook()) })
    };
    Probe { backend, open: Arc::new(open) }
}
