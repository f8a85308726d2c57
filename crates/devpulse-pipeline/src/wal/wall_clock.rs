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
