//! What the window is shown. These types are all that crosses into the web view: made for
//! reading, without any key, and written out as TypeScript by a test.

mod activity;
mod configuration;
mod overview;
mod wizard;

pub use activity::{
    ApplicationTime, Band, BandKind, ImageView, Outbox, OutboxCounts, OutboxEvent, OutboxRequest,
    OutboxWhich, Span, Today, TodayImage,
};
pub use configuration::{
    Autostart, DiagnosticCheck, DiagnosticState, Diagnostics, Gathered, GatheredPart, SettingRow,
};
pub use overview::{
    Figures, Overview, PauseRule, PauseView, Person, Presence, RunState, SignalView, Stage,
    StageName, StageState, SyncEnd, SyncReport, TrendPoint,
};
pub use wizard::{
    ConsentView, DisclosureSection, DisclosureText, DisclosureTopic, EnrollField, EnrollForm,
    EnrollProblem, Enrolled, FormerEnrollment, FormerFate, Widened, WidenedAspect, Wizard,
};

use serde::{Deserialize, Serialize};

/// Why something did not work, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Problem {
    /// One sentence of cause, without a full stop.
    pub message: String,
    /// What to do about it; `null` where nothing can be done.
    pub hint: Option<String>,
}

/// Which screen the window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    /// The first-run wizard, or what a wider policy asks.
    Wizard,
    /// The pipeline, stage by stage.
    Status,
    /// The day as it was captured.
    Today,
    /// What waits and what was sent.
    Outbox,
    /// Start at login, effective settings, diagnostics.
    Settings,
}

impl Screen {
    /// The screen's name as the command line takes it.
    #[must_use]
    pub fn name(self) -> Option<String> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => Some(name),
            _ => None,
        }
    }
}
