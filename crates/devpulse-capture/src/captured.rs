//! What capture hands on: events that still lack their place in the history.

use std::time::Duration;

use bytes::Bytes;
use devpulse_protocol::{EventBody, EventId, Timestamp, Window};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::clock::Moment;

/// One event, and what has to be committed together with it.
#[derive(Debug)]
pub struct Captured {
    /// Made when the event was captured; that of a window event when its session opened.
    pub event_id: EventId,
    /// When it happened; for a window event, when its session ended.
    pub at: Timestamp,
    /// What happened.
    pub body: EventBody,
    /// How long it may wait for company.
    pub urgency: Urgency,
    /// What becomes of the checkpoint of the open window session, in the same transaction.
    pub checkpoint: CheckpointUpdate,
    /// The image that a screenshot event names; absent for duplicates.
    pub image: Option<CapturedImage>,
    /// To be told once the event is durable; dropped where it cannot become so. Whoever
    /// waits may be holding up the machine's sleep.
    pub durable: Option<oneshot::Sender<()>>,
}

/// How long an event may wait for others before it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// As long as the queue likes.
    Routine,
    /// Not at all: a state edge such as lock, pause or shutdown.
    Edge,
}

/// What becomes of the checkpoint of the open window session.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckpointUpdate {
    /// It stays.
    Keep,
    /// No session is open.
    Clear,
    /// This session is open.
    Set(OpenWindow),
}

/// An open window session, as far as it is known to have lasted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenWindow {
    /// The id that the session's event will bear.
    pub event_id: EventId,
    /// As the policy lets it be.
    pub window_title: Option<String>,
    /// The application's name, where the desktop tells it.
    pub app_name: Option<String>,
    /// The process that owns the window, where the desktop tells it.
    pub pid: Option<u32>,
    /// When the window got the focus.
    pub start_time: Timestamp,
    /// When it was last known to have it.
    pub last_seen: Timestamp,
    /// Seconds between the two, from a clock that nobody sets.
    pub duration_s: f64,
}

impl OpenWindow {
    /// The session as an event, closed at its last checkpoint because a crash cut it.
    /// The time is that at which the event happened: the session's end.
    #[must_use]
    pub fn recovered(self) -> (EventId, Timestamp, Window) {
        let window = Window {
            window_title: self.window_title,
            app_name: self.app_name,
            pid: self.pid,
            start_time: self.start_time,
            end_time: self.last_seen,
            duration: self.duration_s,
            recovered: true,
        };
        (self.event_id, self.last_seen, window)
    }
}

/// An image file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedImage {
    /// SHA-256 of `bytes`, in hexadecimal.
    pub sha256_hex: String,
    /// Media type of `bytes`.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Bytes,
}

/// Seconds from `start` to `end`, from whole milliseconds, so that they print short.
pub(crate) fn seconds_between(start: Moment, end: Moment) -> f64 {
    seconds(end.since(start))
}

fn seconds(duration: Duration) -> f64 {
    let millis = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    f64::from(millis) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovered_session_ends_where_it_was_last_seen() {
        let open = OpenWindow {
            event_id: EventId::new(),
            window_title: Some("notes".into()),
            app_name: Some("Editor".into()),
            pid: Some(7),
            start_time: Timestamp::from_millis(1_000),
            last_seen: Timestamp::from_millis(61_500),
            duration_s: 60.5,
        };
        let json = serde_json::to_string(&open).unwrap();
        let read: OpenWindow = serde_json::from_str(&json).unwrap();
        assert_eq!(read, open);

        let id = open.event_id;
        let (event_id, at, window) = open.recovered();
        assert_eq!(event_id, id);
        assert_eq!(at, Timestamp::from_millis(61_500));
        assert_eq!(window.end_time, at);
        assert!(window.recovered);
        assert_eq!(window.duration, 60.5);
    }
}
