//! A row of events: its checksum, and the place it is given.

use devpulse_protocol::{Epoch, EventId, EventType, Timestamp};
use rusqlite::Row;

use crate::vault::{Locked, OVERHEAD, Unopened, Vault};

/// How `body` is encoded: as plain JSON. Any other number is the key that it is sealed under.
const PLAIN: i64 = 0;

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
        (i64::from(expected) == self.crc && self.enc >= PLAIN).then(|| EventId::from_bytes(eid))
    }

    /// Makes `body` plain JSON, and hands out the event's id.
    pub(super) fn open(&mut self, vault: &Vault) -> Result<EventId, Unreadable> {
        let event_id = self.intact().ok_or(Unreadable::Damaged)?;
        if self.enc != PLAIN {
            let bound = bound_to(self.seq, event_id.as_bytes(), self.cls, self.wall_ms);
            vault.open(self.enc, &bound, &mut self.body).map_err(|unopened| match unopened {
                Unopened::Locked(locked) => Unreadable::Locked(locked),
                Unopened::Lost => Unreadable::Lost,
            })?;
            self.enc = PLAIN;
        }
        Ok(event_id)
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms)
    }
}

/// Why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It does not match its checksum.
    Damaged,
    /// Its key is not at hand now.
    Locked(Locked),
    /// It matches its checksum, and can never be opened.
    Lost,
}

/// What a sealed body is bound to: its row, so that no other one can take its place.
pub(super) fn bound_to(seq: i64, eid: &[u8; 16], cls: i64, wall_ms: i64) -> [u8; 45] {
    let mut bound = [0; 45];
    bound[..5].copy_from_slice(b"event");
    bound[5..13].copy_from_slice(&seq.to_le_bytes());
    bound[13..29].copy_from_slice(eid);
    bound[29..37].copy_from_slice(&cls.to_le_bytes());
    bound[37..].copy_from_slice(&wall_ms.to_le_bytes());
    bound
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
    let mut body = Vec::with_capacity(json.len() + 48 + OVERHEAD);
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

/// The event type that a number stands for.
pub(super) fn event_type(class: i64) -> Option<EventType> {
    const ALL: [EventType; 6] = [
        EventType::Gap,
        EventType::Activity,
        EventType::Window,
        EventType::Custom,
        EventType::Screenshot,
        EventType::Heartbeat,
    ];

    ALL.into_iter().find(|&event_type| self::class(event_type) == class)
}
