//! When a batch is due: by count, by bytes, or by the age of its oldest event.

use std::time::{Duration, Instant};

use crate::wal::{BatchLimits, WalState};

/// When a batch is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPolicy {
    /// By count and bytes.
    pub limits: BatchLimits,
    /// By the age of its oldest event.
    pub max_interval: Duration,
}

/// When the next batch is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing waits.
    Never,
    /// When its oldest event is old enough, if it does not fill before.
    At(Instant),
    /// It is.
    Now,
}

impl BatchPolicy {
    /// Decides when the next batch is due; `flush` makes whatever waits due at once.
    #[must_use]
    pub fn due(&self, state: &WalState, flush: bool, now: Instant) -> Due {
        if state.unbatched == 0 {
            return Due::Never;
        }
        let full = state.unbatched >= self.limits.max_events as u64
            || state.unbatched_bytes >= self.limits.max_bytes as u64;
        let Some(since) = state.unbatched_since.filter(|_| !full && !flush) else {
            return Due::Now;
        };
        match since.checked_add(self.max_interval) {
            Some(deadline) if deadline > now => Due::At(deadline),
            Some(_) | None => Due::Now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BatchPolicy = BatchPolicy {
        limits: BatchLimits { max_events: 10, max_bytes: 1000 },
        max_interval: Duration::from_secs(5),
    };

    fn waiting(unbatched: u64, unbatched_bytes: u64, since: Instant) -> WalState {
        WalState {
            pending: unbatched,
            unbatched,
            unbatched_bytes,
            unbatched_since: (unbatched > 0).then_some(since),
            images_pending: 0,
        }
    }

    #[test]
    fn a_batch_is_due_by_count_bytes_or_age() {
        let now = Instant::now();
        let due = |state| POLICY.due(&state, false, now);
        assert_eq!(due(waiting(0, 0, now)), Due::Never);
        assert_eq!(due(waiting(9, 999, now)), Due::At(now + Duration::from_secs(5)));
        assert_eq!(due(waiting(10, 10, now)), Due::Now);
        assert_eq!(due(waiting(1, 1000, now)), Due::Now);
        let later = now + Duration::from_secs(5);
        assert_eq!(POLICY.due(&waiting(1, 1, now), false, later), Due::Now);
    }

    #[test]
    fn a_flush_makes_what_waits_due_and_nothing_else() {
        let now = Instant::now();
        assert_eq!(POLICY.due(&waiting(1, 1, now), true, now), Due::Now);
        assert_eq!(POLICY.due(&waiting(0, 0, now), true, now), Due::Never);
    }
}
