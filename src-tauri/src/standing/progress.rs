//! When each stage last moved, and whether that was in time.

use std::time::Duration;

use devpulse_control::Status;
use devpulse_protocol::Timestamp;

use super::{Run, Snapshot};
use crate::view::StageName;

/// What an agent has that does not tell its deadline: the default heartbeat, and the time
/// of a request.
const UNTOLD_DEADLINE: Duration = Duration::from_secs(100);

/// A snapshot that is older says nothing any more. Whoever takes them looks at least every
/// minute.
pub(super) const SILENCE: Duration = Duration::from_secs(180);

/// The stages of a running agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Movements {
    moved_at: [Option<Timestamp>; 4],
    deadline: Duration,
}

const NAMES: [StageName; 4] =
    [StageName::Captured, StageName::Stored, StageName::Sent, StageName::Acknowledged];

impl Movements {
    pub(super) fn of(status: &Status) -> Self {
        let progress = &status.pipeline.progress;
        let told =
            progress.deadline_s.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self {
            moved_at: [
                progress.captured_at,
                progress.stored_at,
                progress.sent_at,
                progress.acknowledged_at,
            ],
            deadline: told.unwrap_or(UNTOLD_DEADLINE),
        }
    }

    /// Time in which each stage has to move.
    pub(super) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// When a stage last moved.
    pub(super) fn moved_at(&self, stage: StageName) -> Option<Timestamp> {
        let position = NAMES.iter().position(|name| *name == stage);
        position.and_then(|position| self.moved_at[position])
    }

    /// Whether a stage moved in time. A moment that is yet to come proves nothing either.
    pub(super) fn is_in_time(&self, stage: StageName, now: Timestamp) -> bool {
        self.moved_at(stage).is_some_and(|at| now.since(at).max(at.since(now)) <= self.deadline)
    }

    /// The first stage that did not move in time, which is the one that holds up the others.
    pub(super) fn first_late(&self, now: Timestamp) -> Option<StageName> {
        NAMES.into_iter().find(|stage| !self.is_in_time(*stage, now))
    }

    fn ends(&self) -> impl Iterator<Item = Timestamp> + '_ {
        self.moved_at.iter().flatten().map(|at| at.plus(self.deadline))
    }
}

/// The next moment after `now` at which time alone may change what the snapshot means:
/// whoever shows it looks again just after. `None` where it stays as it is.
#[must_use]
pub fn changes_at(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let Run::Running { status, .. } = &snapshot.run else {
        return None;
    };
    let movements = Movements::of(status);
    let awaited = [
        Some(snapshot.taken_at.plus(SILENCE)),
        Some(snapshot.watched_since.plus(movements.deadline)),
        status.pause.as_ref().map(|pause| pause.until),
        status.pipeline.next_attempt,
    ];
    let moments = awaited.into_iter().flatten().chain(movements.ends());
    moments.filter(|at| *at >= now).min()
}
