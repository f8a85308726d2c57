//! Window sessions: a pure machine, given what the focus hook saw and when.
//!
//! A session ends exactly when the change happened, and the next one begins at the same
//! instant. Debouncing decides late whether a change was one; it never moves it:
//!
//! - No focus for less than [`NO_FOCUS_GRACE`] is part of the switch between two windows,
//!   or nothing at all where the focus returns.
//! - A session's title is that which stood for [`TITLE_QUIET`]; one that returns to what
//!   it was before then never changed.

mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use devpulse_protocol::{EventId, Window};

use crate::captured::{CheckpointUpdate, OpenWindow};
use crate::clock::Moment;
use crate::hook::WindowFacts;
use crate::policy::{CapturePolicy, Shown, WindowRules};
use session::{Ended, Session};

/// Window managers report no focus for a moment while they switch.
pub(crate) const NO_FOCUS_GRACE: Duration = Duration::from_millis(150);

/// A title counts once it has stood this long.
pub(crate) const TITLE_QUIET: Duration = Duration::from_millis(500);

/// A title that never stands still is taken as it is after this long.
pub(crate) const TITLE_PATIENCE: Duration = Duration::from_secs(5);

/// A session that ended, and the checkpoint that belongs into the same transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SessionEnd {
    pub(crate) event_id: EventId,
    pub(crate) at: Moment,
    pub(crate) window: Window,
    pub(crate) checkpoint: CheckpointUpdate,
}

/// Why sessions are suspended although a window has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Locked,
    Suspended,
    Shutdown,
    Paused,
    Policy,
}

/// Folds focus changes into sessions.
pub(crate) struct Tracker {
    rules: WindowRules,
    min_duration: Duration,
    longest_piece: Duration,
    /// What has the focus, as far as was told, also while sessions are held.
    focus: Option<WindowFacts>,
    open: Option<Session>,
    /// The session before `open`, while the title of `open` may still turn back into its own.
    before: Option<Session>,
    /// When the focus went nowhere, while that may still be part of a switch.
    left: Option<Moment>,
    holds: Vec<Hold>,
    withheld: u64,
}

impl Tracker {
    pub(crate) fn new(policy: &CapturePolicy) -> Self {
        let mut tracker = Self {
            rules: WindowRules::new(policy),
            min_duration: policy.window.min_duration,
            longest_piece: policy.longest_piece.max(Duration::from_millis(1)),
            focus: None,
            open: None,
            before: None,
            left: None,
            holds: Vec::new(),
            withheld: 0,
        };
        if !policy.window.enabled {
            tracker.holds.push(Hold::Policy);
        }
        tracker
    }

    /// This window has the focus, with this title.
    pub(crate) fn window(&mut self, facts: WindowFacts, at: Moment) -> Vec<SessionEnd> {
        let mut ended = self.due(at);
        let shown = self.rules.apply(&facts);
        self.focus = Some(facts);
        if self.holds.is_empty() {
            let left = self.left.take();
            match &self.open {
                None => self.open = Some(Session::new(shown, at)),
                Some(open) if open.shown.window != shown.window => {
                    let boundary = left.unwrap_or(at);
                    self.close(boundary, &mut ended);
                    self.open = Some(Session::new(shown, boundary));
                }
                Some(open) if open.shown != shown => self.retitle(shown, at),
                Some(_) => {}
            }
        }
        self.finish(ended, at)
    }

    /// No window has the focus.
    pub(crate) fn no_window(&mut self, at: Moment) -> Vec<SessionEnd> {
        let ended = self.due(at);
        self.focus = None;
        if self.open.is_some() && self.left.is_none() {
            self.left = Some(at);
        }
        self.finish(ended, at)
    }

    /// The focus cannot be observed any more.
    pub(crate) fn lost(&mut self, at: Moment) -> Vec<SessionEnd> {
        let mut ended = self.due(at);
        self.focus = None;
        self.close(at, &mut ended);
        self.finish(ended, at)
    }

    /// No session until [`Tracker::release`].
    pub(crate) fn hold(&mut self, hold: Hold, at: Moment) -> Vec<SessionEnd> {
        let mut ended = self.due(at);
        self.close(at, &mut ended);
        if !self.holds.contains(&hold) {
            self.holds.push(hold);
        }
        self.finish(ended, at)
    }

    /// Sessions go on, where nothing else holds them.
    pub(crate) fn release(&mut self, hold: Hold, at: Moment) {
        self.holds.retain(|held| *held != hold);
        self.reopen(at);
    }

    /// Other settings: the open session is cut only where they change what is reported of it.
    pub(crate) fn apply(&mut self, policy: &CapturePolicy, at: Moment) -> Vec<SessionEnd> {
        let mut ended = self.due(at);
        self.rules = WindowRules::new(policy);
        self.longest_piece = policy.longest_piece.max(Duration::from_millis(1));
        let shown = self.focus.as_ref().map(|facts| self.rules.apply(facts));
        let same =
            self.left.is_some() || self.open.as_ref().map(|open| &open.shown) == shown.as_ref();
        if !same || !policy.window.enabled {
            self.close(at, &mut ended);
        }
        self.min_duration = policy.window.min_duration;
        self.holds.retain(|held| *held != Hold::Policy);
        if !policy.window.enabled {
            self.holds.push(Hold::Policy);
        }
        self.reopen(at);
        self.finish(ended, at)
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Moment) -> Vec<SessionEnd> {
        let ended = self.due(now);
        self.finish(ended, now)
    }

