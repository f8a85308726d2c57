//! A row of events: its checksum, and the place it is given.

use devpulse_protocol::{Epoch, EventId, EventType, Timestamp};
use rusqlite::Row;

/// How `body` is encoded: as plain JSON.
pub(super) const PLAIN: i64 = 0;

/// A row as it was read, its checksum not yet verified.
#[derive(Clone, Debug)]
pub(super) struct StoredEvent {
    pub(super) seq: i64,
    pub(super) eid: Vec<u8>,
    pub(super) cls: i64,
    pub(super) wall_ms: i64,
    pub(super) enc: i64,
    pub(super) crc: i64,
    pub(super) body: Vec<u8>,
}

/// The columns of [`StoredEvent`], in the order in which it reads them.
pub(super) const COLUMNS: &str = "seq, eid, cls, wall_ms, enc, crc, body";

impl StoredEvent {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            eid: row.get(1)?,
            cls: row.get(2)?,
            wall_ms: row.get(3)?,
            enc: row.get(4)?,
            crc: row.get(5)?,
            body: row.get(6)?,
        })
    }

    /// The event's id, where the row is as it was written.
    pub(super) fn intact(&self) -> Option<EventId> {
        let eid: [u8; 16] = self.eid.as_slice().try_into().ok()?;
        let expected = checksum(self.seq, &eid, self.cls, self.wall_ms, self.enc, &self.body);
        (i64::from(expected) == self.crc && self.enc == PLAIN).then(|| EventId::from_bytes(eid))
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms)
    }
}

/// CRC32C over everything in the row: a flipped bit in a body passes SQLite's own checks.
pub(super) fn checksum(
    seq: i64,
    eid: &[u8; 16],
    cls: i64,
    wall_ms: i64,
    enc: i64,
    body: &[u8],
) -> u32 {
    let mut crc = crc32c::crc32c(&seq.to_le_bytes());
    crc = crc32c::crc32c_append(crc, eid);
    for number in [cls, wall_ms, enc] {
        crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
    }
    crc32c::crc32c_append(crc, body)
}

/// Puts `epoch` and `seq` into the event's JSON object.
pub(super) fn placed(json: &[u8], epoch: Epoch, seq: i64) -> Vec<u8> {
    let fields = json.strip_prefix(b"{").unwrap_or(json);
    let mut body = Vec::with_capacity(json.len() + 48);
    body.extend_from_slice(format!(r#"{{"epoch":"{epoch}","seq":{seq}"#).as_bytes());
    if fields != b"}" {
        body.push(b',');
    }
    body.extend_from_slice(fields);
    body
}

/// The number that stands for an event type in the database. Never reassigned.
pub(super) const fn class(event_type: EventType) -> i64 {
    match event_type {
        EventType::Gap => 0,
        EventType::Activity => 1,
        EventType::Window => 2,
        EventType::Custom => 3,
        EventType::Screenshot => 4,
        EventType::Heartbeat => 5,
    }
}
