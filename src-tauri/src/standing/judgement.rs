//! Which of the things that could be said is said: the first that holds, from what the
//! person has to do down to what passes by itself. `Working` is what is left.

use std::time::Duration;

use devpulse_agent::printable::printable;
use devpulse_control::{PipelineState, Status};
use devpulse_protocol::{CapabilityState, Timestamp};
use jiff::tz::TimeZone;

use super::progress::{Movements, SILENCE};
use super::{Action, Icon, Run, Snapshot, Standing};
use crate::text::{self, cause, headline, remedy};
use crate::view::{Problem, StageName};

/// Events that wait longer than this need somebody's attention.
pub(crate) const OLD_BACKLOG: Duration = Duration::from_secs(24 * 60 * 60);
/// So many events that wait are a backlog, however young: the most that a batch may hold.
const BACKLOG: u64 = 1000;
/// Hooks have to deliver once before they are taken; until then their absence says nothing.
const HOOKS_SETTLE: Duration = Duration::from_secs(30);
/// A commit takes less than this where the disk takes events at all.
const COMMIT: Duration = Duration::from_secs(2);

/// Judges a snapshot.
pub(super) struct Judge<'a> {
    snapshot: &'a Snapshot,
    now: Timestamp,
    zone: &'a TimeZone,
}

impl<'a> Judge<'a> {
    pub(super) const fn new(snapshot: &'a Snapshot, now: Timestamp, zone: &'a TimeZone) -> Self {
        Self { snapshot, now, zone }
    }

    pub(super) fn standing(&self) -> Standing {
        match &self.snapshot.run {
            Run::NotEnrolled => not_enrolled(),
            Run::ConsentAwaited => action_needed(
                headline::CONSENT_AWAITED,
                cause::CONSENT_AWAITED,
                remedy::CONSENT,
                Action::ReviewConsent,
            ),
            Run::Starting => passing(Icon::Syncing, headline::STARTING, cause::STARTING),
            Run::Failed { problem } => failed(problem),
            Run::Running { status, .. } if !status.enrolled => not_enrolled(),
            Run::Running { status, .. } => self.running(status),
        }
    }

    fn running(&self, status: &Status) -> Standing {
        let look = Look {
            snapshot: self.snapshot,
            status,
            movements: Movements::of(status),
            now: self.now,
            zone: self.zone,
        };
        let first = [
            Look::silent,
            Look::refused,
            Look::not_stored,
            Look::consent,
            Look::paused,
            Look::unseen,
            Look::undelivered,
            Look::stalled,
            Look::backlog,
            Look::unproven,
        ];
        first.into_iter().find_map(|holds| holds(&look)).unwrap_or_else(working)
    }
}

/// A look at a running agent.
struct Look<'a> {
    snapshot: &'a Snapshot,
    status: &'a Status,
    movements: Movements,
    now: Timestamp,
    zone: &'a TimeZone,
}

