//! The ledger: every counter, changed in the transaction that changes what it counts.
//!
//! `captured = delivered + pending + dead + dropped` holds after every commit.

use std::collections::BTreeMap;

use devpulse_protocol::{Epoch, GapReason, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::WalError;
use super::unreadable::out_of_order;
use crate::vault::KeyId;

/// What the database counts, so that nothing ever has to be counted by reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Random for each new database.
    pub epoch: Epoch,
    /// The place of the next event.
    pub next_seq: i64,
    /// Every event up to here has been put into a batch.
    pub batched_upto: i64,
    /// Events committed, ever.
    pub captured: u64,
    /// Events that a receipt acknowledged.
    pub delivered: u64,
    /// Of those, events that the server had before.
    pub duplicates: u64,
    /// Events that receipts refused, ever.
    pub rejected: u64,
    /// Dead letters.
    pub dead: u64,
    /// Events that wait.
    pub pending: u64,
    /// Of those, events that are in no batch yet.
    pub unbatched: u64,
    /// Bytes of the events that are in no batch yet.
    pub unbatched_bytes: u64,
    /// Images that wait.
    pub images_pending: u64,
    /// When a receipt came last.
    pub last_success: Option<Timestamp>,
    /// What stood in the way last; `None` after a success.
    pub last_error: Option<String>,
    /// Since when the server says that the device is revoked.
    pub revoked_since: Option<Timestamp>,
    /// Events given up, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// The data key of this run, once the database holds it.
    pub(super) session: Option<KeyId>,
}

impl Ledger {
    /// Events given up for any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Whether every event is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let counts = [self.delivered, self.pending, self.dead];
        let mut counts = counts.iter().chain(self.dropped.values());
        counts.try_fold(0_u64, |sum, &count| sum.checked_add(count)) == Some(self.captured)
    }

    pub(super) fn create(conn: &Connection) -> Result<(), WalError> {
        let epoch: u64 = rand::random();
        conn.execute(
            "INSERT INTO ledger VALUES(1, ?1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL)",
            params![epoch.cast_signed()],
        )?;
        Ok(())
    }

    pub(super) fn read(conn: &Connection) -> Result<Self, WalError> {
        let mut statement = conn.prepare_cached("SELECT * FROM ledger WHERE id = 1")?;
        let ledger = statement
            .query_row([], |row| {
                Ok(Self {
                    epoch: Epoch::from_bits(row.get::<_, i64>("epoch")?.cast_unsigned()),
                    next_seq: row.get("next_seq")?,
                    batched_upto: row.get("batched_upto")?,
                    captured: row.get("captured")?,
                    delivered: row.get("delivered")?,
                    duplicates: row.get("duplicates")?,
                    rejected: row.get("rejected")?,
                    dead: row.get("dead")?,
                    pending: row.get("pending")?,
                    unbatched: row.get("unbatched")?,
                    unbatched_bytes: row.get("unbatched_bytes")?,
                    images_pending: row.get("images_pending")?,
                    last_success: row
                        .get::<_, Option<i64>>("last_success_ms")?
                        .map(Timestamp::from_millis),
                    last_error: row.get("last_error")?,
                    revoked_since: row
                        .get::<_, Option<i64>>("revoked_ms")?
                        .map(Timestamp::from_millis),
                    dropped: BTreeMap::new(),
                    session: None,
                })
            })
            .optional()?;
        let mut ledger = ledger.ok_or(WalError::NoLedger)?;
        let mut statement = conn.prepare_cached("SELECT reason, n FROM dropped")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            ledger.dropped.insert(row.get(0)?, row.get(1)?);
        }
        if ledger.adds_up() { Ok(ledger) } else { Err(WalError::NoLedger) }
    }

    /// Writes what differs from `before`.
    pub(super) fn write(&self, before: &Self, conn: &Connection) -> Result<(), WalError> {
        conn.prepare_cached(
            "UPDATE ledger SET next_seq = ?1, batched_upto = ?2, captured = ?3, delivered = ?4,
             duplicates = ?5, rejected = ?6, dead = ?7, pending = ?8, unbatched = ?9,
             unbatched_bytes = ?10, images_pending = ?11, last_success_ms = ?12, last_error = ?13,
             revoked_ms = ?14 WHERE id = 1",
        )?
        .execute(params![
            self.next_seq,
            self.batched_upto,
            self.captured,
            self.delivered,
            self.duplicates,
            self.rejected,
            self.dead,
            self.pending,
            self.unbatched,
            self.unbatched_bytes,
            self.images_pending,
            self.last_success.map(Timestamp::as_millis),
            self.last_error,
            self.revoked_since.map(Timestamp::as_millis),
        ])?;
        if self.dropped != before.dropped {
            let mut statement =
                conn.prepare_cached("INSERT OR REPLACE INTO dropped(reason, n) VALUES(?1, ?2)")?;
            for (reason, count) in &self.dropped {
                statement.execute(params![reason, count])?;
            }
        }
        Ok(())
    }

    /// Takes events out of those that wait.
    pub(super) fn settle(&mut self, count: u64) -> Result<(), WalError> {
        let left = self.pending.checked_sub(count);
        self.pending = left.ok_or_else(|| out_of_order("a batch counts more events than wait"))?;
        Ok(())
    }

    /// Counts pending events as given up.
    pub(super) fn give_up(&mut self, reason: GapReason, count: u64) {
        self.pending = self.pending.saturating_sub(count);
        *self.dropped.entry(reason.as_str().to_owned()).or_default() += count;
    }
}
