//! What happens at a start: work that a crash interrupted is finished, and what the
//! database does not know of is found or reported.

use std::collections::BTreeMap;

use devpulse_protocol::{Epoch, Gap, GapReason, Seq, Timestamp};
use rusqlite::Connection;

use super::carve::{Found, LogFile};
use super::ledger::Ledger;
use super::reservation::{BLOCK, Reservation};
use super::row::StoredEvent;
use super::{Author, WalError, append, salvage};

/// Events that are known to be missing.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) reason: GapReason,
    pub(super) count: u64,
    pub(super) from_seq: Option<i64>,
    pub(super) to_seq: Option<i64>,
    pub(super) estimated: bool,
}

/// What the log itself holds.
#[derive(Debug, Default)]
pub(super) struct LogContents {
    events: BTreeMap<i64, StoredEvent>,
    /// The epoch and the next place, as the last commit had them.
    end: Option<(i64, i64)>,
}

impl LogContents {
    /// Takes what was carved. A dead letter waits again; the server will say the same of it.
    pub(super) fn take(&mut self, found: Found) {
        match found {
            Found::Event(event) => drop(self.events.insert(event.seq, event)),
            Found::Dead(dead) => drop(self.events.insert(dead.event.seq, dead.event)),
            Found::Ledger { epoch, next_seq } => self.end = Some((epoch, next_seq)),
            Found::Image(_) | Found::Key(_) => {}
        }
    }

    /// The place behind the last one that the log knows of; no further than `reserved`.
    fn end(&self, epoch: Epoch, reserved: Option<i64>) -> i64 {
        let said = self.end.filter(|end| Epoch::from_bits(end.0.cast_unsigned()) == epoch);
        let said = said.map_or(0, |end| end.1).min(reserved.unwrap_or(0));
        self.events.last_key_value().map_or(0, |(seq, _)| seq + 1).max(said)
    }
}

/// Adds what the log held and SQLite did not see: one flipped bit in the log hides every
/// later commit. What cannot be read of those is reported.
pub(super) fn add_hidden_commits(
    conn: &mut Connection,
    before: &Ledger,
    log: LogContents,
    reservation: Option<Reservation>,
    author: &Author,
) -> Result<Option<Ledger>, WalError> {
    let reserved = reservation.filter(|known| known.epoch == before.epoch).map(|known| known.end);
    let first = before.next_seq;
    let end = log.end(before.epoch, reserved);
    if end <= first {
        return Ok(None);
    }
    let hidden: Vec<StoredEvent> =
        log.events.into_values().filter(|event| event.seq >= first).collect();
    tracing::warn!(
        events = hidden.len(),
        "the event log was cut; its later commits were read by themselves"
    );
    let mut ledger = before.clone();
    let tx = conn.transaction()?;
    for event in &hidden {
        salvage::insert_event(&tx, event)?;
        ledger.captured += 1;
        ledger.pending += 1;
        ledger.unbatched += 1;
        ledger.unbatched_bytes += event.body.len() as u64;
    }
    ledger.next_seq = end;
    let count = u64::try_from(end - first).unwrap_or(0).saturating_sub(hidden.len() as u64);
    // Events of an earlier database, whose places say nothing about this one.
    let is_ours = reserved.is_some_and(|reserved| end <= reserved);
    if count > 0 && is_ours {
        let (from_seq, to_seq) = (Some(first), Some(end - 1));
        let reason = GapReason::Damaged;
        let missing = Missing { reason, count, from_seq, to_seq, estimated: false };
        record(&tx, &mut ledger, author, &missing)?;
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
    log: LogFile,
    author: &Author,
) -> Result<Option<Ledger>, WalError> {
    let Some(reservation) = reservation else { return Ok(None) };
    // An agent that ended by itself gave its block back; one that was killed left a log,
    // whole: what cut it may have cut commits off.
    let block = match log {
        LogFile::Present(bytes) if bytes >= reservation.log_bytes => BLOCK,
        LogFile::Present(_) | LogFile::Absent | LogFile::Garbage => 0,
    };
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
    record(&tx, &mut ledger, author, &missing)?;
    ledger.write(before, &tx)?;
    tx.commit()?;
    Ok(Some(ledger))
}

/// Counts events as captured and given up, and reports them.
pub(super) fn record(
    conn: &Connection,
    ledger: &mut Ledger,
    author: &Author,
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
    append::insert_gap(conn, ledger, author, gap).map(drop)
}
