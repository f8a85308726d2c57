//! Dead letters: events that the server refuses for good, kept with the reason and
//! never in the way of their neighbours.

use devpulse_protocol::{EventId, Timestamp};
use rusqlite::{Connection, params};

use super::batches::BatchMeta;
use super::{Store, WalError, batches};
use crate::verdict::Refusal;

/// How a batch stands with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is sent in its turn.
    Ordinary,
    /// A lone event that the server refused, and the server has accepted nothing since.
    SetAside,
    /// A lone event that was set aside, and the server has accepted another one since: it
    /// is sent once more, and a refusal is final.
    LastTrial,
}

impl Standing {
    /// Reads it from the column `suspect`.
    pub(super) const fn read(suspect: i64) -> Self {
        match suspect {
            0 => Self::Ordinary,
            1 => Self::SetAside,
            _ => Self::LastTrial,
        }
    }
}

impl Store {
    /// Makes a dead letter of a lone event that the server refuses for good.
    ///
    /// # Errors
    /// Fails where the database does; then the event still waits.
    pub fn condemn(
        &mut self,
        batch: &BatchMeta,
        refusal: &Refusal,
        now: Timestamp,
    ) -> Result<(), WalError> {
        self.settle(|tx, ledger| {
            let seq = *batch.range.start();
            let known = tx
                .prepare_cached("DELETE FROM batch WHERE lo = ?1 AND bid = ?2")?
                .execute(params![seq, batch.id.as_bytes()])?;
            if known == 1 {
                let code = refusal.code.as_ref().map(|code| code.as_str());
                bury(tx, seq, Some(refusal.status), code, &refusal.cause, now)?;
                ledger.pending -= 1;
                ledger.dead += 1;
                ledger.rejected += 1;
            }
            Ok(())
        })
    }

    /// Puts dead letters back among the events that wait, each at its old place and in a
    /// batch of its own. With `None` all of them. Returns how many.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn replay(&mut self, event: Option<EventId>) -> Result<u64, WalError> {
        let now = Timestamp::now();
        self.write(|tx, ledger| {
            let mut statement =
                tx.prepare("SELECT seq, length(body) FROM dead WHERE ?1 IS NULL OR eid = ?1")?;
            let found: Vec<(i64, usize)> = statement
                .query_map([event.as_ref().map(EventId::as_bytes)], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<Result<_, _>>()?;
            for &(seq, bytes) in &found {
                make_room_in_history(tx, seq)?;
                tx.execute(
                    "INSERT INTO event SELECT seq, eid, cls, wall_ms, enc, crc, body FROM dead WHERE seq = ?1",
                    [seq],
                )?;
                tx.execute("DELETE FROM dead WHERE seq = ?1", [seq])?;
                batches::insert_batch(tx, seq, seq, 1, bytes, now)?;
            }
            let count = found.len() as u64;
            ledger.dead -= count;
            ledger.pending += count;
            Ok(count)
        })
    }
}

/// Moves an event out of the pending set. The caller keeps the counters.
pub(super) fn bury(
    conn: &Connection,
    seq: i64,
    status: Option<u16>,
    code: Option<&str>,
    cause: &str,
    now: Timestamp,
) -> Result<(), WalError> {
    conn.prepare_cached(
        "INSERT INTO dead SELECT seq, eid, cls, wall_ms, enc, crc, body, ?2, ?3, ?4, ?5
         FROM event WHERE seq = ?1",
    )?
    .execute(params![seq, status, code, cause, now.as_millis()])?;
    conn.prepare_cached("DELETE FROM event WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// Divides a delivered range that `seq` lies in, so that forgetting the range later
/// does not take the replayed event with it.
fn make_room_in_history(conn: &Connection, seq: i64) -> Result<(), WalError> {
    conn.execute(
        "INSERT INTO delivered(lo, hi, n, at_ms)
         SELECT ?1 + 1, hi, hi - ?1, at_ms FROM delivered WHERE lo <= ?1 AND hi > ?1",
        [seq],
    )?;
    conn.execute("UPDATE delivered SET hi = ?1 - 1 WHERE lo <= ?1 AND hi >= ?1", [seq])?;
    Ok(())
}
