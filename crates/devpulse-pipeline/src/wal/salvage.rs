//! Making a new database of what is legible of a damaged one.
//!
//! The damaged file is put aside, its events go into the new database at their old
//! places, and the rest is reported as a `gap`. A crash leaves either the damaged
//! database in its place, and everything begins anew, or the new one beside it, complete.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use devpulse_protocol::GapReason;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::carve::{self, DeadRow, Found, ImageRow};
use super::keys::{self, KeyRow};
use super::ledger::Ledger;
use super::recovery::{self, Missing};
use super::reservation::Reservation;
use super::row::StoredEvent;
use super::snapshot::Snapshot;
use super::{Author, Medium, WalError, beside, images, quarantine, store, sync_directory};

/// Puts a database into its place that a crash left beside it, complete.
pub(super) fn finish_interrupted(path: &Path) -> std::io::Result<()> {
    let salvaged = salvaged(path);
    if !salvaged.exists() {
        return Ok(());
    }
    if !matches!(Snapshot::open(&salvaged), Ok(Some(_))) {
        return quarantine::remove(&salvaged);
    }
    quarantine::put_aside(path)?;
    fs::rename(salvaged, path)?;
    sync_directory(path)
}

/// Makes a new database of what is legible of the damaged one at `path`, and puts the
/// damaged one aside.
pub(super) fn salvage(path: &Path, author: &Author, medium: Medium) -> Result<(), WalError> {
    let reservation = Reservation::read(path);
    let old = Old::read(path);
    let building = beside(path, ".salvaging");
    for leftover in [building.clone(), beside(&building, "-wal")] {
        quarantine::remove(&leftover).map_err(WalError::of_file)?;
    }
    let ledger = build(path, &building, medium, author, old.as_ref(), reservation)?;
    // The places are the same ones, so it also speaks for the damaged database where a
    // crash leaves that one in its place.
    let (epoch, end, settled) = (ledger.epoch, ledger.next_seq, ledger.batched_upto);
    let reserved = Reservation { epoch, end, settled, log_bytes: 0 };
    reserved.write(path).map_err(WalError::of_file)?;
    File::options()
        .write(true)
        .open(&building)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&building, salvaged(path)))
        .and_then(|()| sync_directory(path))
        .and_then(|()| finish_interrupted(path))
        .map_err(WalError::of_file)
}

/// What the damaged database still says of itself.
struct Old {
    ledger: Ledger,
    batches: Vec<(i64, i64)>,
    notes: Vec<(String, Vec<u8>)>,
    keys: Vec<KeyRow>,
}

impl Old {
    /// Looks twice, because a disk may give at the second try what it did not at the first.
    fn read(path: &Path) -> Option<Self> {
        Self::look(path).or_else(|| {
            std::thread::park_timeout(store::BETWEEN_TRIES);
            Self::look(path)
        })
    }

    fn look(path: &Path) -> Option<Self> {
        let snapshot = Snapshot::open(path).ok()??;
        let batches = snapshot.batch_ranges().ok()?;
        let notes = snapshot.notes().unwrap_or_default();
        let keys = snapshot.keys().unwrap_or_default();
        Some(Self { ledger: snapshot.ledger().clone(), batches, notes, keys })
    }

    fn is_pending(&self, seq: i64) -> bool {
        seq > self.ledger.batched_upto
            || self.batches.iter().any(|&(low, high)| (low..=high).contains(&seq))
    }

    /// The first and the last place where an event waited that `new` does not have.
    fn bounds_of_missing(&self, new: &Connection) -> Result<(Option<i64>, Option<i64>), WalError> {
        let mut ranges = self.batches.clone();
        ranges.push((self.ledger.batched_upto + 1, self.ledger.next_seq - 1));
        let (mut first, mut last) = (None, None);
        let mut note = |low: i64, high: i64| {
            if low <= high {
                first.get_or_insert(low);
                last = Some(high);
            }
        };
        for (low, high) in ranges {
            let mut expected = low;
            let mut statement =
                new.prepare("SELECT seq FROM event WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")?;
            let mut rows = statement.query([low, high])?;
            while let Some(row) = rows.next()? {
                let seq: i64 = row.get(0)?;
                note(expected, seq - 1);
                expected = seq + 1;
            }
            note(expected, high);
        }
        Ok((first, last))
    }
}

