//! What the agent's state means to a person: the icon, the first line, the cause, the remedy.
//!
//! One pure function decides it, for the tray and for the window alike. Green is earned: it
//! is shown only while captured, stored, sent and acknowledged have each moved within the
//! deadline. Everything that is not proven to work is named.

mod continuity;
mod judgement;
mod progress;
mod snapshot;
mod stages;
#[cfg(test)]
mod tests;

use devpulse_protocol::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

pub use continuity::Continuity;
pub use progress::changes_at;
pub use snapshot::{Host, Run, Snapshot};
pub use stages::stages;

use judgement::Judge;
pub(crate) use judgement::OLD_BACKLOG;

/// The icon and the first line. Both the tray and the window show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Standing {
    /// Which icon.
    pub icon: Icon,
    /// A few words, such as `Working` or `The server cannot be reached`.
    pub headline: String,
    /// One sentence of cause without a full stop; `null` where all is well.
    pub cause: Option<String>,
    /// What to do, in words; `null` where nothing has to be done.
    pub remedy: Option<String>,
    /// What the button beside it does; `null` where there is none.
    pub action: Option<Action>,
}

/// The icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Icon {
    /// Every stage moved within its deadline.
    Working,
    /// A backlog is on its way.
    Syncing,
    /// The server cannot be reached; nothing is lost.
    Offline,
    /// The person paused capture.
    Paused,
    /// The person or the administrator has to do something.
    ActionNeeded,
}

/// What helps, as far as the app can do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Open the wizard.
    Enroll,
    /// Show what a wider policy asks.
    ReviewConsent,
    /// End the pause.
    Resume,
    /// Send now.
    SyncNow,
    /// Show the diagnostics.
    Diagnose,
}

/// What the snapshot means at `now`, with times of day as this computer's clock shows them.
#[must_use]
pub fn standing(snapshot: &Snapshot, now: Timestamp) -> Standing {
    Judge::new(snapshot, now, &TimeZone::system()).standing()
}
