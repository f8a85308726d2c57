//! Batches: formed and committed before they are sent, gone once a receipt came.

use bytes::Bytes;
use devpulse_protocol::{
    BatchEnvelope, BatchId, CheckedReceipt, EventId, Gap, GapReason, Rejection, Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::value::RawValue;

use super::dead_letters::Standing;
use super::ledger::Ledger;
use super::row::{COLUMNS, StoredEvent, Unreadable};
use super::unreadable::UnreadableRows;
use super::{Author, Store, WalError, append, dead_letters};
use crate::uplink::OutgoingBatch;
use crate::verdict::Refusal;

/// When a batch is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events in it.
    pub max_events: usize,
    /// Bytes of its events; a single larger event still goes, alone.
    pub max_bytes: usize,
}

/// A persisted batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchMeta {
    /// The same on every retry.
    pub id: BatchId,
    /// The places of its events: everything that is stored between the two.
    pub range: std::ops::RangeInclusive<i64>,
    /// How many events those are.
    pub events: u64,
    /// When it was formed.
    pub created: Timestamp,
    /// How it stands with the server.
    pub standing: Standing,
}

/// A batch with what it holds.
#[derive(Clone, Debug)]
pub struct LoadedBatch {
    /// What is persisted of it.
    pub meta: BatchMeta,
    /// Its events, oldest first.
    pub events: Vec<LoadedEvent>,
    /// What goes to the server.
    pub outgoing: OutgoingBatch,
}

/// An event of a loaded batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedEvent {
    /// Its place.
    pub seq: i64,
    /// Its id.
    pub event_id: EventId,
    /// Bytes of its JSON.
    pub bytes: usize,
}

/// How a batch is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Into halves with the same number of events.
    ByCount,
    /// Into halves with about the same number of bytes.
    ByBytes,
}

impl LoadedBatch {
    /// How many events come into the first half.
    fn middle(&self, split: Split) -> usize {
        match split {
            Split::ByCount => self.events.len() / 2,
            Split::ByBytes => {
                let total: usize = self.events.iter().map(|event| event.bytes).sum();
                let mut sum = 0;
                let first = self.events.iter().position(|event| {
                    sum += event.bytes;
                    sum * 2 > total
                });
                first.unwrap_or(0).clamp(1, self.events.len().saturating_sub(1).max(1))
            }
        }
    }
}

impl Store {
    /// The batches that have not been acknowledged, oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn open_batches(&mut self, limit: usize) -> Result<Vec<BatchMeta>, WalError> {
        self.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT * FROM batch ORDER BY suspect, lo LIMIT ?1")?;
            let rows = statement.query_map([limit], read_meta)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forms a batch of the oldest events that are in none, and commits it.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn form_batch(
        &mut self,
        limits: BatchLimits,
        now: Timestamp,
    ) -> Result<Option<BatchMeta>, WalError> {
        if self.ledger().unbatched == 0 {
            return Ok(None);
        }
        let author = self.author();
        self.settle(|tx, ledger| form(tx, ledger, &author, limits, now))
    }

