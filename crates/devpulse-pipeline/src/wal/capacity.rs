//! The log's share of the disk. When it is used up, what is worth least goes first:
//! delivered events and images, then images that wait, then the oldest of the least
//! important events. What waited and had to go is reported as a `gap`.

use devpulse_protocol::{EventType, Gap, GapReason, Seq, Timestamp};
use rusqlite::{Connection, params};

use super::row::class;
use super::{Store, WalError, append, images};

/// Bytes that may be appended between two looks at what is used.
const UNLOOKED: u64 = 256 * 1024;

/// Event types in the order in which they are given up. A gap never is.
const LEAST_IMPORTANT_FIRST: [EventType; 5] = [
    EventType::Heartbeat,
    EventType::Screenshot,
    EventType::Custom,
    EventType::Window,
    EventType::Activity,
];

/// What the log may use, and what is known of what it uses.
#[derive(Clone, Debug, Default)]
pub(super) struct Capacity {
    cap: Option<u64>,
    appended: u64,
    /// For each of [`LEAST_IMPORTANT_FIRST`], a place up to which there is none that
    /// could be given up, so that looking for one never begins anew.
    searched: [i64; LEAST_IMPORTANT_FIRST.len()],
}

impl Store {
    /// Sets how many bytes database and images may use together.
    pub fn set_cap(&mut self, bytes: u64) {
        let capacity = self.capacity_mut();
        capacity.cap = Some(bytes);
        capacity.appended = UNLOOKED;
    }

    /// Bytes that database and images use.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn bytes_used(&mut self) -> Result<u64, WalError> {
        self.read(bytes_used)
    }

    /// Gives up what has to go after `appended` more bytes. What is appended stays: a
    /// failure here shows at the next append.
    pub(super) fn keep_within_cap(&mut self, appended: u64) {
        let capacity = self.capacity_mut();
        capacity.appended += appended;
        let Some(cap) = capacity.cap.filter(|_| capacity.appended >= UNLOOKED) else { return };
        capacity.appended = 0;
        if let Err(error) = self.shrink_to(cap) {
            tracing::warn!(%error, "the event log cannot be kept within its share of the disk");
        }
    }

    fn shrink_to(&mut self, cap: u64) -> Result<(), WalError> {
        let mut used = self.bytes_used()?;
        if used <= cap {
            return Ok(());
        }
        // A little more than needed, so that the next look finds nothing to do.
        let enough = cap - cap / 32;
        while used > enough {
            if !self.give_up_something(used - enough)? {
                tracing::warn!(used, cap, "nothing is left that could be given up for space");
                return Ok(());
            }
            used = self.bytes_used()?;
        }
        Ok(())
    }

    /// One step; returns whether there was anything to give up.
    fn give_up_something(&mut self, wanted: u64) -> Result<bool, WalError> {
        let always = Timestamp::from_millis(i64::MAX);
        let before = self.bytes_used()?;
        self.forget_delivered(always)?;
        self.forget_images(always)?;
        if self.bytes_used()? < before || self.give_up_images()? {
            return Ok(true);
        }
        self.give_up_events(wanted)
    }

    /// Gives up the oldest images that wait; their events stay.
    fn give_up_images(&mut self) -> Result<bool, WalError> {
        const FEW: usize = 8;

        let oldest: Vec<i64> = self.read(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT id FROM image WHERE state = ?1 ORDER BY id LIMIT ?2")?;
            let rows = statement.query_map(params![images::PENDING, FEW], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        if oldest.is_empty() {
            return Ok(false);
        }
        for &id in &oldest {
            self.remove_image(id)?;
        }
        let author = self.author();
        let gap = Gap {
            reason: GapReason::ImageDiskCap,
            count: oldest.len() as u64,
            from_seq: None,
            to_seq: None,
            from_time: None,
            to_time: None,
            estimated: false,
        };
        self.write(|tx, ledger| append::insert_gap(tx, ledger, &author, gap))?;
        Ok(true)
    }

    /// Gives up the oldest of the least important events that are in no batch yet.
    fn give_up_events(&mut self, wanted: u64) -> Result<bool, WalError> {
        for (index, event_type) in LEAST_IMPORTANT_FIRST.into_iter().enumerate() {
            let after = self.capacity_mut().searched[index].max(self.ledger().batched_upto);
            let oldest = self.read(|conn| oldest_of(conn, event_type, after, wanted))?;
            let end = self.ledger().next_seq - 1;
            self.capacity_mut().searched[index] = oldest.last().map_or(end, |event| event.seq);
            if !oldest.is_empty() {
                self.drop_events(&oldest)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn drop_events(&mut self, events: &[Candidate]) -> Result<(), WalError> {
        let author = self.author();
        let count = events.len() as u64;
        let bytes: u64 = events.iter().map(|event| event.bytes).sum();
        let time = |event: &Candidate| Timestamp::from_millis(event.wall_ms);
        let gap = Gap {
            reason: GapReason::DiskCap,
            count,
            from_seq: events.first().map(|event| Seq(event.seq)),
            to_seq: events.last().map(|event| Seq(event.seq)),
            from_time: events.iter().map(time).min(),
            to_time: events.iter().map(time).max(),
            estimated: false,
        };
        self.write(|tx, ledger| {
            let mut delete = tx.prepare_cached("DELETE FROM event WHERE seq = ?1")?;
            for event in events {
                delete.execute([event.seq])?;
            }
            ledger.unbatched = ledger.unbatched.saturating_sub(count);
            ledger.unbatched_bytes = ledger.unbatched_bytes.saturating_sub(bytes);
            ledger.give_up(GapReason::DiskCap, count);
            append::insert_gap(tx, ledger, &author, gap).map(drop)
        })
    }
}

struct Candidate {
    seq: i64,
    bytes: u64,
    wall_ms: i64,
}

fn oldest_of(
    conn: &Connection,
    event_type: EventType,
    after: i64,
    wanted: u64,
) -> Result<Vec<Candidate>, WalError> {
    const MOST: usize = 512;

    let mut statement = conn.prepare_cached(
        "SELECT seq, length(body), wall_ms FROM event WHERE seq > ?1 AND cls = ?2
         ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = statement.query(params![after, class(event_type), MOST])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < wanted
        && let Some(row) = rows.next()?
    {
        let candidate = Candidate { seq: row.get(0)?, bytes: row.get(1)?, wall_ms: row.get(2)? };
        bytes += candidate.bytes;
        found.push(candidate);
    }
    Ok(found)
}

fn bytes_used(conn: &Connection) -> Result<u64, WalError> {
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    let files: u64 = conn
        .prepare_cached("SELECT coalesce(sum(size), 0) FROM image WHERE body IS NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(pages * pragma("page_size")? + files)
}
