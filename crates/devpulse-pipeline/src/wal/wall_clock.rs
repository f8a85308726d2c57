//! What becomes of the wall times that the log keeps when the wall clock is set: what is
//! decided by their age must not be decided by the person, or the battery, that set it.

use devpulse_protocol::Timestamp;
use rusqlite::params;

use super::{Store, WalError, batches, images};

/// Steps of the clock since the log was opened, by the place of the first event after each.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps(Vec<(i64, i64)>);

impl Steps {
    /// By how much the clock was set since the event at `seq` was captured.
    pub(super) fn since(&self, seq: i64) -> i64 {
        let later = self.0.iter().filter(|(first_after, _)| *first_after > seq);
        later.fold(0, |sum, (_, step)| sum.saturating_add(*step))
    }

    /// An event that bears `wall_ms` was stored at `seq` while the clock shows `now_ms`. It
    /// may have been captured before the clock was set and stored after it: then it is
    /// nearest to now by the clock of before.
    pub(super) fn stored(&mut self, seq: i64, wall_ms: i64, now_ms: i64) {
        let just_before = self.0.iter().rev().take_while(|(first_after, _)| *first_after == seq);
        let mut set_by = 0_i64;
        let mut nearest = (wall_ms.abs_diff(now_ms), 0);
        for (count, (_, step)) in just_before.enumerate() {
            set_by = set_by.saturating_add(*step);
            let distance = wall_ms.saturating_add(set_by).abs_diff(now_ms);
            nearest = nearest.min((distance, count + 1));
        }
        for (first_after, _) in self.0.iter_mut().rev().take(nearest.1) {
            *first_after = seq + 1;
        }
    }
}

impl Store {
    /// When the oldest event that waits was captured, by the clock as it is set now.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn oldest_pending(&mut self) -> Result<Option<Timestamp>, WalError> {
        let upto = self.ledger().batched_upto;
        let oldest = self.read(|conn| batches::oldest_pending(conn, upto))?;
        Ok(oldest.map(|(seq, at)| {
            let set_by = self.steps_mut().since(seq);
            Timestamp::from_millis(at.as_millis().saturating_add(set_by))
        }))
    }

    /// The wall clock was set forward by so many milliseconds, or back where negative: ages
    /// stay what they are. Events bear the time that was shown when they were captured.
    ///
    /// # Errors
    /// Fails where the database does; then nothing has changed.
    pub fn clock_was_set(&mut self, by_ms: i64) -> Result<(), WalError> {
        self.settle(|tx, ledger| {
            tx.execute("UPDATE delivered SET at_ms = at_ms + ?1", [by_ms])?;
            tx.execute(
                "UPDATE image SET at_ms = at_ms + ?1 WHERE state <> ?2",
                params![by_ms, images::PENDING],
            )?;
            ledger.revoked_since = ledger
                .revoked_since
                .map(|at| Timestamp::from_millis(at.as_millis().saturating_add(by_ms)));
            Ok(())
        })?;
        let next = self.ledger().next_seq;
        self.steps_mut().0.push((next, by_ms));
        Ok(())
    }

    /// What was kept under a clock that was ahead of `now` counts from now on: otherwise
    /// history would stay until that time comes.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn forgive_the_future(&mut self, now: Timestamp) -> Result<(), WalError> {
        let now_ms = now.as_millis();
        let ahead: bool = self.read(|conn| {
            Ok(conn.query_row(
                "SELECT EXISTS(SELECT 1 FROM delivered WHERE at_ms > ?1)
                     OR EXISTS(SELECT 1 FROM image WHERE state <> ?2 AND at_ms > ?1)",
                params![now_ms, images::PENDING],
                |row| row.get(0),
            )?)
        })?;
        let revoked_ahead = self.ledger().revoked_since.is_some_and(|since| since > now);
        if !ahead && !revoked_ahead {
            return Ok(());
        }
        self.settle(|tx, ledger| {
            tx.execute("UPDATE delivered SET at_ms = ?1 WHERE at_ms > ?1", [now_ms])?;
            tx.execute(
                "UPDATE image SET at_ms = ?1 WHERE state <> ?2 AND at_ms > ?1",
                params![now_ms, images::PENDING],
            )?;
            ledger.revoked_since = ledger.revoked_since.map(|since| since.min(now));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000;
    const YEAR: i64 = 365 * 86_400_000;

    #[test]
    fn an_event_from_before_the_clock_was_set_that_is_stored_after_it_keeps_its_age() {
        let mut steps = Steps(vec![(5, -YEAR), (5, 10 * YEAR)]);
        // By the clock before both, by the one between them, and by the one that is now.
        steps.stored(5, NOW - 9 * YEAR - 100, NOW);
        steps.stored(6, NOW - 10 * YEAR - 50, NOW);
        steps.stored(7, NOW - 10, NOW);
        let set_by = [4, 5, 6, 7].map(|seq| steps.since(seq));
        assert_eq!(set_by, [9 * YEAR, 9 * YEAR, 10 * YEAR, 0]);
    }

    #[test]
    fn an_event_that_is_stored_late_moves_no_step_before_it() {
        let mut steps = Steps(vec![(5, YEAR)]);
        steps.stored(5, NOW - 1000, NOW);
        steps.stored(6, NOW - YEAR, NOW);
        assert_eq!([4, 5, 6].map(|seq| steps.since(seq)), [YEAR, 0, 0]);
    }
}