    /// Reads a batch. Rows that do not match their checksum, or can never be opened, leave it
    /// and become a `gap`; what is left bears another id, because it is another batch. `None`
    /// where nothing is left.
    ///
    /// # Errors
    /// Fails where the database does, and with [`WalError::Locked`] where a row cannot be
    /// read now.
    pub fn load_batch(&mut self, meta: &BatchMeta) -> Result<Option<LoadedBatch>, WalError> {
        let mut rows = self.read(|conn| rows_between(conn, &meta.range))?;
        let mut unreadable = UnreadableRows::default();
        unreadable.vanished = meta.events.saturating_sub(rows.len() as u64);
        let mut opened = Vec::with_capacity(rows.len());
        for row in &mut rows {
            opened.push(match row.open(self.vault()) {
                Ok(event_id) => Some(event_id),
                Err(Unreadable::Locked(locked)) => return Err(WalError::Locked(locked)),
                Err(Unreadable::Damaged) => unreadable.add_damaged(row),
                Err(Unreadable::Lost) => unreadable.add_lost(row),
            });
        }
        let mut events = Vec::with_capacity(rows.len());
        let mut bodies = Vec::with_capacity(rows.len());
        for (row, event_id) in rows.iter().zip(opened) {
            let Some(event_id) = event_id else { continue };
            let Some(body) = raw(&row.body) else {
                unreadable.add_damaged(row);
                continue;
            };
            events.push(LoadedEvent { seq: row.seq, event_id, bytes: row.body.len() });
            bodies.push(body);
        }
        if unreadable.is_something() || events.len() as u64 != meta.events {
            let meta = self.give_up_rows(meta, &unreadable)?;
            return match meta {
                Some(meta) => self.load_batch(&meta),
                None => Ok(None),
            };
        }
        let envelope = BatchEnvelope {
            batch_id: meta.id,
            created_at: meta.created,
            event_count: bodies.len(),
            events: bodies,
        };
        let body = serde_json::to_vec(&envelope).map_err(|error| {
            WalError::Storage(rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        })?;
        let outgoing = OutgoingBatch {
            batch_id: meta.id,
            body: Bytes::from(body),
            event_ids: events.iter().map(|event| event.event_id).collect(),
        };
        Ok(Some(LoadedBatch { meta: meta.clone(), events, outgoing }))
    }

    /// Takes a batch out of the pending set, as its receipt says: what was accepted or
    /// known is delivered and stays readable where `keep_history`; what was rejected
    /// becomes a dead letter. What was set aside before gets its last trial, because the
    /// server has now shown that it takes others. The next batch is formed in the same
    /// transaction.
    ///
    /// # Errors
    /// Fails where the database does; then nothing was acknowledged.
    pub fn acknowledge(
        &mut self,
        batch: &LoadedBatch,
        receipt: &CheckedReceipt,
        keep_history: bool,
        next: Option<BatchLimits>,
        now: Timestamp,
    ) -> Result<Option<BatchMeta>, WalError> {
        let receipt = receipt.receipt();
        let author = self.author();
        self.settle(|tx, ledger| {
            let known = tx
                .prepare_cached("DELETE FROM batch WHERE lo = ?1 AND bid = ?2")?
                .execute(params![batch.meta.range.start(), batch.meta.id.as_bytes()])?;
            if known == 1 {
                for rejection in &receipt.rejected {
                    bury_rejected(tx, batch, rejection, now)?;
                }
                deliver(tx, &batch.meta, keep_history, now)?;
                let rejected = receipt.rejected.len() as u64;
                ledger.settle(batch.meta.events)?;
                ledger.delivered += batch.meta.events - rejected;
                ledger.duplicates += receipt.duplicates;
                ledger.rejected += rejected;
                ledger.dead += rejected;
                ledger.last_success = Some(now);
                ledger.last_error = None;
                ledger.revoked_since = None;
                if receipt.accepted + receipt.duplicates > 0 {
                    tx.prepare_cached("UPDATE batch SET suspect = 2 WHERE suspect = 1")?
                        .execute([])?;
                }
            }
            match next {
                Some(limits) if ledger.unbatched > 0 => form(tx, ledger, &author, limits, now),
                _ => Ok(None),
            }
        })
    }

    /// Divides a batch in two, each with an id of its own. A lone event stays as it is.
    /// Returns the halves.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn split_batch(
        &mut self,
        batch: &LoadedBatch,
        split: Split,
        now: Timestamp,
    ) -> Result<Vec<BatchMeta>, WalError> {
        if batch.events.len() < 2 {
            return Ok(Vec::new());
        }
        let (first, second) = batch.events.split_at(batch.middle(split));
        self.settle(|tx, _| {
            delete_batch(tx, &batch.meta)?;
            let mut halves = Vec::new();
            for half in [first, second] {
                let (Some(low), Some(high)) = (half.first(), half.last()) else { continue };
                let bytes = half.iter().map(|event| event.bytes).sum();
                halves.push(insert_batch(tx, low.seq, high.seq, half.len() as u64, bytes, now)?);
            }
            Ok(halves)
        })
    }

