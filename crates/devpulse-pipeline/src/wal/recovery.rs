//! What happens when the database is damaged, cut, gone or another one.
//!
//! A damaged file is put aside, what is legible of it goes into a new database with its
//! old places, and the rest is reported as a `gap`. Every step can be cut by a crash and
//! is then done again from the start, because the damaged file stays in its place until
//! the new one is complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use devpulse_protocol::{Gap, GapReason, Seq, Timestamp};
use rusqlite::{Connection, params};

use super::carve::{self, Carved, DeadRow, ImageRow};
use super::ledger::Ledger;
use super::reservation::{BLOCK, Reservation};
use super::row::StoredEvent;
use super::snapshot::Snapshot;
use super::{Identity, WalError, append, beside, store, sync_directory};

/// Damaged databases that are kept.
const KEPT: usize = 2;

/// Events that are known to be missing.
struct Missing {
    reason: GapReason,
    count: u64,
    from_seq: Option<i64>,
    to_seq: Option<i64>,
    estimated: bool,
}

/// Puts a database into its place that a crash left beside it, complete.
pub(super) fn finish_interrupted(path: &Path) -> io::Result<()> {
    let salvaged = salvaged(path);
    if !salvaged.exists() {
        return Ok(());
    }
    if path.exists() {
        return fs::remove_file(salvaged);
    }
    fs::rename(salvaged, path)?;
    sync_directory(path)
}

/// Makes a new database of what is legible of the damaged one at `path`, and puts the
/// damaged one aside.
pub(super) fn salvage(path: &Path, identity: &Identity) -> Result<(), WalError> {
    let reservation = Reservation::read(path);
    let old = Old::read(path);
    let carved = carve::database(path).map_err(WalError::of_file)?;
    let building = beside(path, ".salvaging");
    for leftover in [building.clone(), beside(&building, "-wal")] {
        remove_if_there(&leftover).map_err(WalError::of_file)?;
    }
    let ledger = build(&building, identity, old.as_ref(), carved, reservation)?;
    // The places are the same ones, so it also speaks for the damaged database where a
    // crash leaves that one in its place.
    let reserved =
        Reservation { epoch: ledger.epoch, end: ledger.next_seq, settled: ledger.batched_upto };
    reserved.write(path).map_err(WalError::of_file)?;
    let complete = salvaged(path);
    fs::rename(&building, &complete)
        .and_then(|()| put_aside(path))
        .and_then(|()| fs::rename(&complete, path))
        .and_then(|()| sync_directory(path))
        .map_err(WalError::of_file)
}

/// Adds what the log held and SQLite did not see: one flipped bit in the log hides every
/// later commit.
pub(super) fn add_hidden_commits(
    conn: &mut Connection,
    before: &Ledger,
    log: Carved,
) -> Result<Option<Ledger>, WalError> {
    // A dead letter among them waits again; the server will say the same of it.
    let dead = log.dead.into_values().map(|dead| dead.event);
    let events = log.events.into_values().chain(dead);
    let mut hidden: Vec<StoredEvent> =
        events.filter(|event| event.seq >= before.next_seq).collect();
    if hidden.is_empty() {
        return Ok(None);
    }
    hidden.sort_unstable_by_key(|event| event.seq);
    tracing::warn!(
        events = hidden.len(),
        "the event log was cut; its later commits were read by themselves"
    );
    let mut ledger = before.clone();
    let tx = conn.transaction()?;
    for event in &hidden {
        insert_event(&tx, &mut ledger, event)?;
        ledger.captured += 1;
    }
    ledger.write(before, &tx)?;
    tx.commit()?;
    Ok(Some(ledger))
}

