//! Discarding what waits, by the person's explicit word.

use devpulse_protocol::GapReason;
use rusqlite::{Connection, params};

use super::ledger::Ledger;
use super::{Store, WalError, images};

/// What was discarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Events that waited.
    pub events: u64,
    /// Images that waited.
    pub images: u64,
}

impl Store {
    /// Discards every event and every image that waits, and counts the events as
    /// dropped. What was delivered and the dead letters stay.
    ///
    /// Works in steps, each a transaction after which the ledger adds up, so that it may
    /// be cut off and called again. No `gap` is left, because whoever discards a backlog
    /// has no server any more that would want to know; the sender must not be running.
    ///
    /// # Errors
    /// Fails where the database does; the steps before are done.
    pub fn discard_pending(&mut self) -> Result<Discarded, WalError> {
        let mut discarded = Discarded::default();
        while self.ledger().pending > 0 {
            discarded.events += self.write(|tx, ledger| discard_some(tx, ledger))?;
        }
        loop {
            let waiting = self.waiting_images()?;
            if waiting.is_empty() {
                return Ok(discarded);
            }
            for id in waiting {
                self.remove_image(id)?;
                discarded.images += 1;
            }
        }
    }

    fn waiting_images(&mut self) -> Result<Vec<i64>, WalError> {
        const FEW: usize = 64;

        self.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT id FROM image WHERE state = ?1 ORDER BY id LIMIT ?2")?;
            let rows = statement.query_map(params![images::PENDING, FEW], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// One step: some batches, or once there is none, some events that are in none.
fn discard_some(conn: &Connection, ledger: &mut Ledger) -> Result<u64, WalError> {
    let mut count = discard_batches(conn)?;
    if count == 0 {
        count = discard_unbatched(conn, ledger)?;
    }
    // What the counters say and no row holds any more is given up all the same.
    if count == 0 {
        count = ledger.pending;
        (ledger.unbatched, ledger.unbatched_bytes) = (0, 0);
    }
    ledger.give_up(GapReason::Discarded, count);
    Ok(count)
}

fn discard_batches(conn: &Connection) -> Result<u64, WalError> {
    const FEW_BATCHES: usize = 16;

    let mut statement = conn.prepare_cached("SELECT lo, hi, n FROM batch ORDER BY lo LIMIT ?1")?;
    let rows = statement
        .query_map([FEW_BATCHES], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, u64>(2)?)))?;
    let batches = rows.collect::<Result<Vec<(i64, i64, u64)>, _>>()?;
    for (low, high, _) in &batches {
        conn.prepare_cached("DELETE FROM event WHERE seq BETWEEN ?1 AND ?2")?
            .execute(params![low, high])?;
        conn.prepare_cached("DELETE FROM batch WHERE lo = ?1")?.execute([low])?;
    }
    Ok(batches.iter().map(|batch| batch.2).sum())
}

fn discard_unbatched(conn: &Connection, ledger: &mut Ledger) -> Result<u64, WalError> {
    const MANY_EVENTS: usize = 4096;

    let mut statement = conn.prepare_cached(
        "DELETE FROM event WHERE seq IN
         (SELECT seq FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2) RETURNING length(body)",
    )?;
    let sizes = statement
        .query_map(params![ledger.batched_upto, MANY_EVENTS], |row| row.get::<_, u64>(0))?;
    let (mut count, mut bytes) = (0, 0);
    for size in sizes {
        count += 1;
        bytes += size?;
    }
    ledger.unbatched = ledger.unbatched.saturating_sub(count);
    ledger.unbatched_bytes = ledger.unbatched_bytes.saturating_sub(bytes);
    Ok(count)
}