impl Look<'_> {
    /// Nobody has looked for a while.
    fn silent(&self) -> Option<Standing> {
        let age = self.now.since(self.snapshot.taken_at);
        (age > SILENCE).then(|| passing(Icon::Syncing, headline::CHECKING, text::silent(age)))
    }

    /// The server refuses, or a key is missing, until somebody does something.
    fn refused(&self) -> Option<Standing> {
        let (headline, otherwise, remedy, action) = match self.status.pipeline.state {
            PipelineState::Revoked => {
                return Some(action_needed(
                    headline::REVOKED,
                    cause::REVOKED,
                    remedy::REVOKED,
                    Action::Enroll,
                ));
            }
            PipelineState::AuthBlocked => {
                let [headline, cause, remedy] = text::no_key(self.status.pipeline.missing_key);
                (headline, cause, remedy, Action::Diagnose)
            }
            PipelineState::ConfigBlocked => (
                headline::CONFIG_BLOCKED,
                cause::CONFIG_BLOCKED,
                remedy::CONFIG_BLOCKED,
                Action::Diagnose,
            ),
            PipelineState::Idle
            | PipelineState::Sending
            | PipelineState::BackingOff
            | PipelineState::Paused
            | PipelineState::Offline => return None,
        };
        let cause = self.last_error().unwrap_or_else(|| otherwise.to_owned());
        Some(action_needed(headline, cause, remedy, action))
    }

    /// The disk takes no events. Delivery is not what the error is about, because nothing
    /// stands in its way.
    fn not_stored(&self) -> Option<Standing> {
        let is_delivery_free = matches!(
            self.status.pipeline.state,
            PipelineState::Idle | PipelineState::Sending | PipelineState::Paused
        );
        let captured = self.movements.moved_at(StageName::Captured)?;
        let stored = self.movements.moved_at(StageName::Stored);
        let is_stuck = stored.is_none_or(|stored| stored < captured)
            && self.now.since(captured) > COMMIT
            && is_delivery_free;
        let error = self.last_error().filter(|_| is_stuck)?;
        Some(action_needed(headline::NOT_STORED, error, remedy::ROOM, Action::Diagnose))
    }

    fn consent(&self) -> Option<Standing> {
        self.snapshot.consent_awaits.then(|| {
            action_needed(
                headline::CONSENT_WIDER,
                cause::CONSENT_WIDER,
                remedy::CONSENT_WIDER,
                Action::ReviewConsent,
            )
        })
    }

    fn paused(&self) -> Option<Standing> {
        let headline = match &self.status.pause {
            Some(pause) => text::paused_until(pause.until, self.now, self.zone),
            None if self.status.pipeline.state == PipelineState::Paused => {
                headline::PAUSED.to_owned()
            }
            None => return None,
        };
        Some(Standing {
            icon: Icon::Paused,
            headline,
            cause: Some(cause::PAUSED.to_owned()),
            remedy: None,
            action: Some(Action::Resume),
        })
    }

    /// A signal that cannot be captured.
    fn unseen(&self) -> Option<Standing> {
        let uptime = self.status.agent.uptime_s.unwrap_or(f64::INFINITY);
        let capture = &self.status.capture;
        if uptime < HOOKS_SETTLE.as_secs_f64() {
            return None;
        }
        let denied = capture
            .signals()
            .into_iter()
            .find(|(_, signal)| signal.state == CapabilityState::Denied);
        let (headline, otherwise, remedy, detail) = if let Some((_, signal)) = denied {
            (headline::DENIED, cause::DENIED, remedy::PERMIT, &signal.detail)
        } else if capture.focus.state == CapabilityState::Unavailable {
            (headline::NO_FOCUS, cause::NO_FOCUS, remedy::FOCUS, &capture.focus.detail)
        } else {
            return None;
        };
        let cause = detail.as_deref().map_or(otherwise.to_owned(), fit_for_reading);
        Some(action_needed(headline, cause, remedy, Action::Diagnose))
    }

    /// Delivery waits for the server.
    fn undelivered(&self) -> Option<Standing> {
        let headline = match self.status.pipeline.state {
            PipelineState::Offline => headline::OFFLINE,
            PipelineState::BackingOff => headline::BACKING_OFF,
            PipelineState::Idle
            | PipelineState::Sending
            | PipelineState::Paused
            | PipelineState::AuthBlocked
            | PipelineState::ConfigBlocked
            | PipelineState::Revoked => return None,
        };
        let reason = self.last_error().unwrap_or_else(|| cause::UNREACHABLE.to_owned());
        Some(self.held_up(headline, &reason))
    }

    /// A stage did not move, although it had its time.
    fn stalled(&self) -> Option<Standing> {
        let deadline = self.movements.deadline();
        let uptime = self.status.agent.uptime_s.unwrap_or(f64::INFINITY);
        let had_its_time = self.now.since(self.snapshot.watched_since) > deadline
            && uptime > deadline.as_secs_f64();
        let stage = self.movements.first_late(self.now).filter(|_| had_its_time)?;
        let age = self.movements.moved_at(stage).map(|at| self.now.since(at));
        let cause = text::late(stage, age);
        Some(match stage {
            StageName::Captured => {
                action_needed(headline::NOT_CAPTURED, cause, remedy::RESTART, Action::Diagnose)
            }
            StageName::Stored => {
                action_needed(headline::NOT_STORED, cause, remedy::ROOM, Action::Diagnose)
            }
            StageName::Sent | StageName::Acknowledged => {
                self.held_up(headline::UNCONFIRMED, &cause)
            }
        })
    }

    /// More waits than at rest, and it goes down.
    fn backlog(&self) -> Option<Standing> {
        let pipeline = &self.status.pipeline;
        let is_old = pipeline
            .oldest_pending_s
            .is_some_and(|age| age > self.movements.deadline().as_secs_f64());
        if self.snapshot.sync.is_none() && pipeline.pending < BACKLOG && !is_old {
            return None;
        }
        let headline = match &self.snapshot.sync {
            Some(sync) => text::sending_of(sync.sent, sync.sent + sync.pending),
            None => text::sending(pipeline.pending),
        };
        let waits = text::waiting(
            "what was captured meanwhile is on its way",
            pipeline.pending,
            None,
            self.now,
            self.zone,
        );
        Some(passing(Icon::Syncing, headline, waits))
    }

    /// Some stage has not moved yet, and has time left.
    fn unproven(&self) -> Option<Standing> {
        let stage = self.movements.first_late(self.now)?;
        let (headline, cause) = match self.movements.moved_at(stage) {
            None => (headline::STARTING, cause::FIRST_EVENTS),
            Some(_) => (headline::CHECKING, text::not_yet(stage)),
        };
        Some(passing(Icon::Syncing, headline, cause))
    }

    /// Nothing is lost, but nothing arrives either.
    fn held_up(&self, headline: &str, reason: &str) -> Standing {
        let pipeline = &self.status.pipeline;
        let age = pipeline.oldest_pending_s.and_then(|age| Duration::try_from_secs_f64(age).ok());
        if let Some(age) = age.filter(|age| *age > OLD_BACKLOG) {
            return action_needed(
                headline::OLD_BACKLOG,
                text::oldest_waits(age, reason),
                remedy::NETWORK,
                Action::SyncNow,
            );
        }
        let cause =
            text::waiting(reason, pipeline.pending, pipeline.next_attempt, self.now, self.zone);
        Standing {
            icon: Icon::Offline,
            headline: headline.to_owned(),
            cause: Some(cause),
            remedy: None,
            action: Some(Action::SyncNow),
        }
    }

    fn last_error(&self) -> Option<String> {
        self.status.pipeline.last_error.as_deref().map(fit_for_reading)
    }
}