fn build(
    damaged: &Path,
    path: &Path,
    medium: Medium,
    author: &Author,
    old: Option<&Old>,
    reservation: Option<Reservation>,
) -> Result<Ledger, WalError> {
    let (mut conn, fresh) = store::connect(path, medium)?;
    // Until it is complete nobody relies on it, and then the whole file is synced.
    conn.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    let settled = reservation.map_or(0, |reservation| reservation.settled);
    let waited = |seq: i64| old.map_or(seq > settled, |old| old.is_pending(seq));
    let tx = conn.transaction()?;
    carve::database(damaged, |found| match found {
        Found::Event(event) if waited(event.seq) => insert_event(&tx, &event),
        Found::Event(_) | Found::Ledger { .. } => Ok(()),
        Found::Dead(dead) => insert_dead(&tx, &dead),
        Found::Image(image) => insert_image(&tx, &image),
        Found::Key(key) => keys::insert(&tx, &key),
    })?;
    let mut ledger = count(&tx, &fresh)?;
    let found = ledger.pending + ledger.dead;
    ledger.captured = found;
    if let Some(old) = old {
        ledger.captured += old.ledger.delivered + old.ledger.dropped_total();
        ledger.delivered = old.ledger.delivered;
        ledger.duplicates = old.ledger.duplicates;
        ledger.rejected = old.ledger.rejected;
        ledger.dropped.clone_from(&old.ledger.dropped);
        ledger.last_success = old.ledger.last_success;
        ledger.revoked_since = old.ledger.revoked_since;
        for key in &old.keys {
            keys::insert(&tx, key)?;
        }
        for (name, body) in &old.notes {
            tx.execute("INSERT INTO note(name, body) VALUES(?1, ?2)", params![name, body])?;
        }
    }
    let reserved = reservation.map_or(1, |reservation| reservation.end);
    ledger.next_seq = ledger.next_seq.max(reserved);
    ledger.batched_upto = first_place(&tx)?.unwrap_or(ledger.next_seq) - 1;
    let missing = missing(&tx, old, reservation, found)?;
    if let Some(missing) = &missing {
        recovery::record(&tx, &mut ledger, author, missing)?;
    }
    ledger.write(&fresh, &tx)?;
    tx.commit()?;
    tracing::warn!(
        found,
        missing = missing.map_or(0, |missing| missing.count),
        "the damaged event log is put aside and what is legible is kept"
    );
    conn.close().map_err(|(_, error)| WalError::from(error))?;
    Ok(ledger)
}

/// Counts what was found, which is done nowhere else.
fn count(conn: &Connection, fresh: &Ledger) -> Result<Ledger, WalError> {
    let mut ledger = fresh.clone();
    let (events, bytes, last): (u64, u64, i64) = conn.query_row(
        "SELECT count(*), coalesce(sum(length(body)), 0), coalesce(max(seq), 0) FROM event",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let (dead, last_dead): (u64, i64) =
        conn.query_row("SELECT count(*), coalesce(max(seq), 0) FROM dead", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    ledger.next_seq = last.max(last_dead) + 1;
    ledger.pending = events;
    ledger.unbatched = events;
    ledger.unbatched_bytes = bytes;
    ledger.dead = dead;
    ledger.images_pending =
        conn.query_row("SELECT count(*) FROM image WHERE state = ?1", [images::PENDING], |row| {
            row.get(0)
        })?;
    Ok(ledger)
}

fn first_place(conn: &Connection) -> Result<Option<i64>, WalError> {
    let first = conn
        .query_row("SELECT seq FROM event ORDER BY seq LIMIT 1", [], |row| row.get(0))
        .optional()?;
    Ok(first)
}

fn missing(
    new: &Connection,
    old: Option<&Old>,
    reservation: Option<Reservation>,
    found: u64,
) -> Result<Option<Missing>, WalError> {
    let (count, bounds, estimated) = match (old, reservation) {
        (Some(old), _) => {
            let waited = old.ledger.pending + old.ledger.dead;
            (waited.saturating_sub(found), old.bounds_of_missing(new)?, false)
        }
        (None, Some(reservation)) => {
            let at_most = u64::try_from(reservation.end - 1 - reservation.settled).unwrap_or(0);
            let bounds = (Some(reservation.settled + 1), Some(reservation.end - 1));
            (at_most.saturating_sub(found), bounds, true)
        }
        (None, None) => (u64::from(found == 0), (None, None), true),
    };
    let missing = Missing {
        reason: GapReason::Damaged,
        count,
        from_seq: bounds.0,
        to_seq: bounds.1,
        estimated,
    };
    Ok((count > 0).then_some(missing))
}

/// Inserts an event at its old place, to be batched anew.
pub(super) fn insert_event(conn: &Connection, event: &StoredEvent) -> Result<(), WalError> {
    conn.prepare_cached("DELETE FROM dead WHERE seq = ?1")?.execute([event.seq])?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO event(seq, eid, cls, wall_ms, enc, crc, body)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        event.seq,
        event.eid,
        event.cls,
        event.wall_ms,
        event.enc,
        event.crc,
        event.body
    ])?;
    Ok(())
}

fn insert_dead(conn: &Connection, dead: &DeadRow) -> Result<(), WalError> {
    let event = &dead.event;
    conn.prepare_cached("DELETE FROM event WHERE seq = ?1")?.execute([event.seq])?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO dead VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        event.seq,
        event.eid,
        event.cls,
        event.wall_ms,
        event.enc,
        event.crc,
        event.body,
        dead.status,
        dead.code,
        dead.cause,
        dead.at_ms
    ])?;
    Ok(())
}

fn insert_image(conn: &Connection, image: &ImageRow) -> Result<(), WalError> {
    conn.prepare_cached(
        "INSERT INTO image(sha, seq, media, size, state, at_ms, enc, body)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT(sha) DO UPDATE SET state = excluded.state, at_ms = excluded.at_ms",
    )?
    .execute(params![
        image.sha,
        image.seq,
        image.media,
        image.size,
        image.state,
        image.at_ms,
        image.enc,
        image.inline
    ])?;
    Ok(())
}

fn salvaged(path: &Path) -> PathBuf {
    beside(path, ".salvaged")
}
