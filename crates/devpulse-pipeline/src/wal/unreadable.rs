//! Rows that can never be read: they leave their batch, and a `gap` speaks for them.

use devpulse_protocol::{EventId, Gap, GapReason, Seq, Timestamp};

use super::batches::{BatchMeta, delete_batch, insert_batch, rows_between};
use super::row::StoredEvent;
use super::{Store, WalError, append};

/// What of a batch can never be read.
#[derive(Debug, Default)]
pub(super) struct UnreadableRows {
    /// Events that the batch counts and no row holds.
    pub(super) vanished: u64,
    damaged: Vec<Place>,
    lost: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    seq: i64,
    at: Timestamp,
}

impl UnreadableRows {
    /// A row that does not match its checksum, or is no event.
    pub(super) fn add_damaged(&mut self, row: &StoredEvent) -> Option<EventId> {
        self.damaged.push(Place { seq: row.seq, at: row.timestamp() });
        None
    }

    /// A row that is as it was written, and does not open.
    pub(super) fn add_lost(&mut self, row: &StoredEvent) -> Option<EventId> {
        self.lost.push(Place { seq: row.seq, at: row.timestamp() });
        None
    }

    pub(super) const fn is_something(&self) -> bool {
        self.vanished > 0 || !self.damaged.is_empty() || !self.lost.is_empty()
    }
}

impl Store {
    /// Takes rows out of a batch. What is left of it is another batch, with an id of its own.
    pub(super) fn give_up_rows(
        &mut self,
        meta: &BatchMeta,
        rows: &UnreadableRows,
    ) -> Result<Option<BatchMeta>, WalError> {
        let author = self.author();
        let now = Timestamp::now();
        let damaged = rows.damaged.len() as u64 + rows.vanished;
        let gaps = [
            (GapReason::Damaged, damaged, &rows.damaged),
            (GapReason::Undecryptable, rows.lost.len() as u64, &rows.lost),
        ];
        self.write(|tx, ledger| {
            if damaged + gaps[1].1 > ledger.pending {
                return Err(out_of_order("a batch counts more events than wait"));
            }
            delete_batch(tx, meta)?;
            for (reason, count, places) in gaps {
                for place in places {
                    let found = tx.execute("DELETE FROM event WHERE seq = ?1", [place.seq])?;
                    if found == 0 {
                        return Err(out_of_order("a row is not where its place says"));
                    }
                }
                if count > 0 {
                    ledger.give_up(reason, count);
                    append::insert_gap(tx, ledger, &author, gap(reason, count, places))?;
                }
            }
            let left = rows_between(tx, &meta.range)?;
            if left.len() as u64 + damaged + gaps[1].1 != meta.events {
                return Err(out_of_order("rows come and go"));
            }
            let (Some(low), Some(high)) = (left.first(), left.last()) else {
                return Ok(None);
            };
            let bytes = left.iter().map(|row| row.body.len()).sum();
            insert_batch(tx, low.seq, high.seq, left.len() as u64, bytes, now).map(Some)
        })
    }
}

/// Pages that SQLite takes for sound, whose rows are not in their order or do not fit their
/// counters: what is legible goes into a new database, before it goes around in circles.
pub(super) fn out_of_order(cause: &str) -> WalError {
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    WalError::Damaged(rusqlite::Error::SqliteFailure(corrupt, Some(cause.to_owned())))
}

fn gap(reason: GapReason, count: u64, places: &[Place]) -> Gap {
    Gap {
        reason,
        count,
        from_seq: places.iter().map(|place| Seq(place.seq)).min(),
        to_seq: places.iter().map(|place| Seq(place.seq)).max(),
        from_time: places.iter().map(|place| place.at).min(),
        to_time: places.iter().map(|place| place.at).max(),
        estimated: false,
    }
}