/// Reports what the sidecar knows of and the database does not.
pub(super) fn report_missing(
    conn: &mut Connection,
    before: &Ledger,
    reservation: Option<Reservation>,
    log_was_there: bool,
    identity: &Identity,
) -> Result<Option<Ledger>, WalError> {
    let Some(reservation) = reservation else { return Ok(None) };
    // An agent that ended by itself gave its block back; one that was killed left a log.
    let block = if log_was_there { BLOCK } else { 0 };
    let mut ledger = before.clone();
    let missing = if reservation.epoch != ledger.epoch {
        Missing {
            reason: GapReason::DatabaseLost,
            count: reservation.missing_at_most(),
            from_seq: Some(reservation.settled + 1),
            to_seq: Some(reservation.end - 1),
            estimated: true,
        }
    } else if reservation.end > ledger.next_seq + block {
        let first = ledger.next_seq;
        ledger.next_seq = reservation.end;
        Missing {
            reason: GapReason::DatabaseLost,
            count: u64::try_from(reservation.end - first).unwrap_or(1),
            from_seq: Some(first),
            to_seq: Some(reservation.end - 1),
            estimated: true,
        }
    } else {
        return Ok(None);
    };
    tracing::error!(events = missing.count, "the event log is not the one that was here before");
    let tx = conn.transaction()?;
    record(&tx, &mut ledger, identity, &missing)?;
    ledger.write(before, &tx)?;
    tx.commit()?;
    Ok(Some(ledger))
}

/// What the damaged database still says of itself.
struct Old {
    ledger: Ledger,
    batches: Vec<(i64, i64)>,
}

impl Old {
    fn read(path: &Path) -> Option<Self> {
        let snapshot = Snapshot::open(path).ok()??;
        let batches = snapshot.batch_ranges().ok()?;
        Some(Self { ledger: snapshot.ledger().clone(), batches })
    }

    fn is_pending(&self, seq: i64) -> bool {
        seq > self.ledger.batched_upto
            || self.batches.iter().any(|&(low, high)| (low..=high).contains(&seq))
    }

    /// The first and the last event that waited and was not found.
    fn bounds_of_missing(&self, found: &[StoredEvent]) -> (Option<i64>, Option<i64>) {
        let mut ranges = self.batches.clone();
        ranges.push((self.ledger.batched_upto + 1, self.ledger.next_seq - 1));
        let missing = |seq: &i64| found.binary_search_by_key(seq, |event| event.seq).is_err();
        let places = || ranges.iter().flat_map(|&(low, high)| low..=high).filter(missing);
        (places().min(), places().max())
    }
}

fn build(
    path: &Path,
    identity: &Identity,
    old: Option<&Old>,
    carved: Carved,
    reservation: Option<Reservation>,
) -> Result<Ledger, WalError> {
    let (mut conn, fresh) = store::connect(path)?;
    let settled = reservation.map_or(0, |reservation| reservation.settled);
    let waited = |seq: i64| old.map_or(seq > settled, |old| old.is_pending(seq));
    let mut events: Vec<StoredEvent> =
        carved.events.into_values().filter(|event| waited(event.seq)).collect();
    events.sort_unstable_by_key(|event| event.seq);
    let found = events.len() as u64 + carved.dead.len() as u64;
    let missing = missing(old, reservation, &events, found);

    let mut ledger = fresh.clone();
    if let Some(old) = old {
        ledger.captured = old.ledger.delivered + old.ledger.dropped_total();
        ledger.delivered = old.ledger.delivered;
        ledger.duplicates = old.ledger.duplicates;
        ledger.rejected = old.ledger.rejected;
        ledger.dropped.clone_from(&old.ledger.dropped);
        ledger.last_success = old.ledger.last_success;
        ledger.revoked_since = old.ledger.revoked_since;
    }
    ledger.captured += found;
    ledger.next_seq = reservation.map_or(1, |reservation| reservation.end);
    ledger.batched_upto = events.first().map_or(ledger.next_seq, |event| event.seq) - 1;
    let tx = conn.transaction()?;
    for event in &events {
        insert_event(&tx, &mut ledger, event)?;
    }
    for dead in carved.dead.values() {
        insert_dead(&tx, &mut ledger, dead)?;
    }
    for image in &carved.images {
        insert_image(&tx, &mut ledger, image)?;
    }
    if let Some(missing) = &missing {
        record(&tx, &mut ledger, identity, missing)?;
    }
    ledger.write(&fresh, &tx)?;
    tx.commit()?;
    tracing::warn!(
        found,
        missing = missing.map_or(0, |missing| missing.count),
        "the damaged event log was put aside and what is legible was kept"
    );
    conn.close().map_err(|(_, error)| WalError::from(error))?;
    Ok(ledger)
}