    /// When [`Tracker::tick`] has something to do, by the monotonic clock.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let open = self.open.as_ref()?;
        let next = match self.left {
            Some(left) => left.mono + NO_FOCUS_GRACE,
            None => open.start.mono + self.longest_piece,
        };
        Some(if self.before.is_some() { next.min(open.settles()) } else { next })
    }

    /// The open session, for the checkpoint. A session too short or too secret to be
    /// reported is not to be recovered either.
    pub(crate) fn checkpoint(&self, now: Moment) -> CheckpointUpdate {
        let seen = self.left.unwrap_or(now);
        let session = self.before.as_ref().or(self.open.as_ref());
        match session.and_then(|session| session.checkpoint(seen, self.min_duration)) {
            Some(open) => CheckpointUpdate::Set(open),
            None => CheckpointUpdate::Clear,
        }
    }

    /// The window that the open session is about.
    pub(crate) fn open_window(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.shown.window)
    }

    /// The window that has the focus, also while sessions are held.
    pub(crate) fn focused_window(&self) -> Option<u64> {
        self.focus.as_ref().map(|facts| facts.window)
    }

    /// Whether this window has the focus, with this title.
    pub(crate) fn has_focus(&self, facts: &WindowFacts) -> bool {
        self.focus.as_ref() == Some(facts)
    }

    /// Sessions that a rule kept from being reported.
    pub(crate) fn withheld(&self) -> u64 {
        self.withheld
    }

    pub(crate) fn rules(&self) -> &WindowRules {
        &self.rules
    }

    /// What changed is the title of the same window.
    fn retitle(&mut self, shown: Shown, at: Moment) {
        let Some(open) = &mut self.open else { return };
        if at.mono >= open.settles() {
            let next = Session::new(shown, at);
            self.before = self.open.replace(next);
        } else if self.before.as_ref().is_some_and(|before| before.shown == shown) {
            self.open = self.before.take();
        } else {
            open.retitle(shown, at);
        }
    }

    /// Ends what is due at `now`, each at the instant at which it ended.
    fn due(&mut self, now: Moment) -> Vec<Ended> {
        let mut ended = Vec::new();
        if let Some(left) = self.left
            && now.since(left) >= NO_FOCUS_GRACE
        {
            self.close(left, &mut ended);
        }
        let seen = self.left.unwrap_or(now);
        if let Some(open) = &self.open {
            let too_long = seen.since(open.start) >= self.longest_piece;
            if now.mono >= open.settles() || too_long {
                self.settle(&mut ended);
            }
        }
        if let Some(open) = self.open.take() {
            self.open = Some(open.split(seen, self.longest_piece, &mut ended));
        }
        ended
    }

    /// The session before the open one ended after all.
    fn settle(&mut self, ended: &mut Vec<Ended>) {
        if let (Some(before), Some(open)) = (self.before.take(), &self.open) {
            before.end(open.start, self.longest_piece, ended);
        }
    }

    /// Ends everything at `at`, or where the focus had left before.
    fn close(&mut self, at: Moment, ended: &mut Vec<Ended>) {
        self.settle(ended);
        let end = self.left.take().unwrap_or(at);
        if let Some(open) = self.open.take() {
            open.end(end, self.longest_piece, ended);
        }
    }

    fn reopen(&mut self, at: Moment) {
        if self.open.is_none() && self.holds.is_empty() {
            let shown = self.focus.as_ref().map(|facts| self.rules.apply(facts));
            self.open = shown.map(|shown| Session::new(shown, at));
        }
    }

    /// Leaves out what is not to be reported, and gives each event the checkpoint that is
    /// true once it is committed and the next one is not.
    fn finish(&mut self, ended: Vec<Ended>, now: Moment) -> Vec<SessionEnd> {
        let mut checkpoint = self.checkpoint(now);
        let mut ends = Vec::with_capacity(ended.len());
        for ended in ended.into_iter().rev() {
            if ended.is_withheld() {
                self.withheld += 1;
            }
            if !ended.is_reported(self.min_duration) {
                continue;
            }
            let open = ended.as_open();
            ends.push(SessionEnd {
                event_id: ended.id,
                at: ended.end,
                window: ended.into_window(),
                checkpoint: std::mem::replace(&mut checkpoint, CheckpointUpdate::Set(open)),
            });
        }
        ends.reverse();
        ends
    }
}

impl CheckpointUpdate {
    /// The session that it names.
    pub(crate) fn session(&self) -> Option<&OpenWindow> {
        match self {
            Self::Set(open) => Some(open),
            Self::Keep | Self::Clear => None,
        }
    }
}
