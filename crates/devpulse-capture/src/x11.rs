//! X11 backends: focus, idle and screens, each on a connection of its own.
//!
//! Never used while `WAYLAND_DISPLAY` is set: what X11 sees there is not what the person does.

mod connection;
mod focus;
mod idle;
mod open_windows;
mod properties;
mod screen;
mod windows;

use std::sync::Arc;

use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Probe, Refusal, WindowFacts};
use connection::{Connection, OpenError};

/// Focus and titles by property events.
pub(crate) fn focus_probe() -> Probe {
    probe("x11", |connection| {
        let hook = focus::FocusHook::new(connection);
        Box::new(hook)
    })
}

/// Idle time by alarms of the SYNC extension.
pub(crate) fn idle_probe() -> Probe {
    probe("x11-sync", |connection| Box::new(idle::IdleHook::new(connection)))
}

/// Screens by shared memory.
pub(crate) fn screen_probe() -> Probe {
    probe("x11-shm", |connection| Box::new(screen::ScreenHook::new(connection)))
}

fn probe(backend: &'static str, hook: fn(Connection) -> Box<dyn Hook>) -> Probe {
    let open = move |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move { Ok(hook(connect(&desktop).await?)) })
    };
    Probe { backend, open: Arc::new(open) }
}

/// The windows that are open now, whether they can be seen or not.
pub(crate) async fn open_windows(desktop: &Desktop) -> Result<Vec<WindowFacts>, Refusal> {
    let connection = connect(desktop).await?;
    let listed = off_the_runtime(move || open_windows::list(&connection)).await;
    listed.flatten().map_err(|error| Refusal::Failed(error.to_string()))
}

async fn connect(desktop: &Desktop) -> Result<Connection, Refusal> {
    let display = display_of(desktop)?;
    off_the_runtime(move || Connection::open(&display))
        .await
        .map_err(|error| Refusal::Failed(error.to_string()))?
        .map_err(|error| match error {
            OpenError::NotADisplay(_) => Refusal::Absent(error.to_string()),
            OpenError::Refused(..) => Refusal::Denied(error.to_string()),
            OpenError::NoAnswer(..) => Refusal::Failed(error.to_string()),
        })
}

fn display_of(desktop: &Desktop) -> Result<String, Refusal> {
    if desktop.wayland_display.is_some() {
        return Err(Refusal::Absent(
            "this is a Wayland session (WAYLAND_DISPLAY is set), where X11 does not see what the \
             person does"
                .to_owned(),
        ));
    }
    desktop
        .display
        .clone()
        .ok_or_else(|| Refusal::Absent("there is no display (DISPLAY is not set)".to_owned()))
}

/// Runs what waits for replies of the server. Every wait ends by the connection's deadline.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HookError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| HookError::with_source("the work for X11 was cut short", error))
}
