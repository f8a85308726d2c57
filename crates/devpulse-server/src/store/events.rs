//! Events: stored once each, as the very text that was sent.

use devpulse_protocol::{DeviceId, EventType, Timestamp};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::StoreError;
use crate::batch::ParsedBatch;

/// Most events in one page.
const MAX_PAGE: u32 = 1000;

/// Which events to read; an absent field does not narrow them down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only events of this device.
    #[serde(default)]
    pub device: Option<DeviceId>,
    /// Only events of this type.
    #[serde(default, rename = "type")]
    pub event_type: Option<EventType>,
    /// Only events that happened at this time or later.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Only events that happened before this time.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Only events that arrived after this place, as [`EventPage::next_cursor`] gave it.
    #[serde(default)]
    pub cursor: Option<i64>,
    /// At most so many events, 1 to 1000; 1000 where absent.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Some events, in the order in which they arrived.
#[derive(Clone, Debug, Serialize)]
pub struct EventPage {
    /// The events, each byte for byte as it was sent.
    pub events: Vec<Box<RawValue>>,
    /// Where the next page begins. A page without events is the last one for now;
    /// asking again later with its cursor gives what arrived since.
    pub next_cursor: i64,
}

/// How many events of one type a device has delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventCount {
    /// Which device.
    pub device_id: DeviceId,
    /// Which type.
    pub event_type: String,
    /// How many.
    pub count: i64,
}

/// Stores the events of a batch that were not stored before, and says how many they were.
pub(crate) fn insert(
    connection: &Connection,
    device: i64,
    batch: &ParsedBatch,
) -> Result<u64, StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO event(event_id, device, event_type, time_ms, body) VALUES(?, ?, ?, ?, ?)
         ON CONFLICT(event_id) DO NOTHING",
    )?;
    let mut counts: Vec<(EventType, i64)> = Vec::new();
    let mut accepted = 0;
    for event in &batch.events {
        let inserted = insert.execute(params![
            event.id.as_bytes(),
            device,
            event.event_type.as_str(),
            event.time.as_millis(),
            &batch.text[event.text.clone()],
        ])?;
        if inserted == 0 {
            continue;
        }
        accepted += 1;
        match counts.iter_mut().find(|(event_type, _)| *event_type == event.event_type) {
            Some((_, count)) => *count += 1,
            None => counts.push((event.event_type, 1)),
        }
    }
    let mut add = connection.prepare_cached(
        "INSERT INTO event_count VALUES(?1, ?2, ?3)
         ON CONFLICT(device, event_type) DO UPDATE SET count = count + ?3",
    )?;
    for (event_type, count) in counts {
        add.execute(params![device, event_type.as_str(), count])?;
    }
    Ok(accepted)
}

pub(crate) fn page(connection: &Connection, query: &EventQuery) -> Result<EventPage, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT n, body FROM event WHERE n > ?1
         AND (?2 IS NULL OR device = (SELECT id FROM device WHERE device_id = ?2))
         AND (?3 IS NULL OR event_type = ?3)
         AND (?4 IS NULL OR time_ms >= ?4)
         AND (?5 IS NULL OR time_ms < ?5)
         ORDER BY n LIMIT ?6",
    )?;
    let mut next_cursor = query.cursor.unwrap_or(0);
    let mut rows = statement.query(params![
        next_cursor,
        query.device.as_ref().map(DeviceId::as_str),
        query.event_type.map(EventType::as_str),
        query.from.map(Timestamp::as_millis),
        query.to.map(Timestamp::as_millis),
        query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE),
    ])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        next_cursor = row.get(0)?;
        events.push(RawValue::from_string(row.get(1)?)?);
    }
    Ok(EventPage { events, next_cursor })
}

pub(crate) fn counts(connection: &Connection) -> Result<Vec<EventCount>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT device.device_id, event_type, count FROM event_count
         JOIN device ON device.id = event_count.device ORDER BY device.id, event_type",
    )?;
    let counts = statement
        .query_map([], |row| {
            Ok(EventCount {
                device_id: DeviceId::new(row.get::<_, String>(0)?),
                event_type: row.get(1)?,
                count: row.get(2)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(counts)
}
