//! The Settings screen.

use serde::Serialize;

/// A setting with its origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SettingRow {
    /// Its dotted name.
    pub name: String,
    /// Its value as JSON text.
    pub value: String,
    /// Where it comes from: `managed`, `flag`, `environment`, `.env`, `config.toml`, `server`,
    /// `default` and the like.
    pub origin: String,
    /// The variable, where the environment sets it.
    pub variable: Option<String>,
}

/// Start at login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Autostart {
    /// Whether the app starts at login, as the system's own entry says.
    pub is_on: bool,
    /// Why it cannot be changed.
    pub problem: Option<super::Problem>,
}

/// What `doctor` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Diagnostics {
    /// One check each.
    pub checks: Vec<DiagnosticCheck>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DiagnosticCheck {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: DiagnosticState,
    /// One sentence without a full stop.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DiagnosticState {
    /// As it should be.
    Ok,
    /// It works with less than it should.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at.
    Unknown,
}

/// Diagnostics that were gathered and are not written yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Gathered {
    /// The file that they would be written to.
    pub path: String,
    /// What it would hold.
    pub parts: Vec<GatheredPart>,
}

/// One file within the file of diagnostics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GatheredPart {
    /// Its name.
    pub name: String,
    /// What it holds, in a few words.
    pub about: String,
    /// Its length before it is packed.
    pub bytes: u64,
}
