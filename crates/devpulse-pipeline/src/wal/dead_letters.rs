//! Dead letters: events that the server refuses for good, kept with the reason and
//! never in the way of their neighbours.

use devpulse_protocol::{EventId, Timestamp};
use rusqlite::{Connection, params};

use super::ledger::Ledger;
use super::{Store, WalError, batches};

impl Store {
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

/// Condemns every event that was set aside.
pub(super) fn condemn_suspects(
    conn: &Connection,
    ledger: &mut Ledger,
    now: Timestamp,
) -> Result<(), WalError> {
    let mut statement =
        conn.prepare_cached("SELECT lo, status, code, cause FROM batch WHERE suspect = 1")?;
    let mut rows = statement.query([])?;
    let mut suspects = Vec::new();
    while let Some(row) = rows.next()? {
        let refusal: (Option<u16>, Option<String>) = (row.get(1)?, row.get(2)?);
        suspects.push((row.get::<_, i64>(0)?, refusal, row.get::<_, Option<String>>(3)?));
    }
    for (seq, (status, code), cause) in suspects {
        let cause = cause.unwrap_or_else(|| "refused by the server".to_owned());
        bury(conn, seq, status, code.as_deref(), &cause, now)?;
        conn.prepare_cached("DELETE FROM batch WHERE lo = ?1")?.execute([seq])?;
        ledger.pending -= 1;
        ledger.dead += 1;
        ledger.rejected += 1;
    }
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
