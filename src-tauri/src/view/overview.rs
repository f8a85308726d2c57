//! The first screen: what the agent does now.

use devpulse_protocol::Config;
use serde::{Deserialize, Serialize};

use super::Screen;
use crate::standing::Standing;

/// What the window shows at any time. Asked for every second while it is visible.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Overview {
    /// Version of the app.
    pub version: String,
    /// The icon and the first line.
    pub standing: Standing,
    /// Who runs the agent.
    pub run_state: RunState,
    /// For whom the device is enrolled; `null` before.
    pub person: Option<Person>,
    /// From capture to receipt, in this order.
    pub stages: Vec<Stage>,
    /// The counters.
    pub figures: Figures,
    /// What serves each signal: focus, idle, session, screen.
    pub signals: Vec<SignalView>,
    /// What the person does now, where the agent tells.
    pub presence: Option<Presence>,
    /// The pause in force; `null` where there is none.
    pub pause: Option<PauseView>,
    /// What the policy says about pauses.
    pub pause_rule: PauseRule,
    /// Whether screenshots are allowed, so that one can be asked for.
    pub can_screenshot: bool,
    /// Whether a wider policy waits for the person's word.
    pub consent_awaits: bool,
    /// Whether a tray shows the icon; without one the window says how to come back.
    pub has_tray: bool,
    /// Whether the person may end the app from the window.
    pub can_quit: bool,
    /// Version of the server's configuration; `null` where none was fetched.
    pub policy_version: Option<i64>,
    /// The screen to go to, where the tray asked for one since the last look.
    pub wanted_screen: Option<Screen>,
}

/// Who runs the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RunState {
    /// The tray app itself.
    Here,
    /// Another program, which the app is attached to.
    Attached {
        /// Its process id.
        pid: u32,
    },
    /// Nobody yet: it is starting.
    Starting,
    /// Nobody: the device is not enrolled, or its disclosure not accepted.
    NotEnrolled,
    /// Nobody: it does not start.
    Failed {
        /// Why.
        problem: super::Problem,
    },
}

/// For whom the device is enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Person {
    /// The name that the server knows.
    pub username: String,
    /// The device's id.
    pub device_id: String,
    /// Where events go.
    pub server_url: String,
    /// Where the key is kept, in words.
    pub key_place: Option<String>,
}

/// A stage of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Stage {
    /// Which one.
    pub name: StageName,
    /// How it does.
    pub state: StageState,
    /// When it last moved; RFC 3339.
    pub moved_at: Option<String>,
    /// How many events went through it since the log began, or wait in it for `Queued`.
    pub count: u64,
    /// One sentence, where there is something to say.
    pub detail: Option<String>,
}

/// The stages, in the order of an event's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// The hooks saw it.
    Captured,
    /// It is on the disk.
    Stored,
    /// It was sent.
    Sent,
    /// The server acknowledged it.
    Acknowledged,
}

/// How a stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// It moved within its deadline.
    Moving,
    /// Nothing is due.
    Resting,
    /// It should have moved and did not.
    Late,
    /// Something stands in its way.
    Blocked,
}

/// The counters. `captured = sent + pending + dead_letter + dropped`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Figures {
    /// Events that were ever stored.
    pub captured: u64,
    /// Events that wait in memory.
    pub queued: u64,
    /// Stored events that the server has not acknowledged.
    pub pending: u64,
    /// Those on their way.
    pub in_flight: u64,
    /// Events that the server acknowledged.
    pub sent: u64,
    /// Events that the server refused for good.
    pub rejected: u64,
    /// Events kept with the reason why they cannot be delivered.
    pub dead_letter: u64,
    /// Events given up, told to the server as a gap.
    pub dropped: u64,
    /// Images that the server does not have yet.
    pub images_pending: u64,
    /// Age of the oldest pending event in seconds.
    pub oldest_pending_s: Option<f64>,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// When the server last acknowledged something; RFC 3339.
    pub last_receipt: Option<String>,
    /// What went wrong last; `null` once delivery works.
    pub last_error: Option<String>,
    /// When delivery is tried again; RFC 3339.
    pub next_attempt: Option<String>,
}

/// What serves a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SignalView {
    /// `focus`, `idle`, `session` or `screen`.
    pub name: String,
    /// `ok`, `degraded`, `unavailable` or `denied`.
    pub state: String,
    /// The backend that serves it.
    pub backend: Option<String>,
    /// When it last delivered something; RFC 3339.
    pub last_seen: Option<String>,
    /// What is missing and how to get it.
    pub detail: Option<String>,
}

/// What the person does now, as it would be reported.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Presence {
    /// `active`, `idle`, `locked`, `suspended` or `paused`.
    pub state: String,
    /// Since when; RFC 3339.
    pub since: Option<String>,
    /// The application that has the focus, as it is reported.
    pub app: Option<String>,
    /// Its window's title, as it is reported.
    pub title: Option<String>,
    /// Since when it has the focus; RFC 3339.
    pub app_since: Option<String>,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PauseView {
    /// When it began; RFC 3339.
    pub since: String,
    /// When it ends by itself; RFC 3339.
    pub until: String,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

/// What the policy says about pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PauseRule {
    /// Whether the person may pause.
    pub allowed: bool,
    /// The longest pause in minutes.
    pub max_minutes: u32,
}

/// One look at the pipeline, about a minute from the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrendPoint {
    /// When; RFC 3339.
    pub at: String,
    /// Events that waited.
    pub pending: u64,
    /// Events delivered since the log began.
    pub sent: u64,
    /// Events captured since the log began.
    pub captured: u64,
}

/// How far a synchronisation has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SyncReport {
    /// Events delivered since it was asked for.
    pub sent: u64,
    /// Events that still wait.
    pub pending: u64,
    /// What stands in the way at present.
    pub last_error: Option<String>,
}

/// How a synchronisation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SyncEnd {
    /// Nothing waits.
    Drained {
        /// Events delivered.
        sent: u64,
    },
    /// The time was over first.
    TimedOut {
        /// Events delivered.
        sent: u64,
        /// Events that still wait.
        pending: u64,
        /// What stood in the way.
        in_the_way: Option<String>,
    },
    /// The device may not send.
    Revoked {
        /// Events that still wait.
        pending: u64,
    },
    /// The person, or the end of the agent, stopped the waiting. Sending goes on by itself.
    Stopped {
        /// Events delivered until then.
        sent: u64,
    },
}

impl PauseRule {
    /// The rule of this configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let max_minutes = u32::try_from(config.pause.max.as_secs() / 60).unwrap_or(u32::MAX);
        Self { allowed: config.pause.allowed, max_minutes }
    }
}
