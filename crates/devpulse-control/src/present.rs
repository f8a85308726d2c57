//! What goes on now, and what went on over the last hour.

use devpulse_protocol::Timestamp;
use serde::{Deserialize, Serialize};

/// What is going on now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The window that has the focus, as its session would be reported if it ended now;
    /// `null` where none would be.
    pub window: Option<OpenSession>,
    /// Whether the person works, as far as the system tells.
    pub presence: Presence,
    /// Since when; `null` where that is not known.
    pub since: Option<Timestamp>,
}

/// A window session that has not ended, already under the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// What is left of the title.
    pub window_title: Option<String>,
    /// The application, where the desktop tells it.
    pub app_name: Option<String>,
    /// When the window got the focus.
    pub since: Timestamp,
}

/// Whether the person works. Where several hold, the first of the list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The person paused capture.
    Paused,
    /// The machine sleeps, or wakes at this moment.
    Suspended,
    /// The screen is locked.
    Locked,
    /// There was no input for the time that the policy sets.
    Idle,
    /// There was input.
    Active,
    /// Nothing tells of input yet.
    Unknown,
}

/// The figures of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When they were read.
    pub at: Timestamp,
    /// Events that were ever committed.
    pub captured: u64,
    /// Events that the server acknowledged.
    pub sent: u64,
    /// Events that the server has not acknowledged.
    pub pending: u64,
    /// Events that are kept as dead letters.
    pub dead_letter: u64,
    /// Events that were given up.
    pub dropped: u64,
}
