//! Appending: a group of events in one transaction, synced before it is acknowledged.

use devpulse_protocol::{EventBody, EventDraft, EventId, EventType, Gap, Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::checkpoint::CheckpointUpdate;
use super::ledger::Ledger;
use super::row::{bound_to, checksum, class, placed};
use super::{Author, NewImage, Store, WalError, checkpoint, keys};

/// An event that waits to be committed.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id.
    pub event_id: EventId,
    /// Its kind.
    pub event_type: EventType,
    /// When it happened.
    pub at: Timestamp,
    /// Its JSON object, without `epoch` and `seq`.
    pub json: Vec<u8>,
    /// What becomes of the checkpoint of the open window, in the same transaction.
    pub checkpoint: CheckpointUpdate,
    /// Its image, staged before.
    pub image: Option<NewImage>,
}

impl NewEvent {
    /// Encodes a draft.
    ///
    /// # Errors
    /// Fails where it cannot be written as JSON.
    pub fn from_draft(draft: &EventDraft) -> Result<Self, serde_json::Error> {
        Ok(Self {
            event_id: draft.event_id,
            event_type: draft.body.event_type(),
            at: draft.timestamp,
            json: draft.encode()?,
            checkpoint: CheckpointUpdate::Keep,
            image: None,
        })
    }
}

impl Store {
    /// Commits the events in their order and returns once they are synced.
    ///
    /// # Errors
    /// On any error none of them is in the log.
    pub fn append(&mut self, events: &[NewEvent]) -> Result<Vec<Seq>, WalError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let rows: u64 = events.iter().map(|event| event.json.len() as u64).sum();
        self.check_room(rows)?;
        let author = self.author();
        let places = self.write(|tx, ledger| {
            let insert = |event| insert(tx, ledger, &author, event);
            events.iter().map(insert).collect::<Result<Vec<Seq>, _>>()
        })?;
        let now_ms = Timestamp::now().as_millis();
        for (place, event) in places.iter().zip(events) {
            self.steps_mut().stored(place.0, event.at.as_millis(), now_ms);
        }
        let images = events.iter().filter_map(|event| event.image.as_ref());
        self.keep_within_cap(rows + images.map(NewImage::size).sum::<u64>());
        Ok(places)
    }

    /// As [`Store::append`], for a group whose commit failed: a failed commit may have
    /// reached the disk all the same, and then the group is the end of the log.
    ///
    /// # Errors
    /// On any error the group has to be tried again.
    pub fn append_again(&mut self, events: &[NewEvent]) -> Result<Vec<Seq>, WalError> {
        let Some(last) = events.last() else {
            return Ok(Vec::new());
        };
        let present = self.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT seq, eid FROM event ORDER BY seq DESC LIMIT 1")?;
            let end = statement
                .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
                .optional()?;
            Ok(end.filter(|(_, eid)| eid == last.event_id.as_bytes()).map(|(seq, _)| seq))
        })?;
        match present {
            Some(end) => Ok((end + 1 - events.len() as i64..=end).map(Seq).collect()),
            None => self.append(events),
        }
    }
}

/// Inserts one event at the next place.
pub(super) fn insert(
    conn: &Connection,
    ledger: &mut Ledger,
    author: &Author,
    event: &NewEvent,
) -> Result<Seq, WalError> {
    let key = keys::enter(conn, ledger, &author.vault)?;
    let seq = ledger.next_seq;
    let mut body = placed(&event.json, ledger.epoch, seq);
    let cls = class(event.event_type);
    let wall_ms = event.at.as_millis();
    let eid = event.event_id.as_bytes();
    key.seal(&bound_to(seq, eid, cls, wall_ms), &mut body).map_err(WalError::of_file)?;
    let crc = checksum(seq, eid, cls, wall_ms, key.id(), &body);
    conn.prepare_cached(
        "INSERT INTO event(seq, eid, cls, wall_ms, enc, crc, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![seq, eid, cls, wall_ms, key.id(), crc, body])?;
    checkpoint::update(conn, &author.vault, &event.checkpoint)?;
    if let Some(image) = &event.image {
        super::images::insert(conn, ledger, image, seq, wall_ms)?;
    }
    ledger.next_seq += 1;
    ledger.captured += 1;
    ledger.pending += 1;
    ledger.unbatched += 1;
    ledger.unbatched_bytes += body.len() as u64;
    Ok(Seq(seq))
}

/// Inserts a `gap` event that reports what is missing.
pub(super) fn insert_gap(
    conn: &Connection,
    ledger: &mut Ledger,
    author: &Author,
    gap: Gap,
) -> Result<Seq, WalError> {
    let draft = EventDraft {
        event_id: EventId::new(),
        timestamp: Timestamp::now(),
        username: author.identity.username.clone(),
        client_id: author.identity.device_id.clone(),
        body: EventBody::Gap(gap),
    };
    let event = NewEvent::from_draft(&draft).map_err(|error| {
        WalError::Storage(rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    })?;
    insert(conn, ledger, author, &event)
}
