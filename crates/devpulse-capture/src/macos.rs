//! macOS backends: focus by notifications of the workspace, titles by the accessibility
//! interface, idle time by deadline, the session by distributed notifications and by the
//! power management, screens by `xcap`.

mod accessibility;
mod assertions;
mod focus;
mod idle;
mod main_loop;
mod notifications;
mod permission;
mod power;
mod screen;
mod session;
mod window;

use std::sync::Arc;

use crate::hook::{BoxFuture, Hook, Probe, Refusal, WindowFacts};

pub(crate) use main_loop::beside;
pub(crate) use permission::{NO_SCREENS, NO_TITLES, TITLES_LATE};
pub(crate) use session::NO_LOGIN_SESSION;

/// Focus and titles.
pub(crate) fn focus_probe() -> Probe {
    probe("nsworkspace", || Ok(Box::new(focus::FocusHook)))
}

/// Idle time.
pub(crate) fn idle_probe() -> Probe {
    probe("cgeventsource", || Ok(Box::new(idle::IdleHook)))
}

/// Lock, sleep, shutdown.
pub(crate) fn session_probe() -> Probe {
    probe("notifications", || {
        session::is_locked().map_err(|error| Refusal::Failed(error.to_string()))?;
        Ok(Box::new(session::SessionHook))
    })
}

/// Screens.
pub(crate) fn screen_probe() -> Probe {
    let open = |_: &_| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        Box::pin(async {
            if permission::may_see_screens() {
                return Ok(Box::new(screen::ScreenHook) as Box<dyn Hook>);
            }
            permission::ask_for_screens().await;
            Err(Refusal::Denied(NO_SCREENS.to_owned()))
        })
    };
    Probe { backend: "xcap", open: Arc::new(open) }
}

/// The windows that are open now, whether they can be seen or not.
pub(crate) async fn open_windows() -> Result<Vec<WindowFacts>, Refusal> {
    let listed = tokio::task::spawn_blocking(window::open).await;
    listed
        .map_err(|error| Refusal::Failed(error.to_string()))?
        .ok_or_else(|| Refusal::Failed(NO_LOGIN_SESSION.to_owned()))
}

fn probe(backend: &'static str, open: fn() -> Result<Box<dyn Hook>, Refusal>) -> Probe {
    let open = move |_: &_| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        Box::pin(async move { open() })
    };
    Probe { backend, open: Arc::new(open) }
}
