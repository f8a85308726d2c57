//! What happens at a start: work that a crash interrupted is finished, and what the
//! database does not know of is found or reported.

use devpulse_protocol::{Gap, GapReason, Seq, Timestamp};
use rusqlite::Connection;

use super::carve::{Found, LogFile};
use super::ledger::Ledger;
use super::reservation::{BLOCK, Reservation};
use super::row::StoredEvent;
use super::{Identity, WalError, append, salvage};

/// Events that are known to be missing.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) reason: GapReason,
    pub(super) count: u64,
    pub(super) from_seq: Option<i64>,
    pub(super) to_seq: Option<i64>,
    pub(super) estimated: bool,
}

/// Adds what the log held and SQLite did not see: one flipped bit in the log hides every
/// later commit.
pub(super) fn add_hidden_commits(
    conn: &mut Connection,
    before: &Ledger,
    log: std::collections::BTreeMap<i64, StoredEvent>,
) -> Result<Option<Ledger>, WalError> {
    let hidden: Vec<StoredEvent> =
        log.into_values().filter(|event| event.seq >= before.next_seq).collect();
    if hidden.is_empty() {
        return Ok(None);
    }
    tracing::warn!(
        events = hidden.len(),
        "the event log was cut; its later commits were read by themselves"
    );
    let mut ledger = before.clone();
    let tx = conn.transaction()?;
    for event in &hidden {
        salvage::insert_event(&tx, event)?;
        ledger.next_seq = ledger.next_seq.max(event.seq + 1);
        ledger.captured += 1;
        ledger.pending += 1;
        ledger.unbatched += 1;
        ledger.unbatched_bytes += event.body.len() as u64;
    }
    ledger.write(before, &tx)?;
    tx.commit()?;
    Ok(Some(ledger))
}

/// What of a log can be added: a dead letter among them waits again, and the server will
/// say the same of it.
pub(super) fn event_of(found: Found) -> Option<StoredEvent> {
    match found {
        Found::Event(event) => Some(event),
        Found::Dead(dead) => Some(dead.event),
        Found::Image(_) => None,
    }
}

/// Reports what the sidecar knows of and the database does not.
pub(super) fn report_missing(
    conn: &mut Connection,
    before: &Ledger,
    reservation: Option<Reservation>,
    log: LogFile,
    identity: &Identity,
) -> Result<Option<Ledger>, WalError> {
    let Some(reservation) = reservation else { return Ok(None) };
    // An agent that ended by itself gave its block back; one that was killed left a log.
    let block = if log == LogFile::Present { BLOCK } else { 0 };
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

/// Counts events as captured and given up, and reports them.
pub(super) fn record(
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
