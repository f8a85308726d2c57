//! The session that the agent finds itself in.

/// How to reach the desktop, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desktop {
    /// The X display (`DISPLAY`).
    pub display: Option<String>,
    /// The Wayland display (`WAYLAND_DISPLAY`). While it is set, X11 is believed in nothing.
    pub wayland_display: Option<String>,
}

impl Desktop {
    /// Reads the environment; empty variables count as absent.
    #[must_use]
    pub fn from_env() -> Self {
        Self { display: variable("DISPLAY"), wayland_display: variable("WAYLAND_DISPLAY") }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
