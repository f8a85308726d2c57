//! One stay in one window with one title.

use std::time::Duration;

use devpulse_protocol::{EventId, Window};

use super::{TITLE_PATIENCE, TITLE_QUIET};
use crate::captured::{OpenWindow, seconds_between};
use crate::clock::Moment;
use crate::policy::{Shown, Visibility};

/// A session that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) shown: Shown,
    pub(super) start: Moment,
    id: EventId,
    titled: Moment,
    piece: Piece,
}

/// Whether the session is the rest of one that was split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    First,
    Later,
}

impl Session {
    pub(super) fn new(shown: Shown, start: Moment) -> Self {
        Self { shown, start, id: EventId::new(), titled: start, piece: Piece::First }
    }

    /// The title changed before it had settled: the session takes the new one.
    pub(super) fn retitle(&mut self, shown: Shown, at: Moment) {
        self.shown = shown;
        self.titled = at;
    }

    /// When the title counts, by the monotonic clock.
    pub(super) fn settles(&self) -> Duration {
        let quiet = self.titled.mono + TITLE_QUIET;
        quiet.min(self.start.mono + TITLE_PATIENCE)
    }

    /// Ends the session at `end`, in pieces no longer than `longest`.
    pub(super) fn end(self, end: Moment, longest: Duration, ended: &mut Vec<Ended>) {
        let rest = self.split(end, longest, ended);
        if end.mono > rest.start.mono {
            ended.push(rest.into_ended(end));
        }
    }

    /// Ends all pieces that are full by `now`, and returns the rest, which may be empty.
    pub(super) fn split(mut self, now: Moment, longest: Duration, ended: &mut Vec<Ended>) -> Self {
        while now.since(self.start) >= longest {
            let end = self.start.plus(longest);
            let rest = Self {
                shown: self.shown.clone(),
                start: end,
                id: EventId::new(),
                titled: self.titled,
                piece: Piece::Later,
            };
            ended.push(std::mem::replace(&mut self, rest).into_ended(end));
        }
        self
    }

    /// The session as far as it is known to have lasted; `None` where it would not be
    /// reported if it ended now.
    pub(super) fn checkpoint(&self, seen: Moment, min_duration: Duration) -> Option<OpenWindow> {
        let ended = self.clone().into_ended(seen.max(self.start));
        ended.is_reported(min_duration).then(|| ended.as_open())
    }

    fn into_ended(self, end: Moment) -> Ended {
        Ended { id: self.id, end, start: self.start, shown: self.shown, piece: self.piece }
    }
}

/// A session that has ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) id: EventId,
    pub(super) end: Moment,
    start: Moment,
    shown: Shown,
    piece: Piece,
}

impl Ended {
    pub(super) fn is_withheld(&self) -> bool {
        self.shown.visibility == Visibility::Withheld
    }

    /// The rest of a session that was split is reported however short it is.
    pub(super) fn is_reported(&self, min_duration: Duration) -> bool {
        let long_enough = self.piece == Piece::Later || self.end.since(self.start) >= min_duration;
        long_enough && !self.is_withheld()
    }

    pub(super) fn as_open(&self) -> OpenWindow {
        OpenWindow {
            event_id: self.id,
            window_title: self.shown.title.clone(),
            app_name: self.shown.app_name.clone(),
            pid: self.shown.pid,
            start_time: self.start.wall,
            last_seen: self.end.wall,
            duration_s: seconds_between(self.start, self.end),
        }
    }

    pub(super) fn into_window(self) -> Window {
        Window {
            duration: seconds_between(self.start, self.end),
            window_title: self.shown.title,
            app_name: self.shown.app_name,
            pid: self.shown.pid,
            start_time: self.start.wall,
            end_time: self.end.wall,
            recovered: false,
        }
    }
}
