//! What works on this device, what does not, and what to do about it.
//!
//! Facts are gathered side by side, each within its deadline; what they mean is decided by
//! pure functions. Nothing is written, locked, recovered or started, and no secret is shown.

mod certificate;
mod delivery;
mod device;
mod facts;
mod gathering;
mod signals;
mod way;

use devpulse_capture::Desktop;
use serde::Serialize;

use crate::settings::{Settings, SettingsError};
use facts::Facts;

/// What was found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of the program that looked.
    pub version: &'static str,
    /// One check for each of [`CHECKS`], in that order.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, which does not change between versions.
    pub name: &'static str,
    /// How it is.
    pub state: CheckState,
    /// One sentence without a full stop.
    pub detail: String,
    /// What to do about it; `None` where nothing has to be done.
    pub remedy: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// It works, with less than it should, or not for much longer.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at; the sentence says why.
    Unknown,
}

/// The names of the checks, in the order of a report.
pub const CHECKS: [&str; 15] = [
    "agent",
    "settings",
    "credentials",
    "keychain",
    "log_key",
    "server",
    "tls",
    "proxy",
    "clock",
    "disk",
    "event_log",
    "focus",
    "idle",
    "session",
    "screen",
];

/// Looks at everything. Takes about ten seconds at the most.
pub async fn examine(settings: &Settings, desktop: &Desktop) -> Report {
    report(&gathering::gather(settings, desktop).await)
}

/// The report where the settings cannot be used, so that nothing else can be looked at.
#[must_use]
pub fn of_unusable_settings(error: &SettingsError) -> Report {
    let check = |name| match name {
        "settings" => Check::failed(name, chain(error), error.hint()),
        _ => Check::unknown(name, "it is looked at once the settings can be used"),
    };
    Report { version: env!("CARGO_PKG_VERSION"), checks: CHECKS.map(check).into() }
}

impl Report {
    /// Whether anything failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|check| check.state == CheckState::Failed)
    }
}

impl CheckState {
    /// The state as the JSON writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: CheckState::Ok, detail: detail.into(), remedy: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { name, state: CheckState::Warning, detail: detail.into(), remedy }
    }

    fn failed(name: &'static str, detail: impl Into<String>, remedy: Option<String>) -> Self {
        Self { name, state: CheckState::Failed, detail: detail.into(), remedy }
    }

    fn unknown(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: CheckState::Unknown, detail: detail.into(), remedy: None }
    }

    fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// What the facts mean.
fn report(facts: &Facts) -> Report {
    let [focus, idle, session, screen] = signals::checks(facts);
    let checks = vec![
        device::agent(facts),
        device::settings(facts),
        device::credentials(facts),
        device::keychain(facts),
        device::log_key(facts),
        way::server(facts),
        way::tls(facts),
        way::proxy(facts),
        way::clock(facts),
        delivery::disk(facts),
        delivery::event_log(facts),
        focus,
        idle,
        session,
        screen,
    ];
    Report { version: env!("CARGO_PKG_VERSION"), checks }
}

/// The messages of an error and of what caused it, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