/// Errors bear texts of the server and of the system.
fn fit_for_reading(text: &str) -> String {
    printable(text.trim_end_matches('.')).into_owned()
}

fn working() -> Standing {
    Standing {
        icon: Icon::Working,
        headline: headline::WORKING.to_owned(),
        cause: None,
        remedy: None,
        action: None,
    }
}

fn not_enrolled() -> Standing {
    action_needed(headline::NOT_ENROLLED, cause::NOT_ENROLLED, remedy::ENROLL, Action::Enroll)
}

fn failed(problem: &Problem) -> Standing {
    let remedy = problem.hint.as_deref().unwrap_or(remedy::RESTART);
    action_needed(headline::FAILED, fit_for_reading(&problem.message), remedy, Action::Diagnose)
}

/// Somebody has to do something.
fn action_needed(
    headline: &str,
    cause: impl Into<String>,
    remedy: &str,
    action: Action,
) -> Standing {
    Standing {
        icon: Icon::ActionNeeded,
        headline: headline.to_owned(),
        cause: Some(cause.into()),
        remedy: Some(remedy.to_owned()),
        action: Some(action),
    }
}

/// It passes by itself.
fn passing(icon: Icon, headline: impl Into<String>, cause: impl Into<String>) -> Standing {
    Standing {
        icon,
        headline: headline.into(),
        cause: Some(cause.into()),
        remedy: None,
        action: None,
    }
}
