//! The session that the agent finds itself in.

#[cfg(target_os = "linux")]
mod arrival;

use std::path::PathBuf;

use crate::hook::{Refusal, WindowFacts};

/// How to reach the desktop, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desktop {
    /// The X display (`DISPLAY`).
    pub display: Option<String>,
    /// The Wayland display (`WAYLAND_DISPLAY`). While it is set, X11 is believed in nothing.
    pub wayland_display: Option<String>,
    /// Address of the system's D-Bus (`DBUS_SYSTEM_BUS_ADDRESS`, else the usual socket).
    pub system_bus: Option<String>,
    /// Address of the session's D-Bus (`DBUS_SESSION_BUS_ADDRESS`, else the usual socket).
    pub session_bus: Option<String>,
    /// The id that logind gave the session (`XDG_SESSION_ID`).
    pub session_id: Option<String>,
    /// The folder of the session's sockets (`XDG_RUNTIME_DIR`).
    pub runtime_dir: Option<PathBuf>,
    /// The socket on which Sway answers questions (`SWAYSOCK`).
    pub sway_socket: Option<PathBuf>,
    /// The name that Hyprland gave itself (`HYPRLAND_INSTANCE_SIGNATURE`).
    pub hyprland_instance: Option<String>,
}

impl Desktop {
    /// Reads the environment; empty variables count as absent.
    #[must_use]
    pub fn from_env() -> Self {
        let usual_system = || socket("/run/dbus/system_bus_socket");
        let usual_session = || socket(&format!("{}/bus", variable("XDG_RUNTIME_DIR")?));
        Self {
            display: variable("DISPLAY"),
            wayland_display: variable("WAYLAND_DISPLAY"),
            system_bus: variable("DBUS_SYSTEM_BUS_ADDRESS").or_else(usual_system),
            session_bus: variable("DBUS_SESSION_BUS_ADDRESS").or_else(usual_session),
            session_id: variable("XDG_SESSION_ID"),
            runtime_dir: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            sway_socket: variable("SWAYSOCK").map(PathBuf::from),
            hyprland_instance: variable("HYPRLAND_INSTANCE_SIGNATURE"),
        }
    }

    /// The socket of the Wayland display, where there is one.
    #[must_use]
    pub fn wayland_socket(&self) -> Option<PathBuf> {
        let name = self.wayland_display.as_deref()?;
        // An absolute name replaces the folder.
        Some(self.runtime_dir.clone().unwrap_or_default().join(name))
    }
}

#[cfg(target_os = "linux")]
pub(crate) use arrival::Arrival;

/// Tells when the desktop comes back; nothing can be watched on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Arrival;

#[cfg(not(target_os = "linux"))]
impl Arrival {
    pub(crate) fn of(_: &Desktop) -> Self {
        Self
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}

/// The windows that are open now, whether they can be seen or not. For a person who wants
/// to know what rules make of them; nothing is captured.
///
/// # Errors
/// Says why this desktop does not tell.
pub async fn open_windows(desktop: &Desktop) -> Result<Vec<WindowFacts>, Refusal> {
    #[cfg(target_os = "linux")]
    return if desktop.wayland_display.is_none() {
        crate::x11::open_windows(desktop).await
    } else if desktop.sway_socket.is_some() {
        crate::sway::open_windows(desktop).await
    } else if desktop.hyprland_instance.is_some() {
        crate::hyprland::open_windows(desktop).await
    } else {
        match crate::wayland::open_windows(desktop).await {
            Ok(windows) => Ok(windows),
            Err(refusal) => crate::dbus::kwin_windows(desktop).await.map_err(|_| refusal),
        }
    };
    #[cfg(windows)]
    return match desktop {
        Desktop { .. } => crate::windows::open_windows().await,
    };
    #[cfg(target_os = "macos")]
    return match desktop {
        Desktop { .. } => crate::macos::open_windows().await,
    };
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    return match desktop {
        Desktop { .. } => {
            Err(Refusal::Absent("open windows cannot be listed on this system".to_owned()))
        }
    };
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The D-Bus address of a socket that exists.
fn socket(path: &str) -> Option<String> {
    std::path::Path::new(path).exists().then(|| format!("unix:path={path}"))
}