fn missing(
    old: Option<&Old>,
    reservation: Option<Reservation>,
    events: &[StoredEvent],
    found: u64,
) -> Option<Missing> {
    let (count, bounds, estimated) = match (old, reservation) {
        (Some(old), _) => {
            let waited = old.ledger.pending + old.ledger.dead;
            (waited.saturating_sub(found), old.bounds_of_missing(events), false)
        }
        (None, Some(reservation)) => {
            let at_most = u64::try_from(reservation.end - 1 - reservation.settled).unwrap_or(0);
            let bounds = (Some(reservation.settled + 1), Some(reservation.end - 1));
            (at_most.saturating_sub(found), bounds, true)
        }
        (None, None) => (u64::from(found == 0), (None, None), true),
    };
    (count > 0).then_some(Missing {
        reason: GapReason::Damaged,
        count,
        from_seq: bounds.0,
        to_seq: bounds.1,
        estimated,
    })
}

/// Counts events as captured and given up, and reports them.
fn record(
    conn: &Connection,
    ledger: &mut Ledger,
    identity: &Identity,
    missing: &Missing,
) -> Result<(), WalError> {
    ledger.captured += missing.count;
    ledger.pending += missing.count;
    ledger.give_up(missing.reason, missing.count);
    let gap = Gap {
        reason: missing.reason,
        count: missing.count,
        from_seq: missing.from_seq.map(Seq),
        to_seq: missing.to_seq.map(Seq),
        from_time: None,
        to_time: Some(Timestamp::now()),
        estimated: missing.estimated,
    };
    append::insert_gap(conn, ledger, identity, gap).map(drop)
}

/// Inserts an event at its old place, to be batched anew.
fn insert_event(
    conn: &Connection,
    ledger: &mut Ledger,
    event: &StoredEvent,
) -> Result<(), WalError> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO event(seq, eid, cls, wall_ms, enc, crc, body)
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
    ledger.next_seq = ledger.next_seq.max(event.seq + 1);
    ledger.pending += 1;
    ledger.unbatched += 1;
    ledger.unbatched_bytes += event.body.len() as u64;
    Ok(())
}

fn insert_dead(conn: &Connection, ledger: &mut Ledger, dead: &DeadRow) -> Result<(), WalError> {
    let event = &dead.event;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO dead VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
    ledger.next_seq = ledger.next_seq.max(event.seq + 1);
    ledger.dead += 1;
    Ok(())
}

fn insert_image(conn: &Connection, ledger: &mut Ledger, image: &ImageRow) -> Result<(), WalError> {
    const PENDING: i64 = 0;

    let inserted = conn
        .prepare_cached(
            "INSERT INTO image(sha, seq, media, size, state, at_ms, enc, body)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, ?7) ON CONFLICT(sha) DO NOTHING",
        )?
        .execute(params![
            image.sha,
            image.seq,
            image.media,
            image.size,
            image.state,
            image.at_ms,
            image.inline
        ])?;
    if image.state == PENDING {
        ledger.images_pending += inserted as u64;
    }
    Ok(())
}

/// Puts the damaged database and its log aside, and removes older ones.
fn put_aside(path: &Path) -> io::Result<()> {
    let name = format!(".corrupt-{}", Timestamp::now().as_millis());
    let aside = beside(path, &name);
    let log = beside(path, "-wal");
    if log.exists() {
        fs::rename(&log, beside(&aside, "-wal"))?;
    }
    fs::rename(path, &aside)?;
    let mut kept = corrupt(path);
    kept.sort();
    for old in kept.iter().rev().skip(KEPT) {
        remove_if_there(&beside(old, "-wal"))?;
        remove_if_there(old)?;
    }
    Ok(())
}

/// The damaged databases that were put aside.
pub(super) fn corrupt(path: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let prefix = format!("{}.corrupt-", name.to_string_lossy());
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
                name.strip_prefix(&prefix)
                    .is_some_and(|time| time.bytes().all(|byte| byte.is_ascii_digit()))
            })
        })
        .collect()
}

fn salvaged(path: &Path) -> PathBuf {
    beside(path, ".salvaged")
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