    /// Sets a lone event aside that the server refuses, with the reason.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn set_aside(&mut self, batch: &BatchMeta, refusal: &Refusal) -> Result<(), WalError> {
        self.settle(|tx, _| {
            tx.prepare_cached(
                "UPDATE batch SET suspect = 1, status = ?2, code = ?3, cause = ?4 WHERE lo = ?1",
            )?
            .execute(params![
                batch.range.start(),
                refusal.status,
                refusal.code.as_ref().map(|code| code.as_str()),
                refusal.cause,
            ])?;
            Ok(())
        })
    }

    /// Gives a batch another id.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn rename_batch(&mut self, batch: &BatchMeta) -> Result<(), WalError> {
        self.write(|tx, _| {
            tx.prepare_cached("UPDATE batch SET bid = ?2 WHERE lo = ?1")?
                .execute(params![batch.range.start(), BatchId::new().as_bytes()])?;
            Ok(())
        })
    }

    /// Removes delivered events whose time has passed, a few ranges at a time.
    /// Returns whether there may be more.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn forget_delivered(&mut self, before: Timestamp) -> Result<bool, WalError> {
        const FEW_RANGES: usize = 4;

        let due = self.read(|conn| {
            let mut statement = conn
                .prepare_cached("SELECT id, lo, hi, at_ms FROM delivered ORDER BY id LIMIT ?1")?;
            let rows = statement.query_map([FEW_RANGES], |row| {
                Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?))
            })?;
            Ok(rows.collect::<Result<Vec<(i64, i64, i64, i64)>, _>>()?)
        })?;
        let due: Vec<_> = due.into_iter().filter(|range| range.3 < before.as_millis()).collect();
        if due.is_empty() {
            return Ok(false);
        }
        self.settle(|tx, _| {
            for (id, low, high, _) in &due {
                tx.prepare_cached("DELETE FROM event WHERE seq BETWEEN ?1 AND ?2")?
                    .execute(params![low, high])?;
                tx.prepare_cached("DELETE FROM delivered WHERE id = ?1")?.execute([id])?;
            }
            Ok(())
        })?;
        Ok(due.len() == FEW_RANGES)
    }
}

