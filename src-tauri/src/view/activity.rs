//! What was captured: the day, and the events as they are sent.

use serde::{Deserialize, Serialize};

/// A day as it was captured, of the local calendar.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Today {
    /// The day, `2026-11-22`.
    pub date: String,
    /// Its first moment; RFC 3339.
    pub from: String,
    /// Its last moment, or now; RFC 3339.
    pub to: String,
    /// Windows that had the focus, earliest first.
    pub spans: Vec<Span>,
    /// When the person was idle, away, paused, earliest first.
    pub bands: Vec<Band>,
    /// Time by application, most first.
    pub applications: Vec<ApplicationTime>,
    /// Images taken, earliest first.
    pub images: Vec<TodayImage>,
    /// Seconds with a window in focus and the person neither idle nor away.
    pub active_s: f64,
    /// Seconds without input.
    pub idle_s: f64,
    /// Seconds locked.
    pub locked_s: f64,
    /// Whether history older than this moment was given up already; RFC 3339.
    pub known_from: Option<String>,
}

/// A window that had the focus.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Span {
    /// The application.
    pub app: String,
    /// The title as it was reported; `null` where the policy strips it.
    pub title: Option<String>,
    /// When it got the focus; RFC 3339.
    pub start: String,
    /// When it lost it; RFC 3339.
    pub end: String,
    /// How long, by a monotonic clock, in seconds.
    pub seconds: f64,
    /// Whether the server has it.
    pub is_delivered: bool,
    /// Whether it still has the focus.
    pub is_open: bool,
}

/// A time in which no work was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Band {
    /// Why.
    pub kind: BandKind,
    /// From; RFC 3339.
    pub start: String,
    /// To; RFC 3339.
    pub end: String,
}

/// Why no work was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum BandKind {
    /// No input.
    Idle,
    /// The screen was locked.
    Locked,
    /// The computer slept.
    Suspended,
    /// The person paused capture.
    Paused,
    /// The agent did not run.
    Off,
}

/// The time of an application.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ApplicationTime {
    /// The application.
    pub app: String,
    /// Seconds in focus.
    pub seconds: f64,
    /// In how many stretches.
    pub visits: u32,
}

/// An image of the day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TodayImage {
    /// When; RFC 3339.
    pub at: String,
    /// Its event.
    pub event_id: String,
    /// Its hash.
    pub sha256: String,
}

/// Asks for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OutboxRequest {
    /// Which ones.
    pub which: OutboxWhich,
    /// How many at most, 1 to 1,000.
    pub limit: u32,
}

/// Which events are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum OutboxWhich {
    /// Those that wait; the first to be sent first.
    Pending,
    /// Those that were delivered; the last first.
    Sent,
    /// Those that cannot be delivered; the last first.
    Dead,
}

/// Events of one kind, and how many of each there are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Outbox {
    /// The events.
    pub events: Vec<OutboxEvent>,
    /// How many there are of each kind, as of the moment of the list.
    pub counts: OutboxCounts,
    /// Whether there are more than were asked for.
    pub has_more: bool,
}

/// How many events there are of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OutboxCounts {
    /// What waits.
    pub pending: u64,
    /// What was ever delivered; only the latest of it is still readable.
    pub sent: u64,
    /// What cannot be delivered.
    pub dead: u64,
}

/// An event, exactly as it is sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OutboxEvent {
    /// Its id.
    pub event_id: String,
    /// Its place.
    pub seq: i64,
    /// `activity`, `heartbeat`, `window`, `screenshot`, `custom` or `gap`.
    pub event_type: String,
    /// When it happened; RFC 3339.
    pub timestamp: String,
    /// What it says, in a few words.
    pub summary: String,
    /// The object as it is sent, indented for reading; no field is added or left out.
    pub json: String,
    /// The image that belongs to it.
    pub image: Option<ImageView>,
    /// Why it is a dead letter.
    pub reason: Option<String>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ImageView {
    /// Its hash, which the `image` command takes.
    pub sha256: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether it still lies on this computer; delivered ones may be gone.
    pub is_here: bool,
}
