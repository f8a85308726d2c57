//! Listing events for people: what waits, what was delivered, what is dead.

use devpulse_protocol::{EventId, Timestamp};
use rusqlite::{Connection, params};

use super::row::{StoredEvent, Unreadable, event_type};
use super::{Store, WalError};
use crate::vault::{KeyId, Vault};

/// Which events are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// What waits, oldest first.
    Pending,
    /// What was delivered and is still readable, oldest first.
    Sent,
    /// Dead letters, oldest first.
    Dead,
}

/// An event as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its place, from which the next page goes on.
    pub seq: i64,
    /// Its id.
    pub event_id: EventId,
    /// Its JSON, exactly as it is sent. Of one that cannot be read, what is known of it
    /// without its key, and the field `unreadable`: `locked` for now, or `lost`.
    pub json: String,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The status of the answer that condemned it.
    pub status: Option<u16>,
    /// Since when it is dead.
    pub died_at: Option<Timestamp>,
}

impl Store {
    /// A page of events behind the place `after`, at most `limit` of them. A row that
    /// does not match its checksum is left out here; the sender reports it.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn list(
        &mut self,
        which: Which,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Listed>, WalError> {
        let upto = self.ledger().batched_upto;
        let vault = std::sync::Arc::clone(self.vault());
        self.read(|conn| page(conn, &vault, which, upto, after, limit))
    }

    /// The place behind which the newest `count` delivered events lie.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn newest(&mut self, which: Which, count: usize) -> Result<i64, WalError> {
        let upto = self.ledger().batched_upto;
        self.read(|conn| newest(conn, which, upto, count))
    }
}

/// See [`Store::list`].
pub(super) fn page(
    conn: &Connection,
    vault: &Vault,
    which: Which,
    batched_upto: i64,
    after: i64,
    limit: usize,
) -> Result<Vec<Listed>, WalError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT seq, eid, cls, wall_ms, enc, crc, body, {} ORDER BY seq LIMIT ?3",
        source(which)
    ))?;
    let mut rows = statement.query(params![after, batched_upto, limit])?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        let mut stored = StoredEvent::read(row)?;
        let Some(event_id) = stored.intact() else {
            continue;
        };
        let json = match stored.open(vault) {
            Ok(_) => String::from_utf8(stored.body).ok(),
            Err(Unreadable::Damaged) => None,
            Err(Unreadable::Locked(_)) => Some(outside(&stored, event_id, "locked")),
            Err(Unreadable::Lost) => Some(outside(&stored, event_id, "lost")),
        };
        let Some(json) = json else {
            continue;
        };
        listed.push(Listed {
            seq: stored.seq,
            event_id,
            json,
            reason: row.get(7)?,
            status: row.get(8)?,
            died_at: row.get::<_, Option<i64>>(9)?.map(Timestamp::from_millis),
        });
    }
    Ok(listed)
}

/// How many of the events that wait lie under each key.
pub(super) fn waiting_by_key(
    conn: &Connection,
    batched_upto: i64,
) -> Result<Vec<(KeyId, u64)>, WalError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT enc, count(*), {} GROUP BY enc",
        source(Which::Pending)
    ))?;
    let found = statement.query_map([0, batched_upto], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// What can be read of an event without its key.
fn outside(event: &StoredEvent, event_id: EventId, unreadable: &str) -> String {
    serde_json::json!({
        "seq": event.seq,
        "event_id": event_id,
        "event_type": event_type(event.cls),
        "timestamp": event.timestamp(),
        "unreadable": unreadable,
    })
    .to_string()
}

/// See [`Store::newest`].
pub(super) fn newest(
    conn: &Connection,
    which: Which,
    batched_upto: i64,
    count: usize,
) -> Result<i64, WalError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT seq, {} ORDER BY seq DESC LIMIT ?3", source(which)))?;
    let mut rows = statement.query(params![0, batched_upto, count])?;
    let mut lowest = i64::MAX;
    while let Some(row) = rows.next()? {
        lowest = row.get(0)?;
    }
    Ok(lowest.saturating_sub(1))
}

/// `?1` is the place to begin after, `?2` is `batched_upto`.
const fn source(which: Which) -> &'static str {
    match which {
        Which::Pending => {
            "NULL, NULL, NULL FROM event WHERE seq > ?1 AND (seq > ?2 OR EXISTS(
             SELECT 1 FROM batch WHERE seq BETWEEN lo AND hi))"
        }
        Which::Sent => {
            "NULL, NULL, NULL FROM event WHERE seq > ?1 AND seq <= ?2 AND NOT EXISTS(
             SELECT 1 FROM batch WHERE seq BETWEEN lo AND hi)"
        }
        Which::Dead => "cause, status, at_ms FROM dead WHERE seq > ?1 AND ?2 >= 0",
    }
}