/// The place and the time of the oldest event that is in a batch, or behind all batches.
pub(super) fn oldest_pending(
    conn: &Connection,
    batched_upto: i64,
) -> Result<Option<(i64, Timestamp)>, WalError> {
    let batched: Option<i64> =
        conn.prepare_cached("SELECT min(lo) FROM batch")?.query_row([], |row| row.get(0))?;
    let oldest: Option<(i64, i64)> = conn
        .prepare_cached("SELECT seq, wall_ms FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1")?
        .query_row([batched.unwrap_or(batched_upto + 1)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(oldest.map(|(seq, wall_ms)| (seq, Timestamp::from_millis(wall_ms))))
}

pub(super) fn insert_batch(
    conn: &Connection,
    low: i64,
    high: i64,
    events: u64,
    bytes: usize,
    now: Timestamp,
) -> Result<BatchMeta, WalError> {
    let id = BatchId::new();
    conn.prepare_cached(
        "INSERT INTO batch(lo, hi, n, bytes, bid, created_ms, suspect) VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0)",
    )?
    .execute(params![low, high, events, bytes, id.as_bytes(), now.as_millis()])?;
    Ok(BatchMeta { id, range: low..=high, events, created: now, standing: Standing::Ordinary })
}

pub(super) fn read_meta(row: &Row<'_>) -> rusqlite::Result<BatchMeta> {
    Ok(BatchMeta {
        id: BatchId::from_bytes(row.get("bid")?),
        range: row.get("lo")?..=row.get("hi")?,
        events: row.get("n")?,
        created: Timestamp::from_millis(row.get("created_ms")?),
        standing: Standing::read(row.get("suspect")?),
    })
}

fn form(
    conn: &Connection,
    ledger: &mut Ledger,
    author: &Author,
    limits: BatchLimits,
    now: Timestamp,
) -> Result<Option<BatchMeta>, WalError> {
    let mut statement = conn.prepare_cached(
        "SELECT seq, length(body) FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query(params![ledger.batched_upto, limits.max_events])?;
    let (mut low, mut high, mut events, mut bytes) = (None, 0, 0_u64, 0_usize);
    let mut is_full = false;
    while let Some(row) = rows.next()? {
        let (seq, length): (i64, usize) = (row.get(0)?, row.get(1)?);
        is_full = events > 0 && bytes + length > limits.max_bytes;
        if is_full {
            break;
        }
        low.get_or_insert(seq);
        high = seq;
        events += 1;
        bytes += length;
    }
    drop(rows);
    ledger.unbatched = ledger.unbatched.saturating_sub(events);
    ledger.unbatched_bytes = ledger.unbatched_bytes.saturating_sub(bytes as u64);
    let was_last = !is_full && events < limits.max_events as u64;
    let formed = match low {
        Some(low) => {
            ledger.batched_upto = high;
            insert_batch(conn, low, high, events, bytes, now).map(Some)
        }
        None => Ok(None),
    };
    if was_last && ledger.unbatched > 0 {
        report_vanished(conn, ledger, author)?;
    }
    formed
}

/// Reports events that the ledger counts and no row holds: damage that SQLite did not see.
fn report_vanished(
    conn: &Connection,
    ledger: &mut Ledger,
    author: &Author,
) -> Result<(), WalError> {
    let count = std::mem::take(&mut ledger.unbatched);
    ledger.unbatched_bytes = 0;
    ledger.give_up(GapReason::Damaged, count);
    let gap = Gap {
        reason: GapReason::Damaged,
        count,
        from_seq: None,
        to_seq: None,
        from_time: None,
        to_time: None,
        estimated: false,
    };
    append::insert_gap(conn, ledger, author, gap).map(drop)
}

fn deliver(
    conn: &Connection,
    batch: &BatchMeta,
    keep_history: bool,
    now: Timestamp,
) -> Result<(), WalError> {
    let (low, high) = (batch.range.start(), batch.range.end());
    if keep_history {
        conn.prepare_cached("INSERT INTO delivered(lo, hi, n, at_ms) VALUES(?1, ?2, ?3, ?4)")?
            .execute(params![low, high, batch.events, now.as_millis()])?;
    } else {
        conn.prepare_cached("DELETE FROM event WHERE seq BETWEEN ?1 AND ?2")?
            .execute(params![low, high])?;
    }
    Ok(())
}

fn bury_rejected(
    conn: &Connection,
    batch: &LoadedBatch,
    rejection: &Rejection,
    now: Timestamp,
) -> Result<(), WalError> {
    let Some(event) = batch.events.iter().find(|event| event.event_id == rejection.event_id) else {
        return Ok(());
    };
    let cause = if rejection.message.is_empty() {
        format!("rejected by the server: {}", rejection.code)
    } else {
        format!("rejected by the server: {}", rejection.message)
    };
    dead_letters::bury(conn, event.seq, None, Some(rejection.code.as_str()), &cause, now)
}

pub(super) fn delete_batch(conn: &Connection, batch: &BatchMeta) -> Result<(), WalError> {
    conn.prepare_cached("DELETE FROM batch WHERE lo = ?1")?.execute([batch.range.start()])?;
    Ok(())
}

pub(super) fn rows_between(
    conn: &Connection,
    range: &std::ops::RangeInclusive<i64>,
) -> Result<Vec<StoredEvent>, WalError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM event WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq"
    ))?;
    let rows = statement.query_map([range.start(), range.end()], StoredEvent::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn raw(body: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(body).ok()
}
