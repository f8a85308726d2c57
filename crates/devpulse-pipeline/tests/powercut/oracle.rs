//! What must be true of a log after the power was cut, whatever is left of the disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use devpulse_pipeline::wal::{BatchLimits, Store, Which};
use devpulse_protocol::{EventId, Timestamp};
use rusqlite::Connection;

use crate::disk::Image;
use crate::scenario::{Observation, Status, event, observe, options, receipt};

/// Opens what a cut left, and compares it with what was seen `before` the step that was
/// cut and what would have been seen `after` it.
///
/// # Errors
/// Says what is wrong.
pub(crate) fn check(
    image: &Image,
    before: &Observation,
    after: &Observation,
) -> Result<(), String> {
    let home = tempfile::tempdir_in(memory()).unwrap();
    lay_out(image, home.path());
    let mut store =
        Store::open(options(home.path())).map_err(|error| format!("does not open: {error:?}"))?;
    let found = observe(&mut store);
    compare(&found, before, after)?;
    if !store.ledger().adds_up() {
        return Err(format!("does not add up: {:?}", store.ledger()));
    }
    let captured = store.ledger().captured;
    drop(store);
    let mut store = Store::open(options(home.path())).map_err(|error| error.to_string())?;
    if store.ledger().captured != captured {
        return Err("opening it once more added events".to_owned());
    }
    store.vault().unlock().map_err(|error| error.to_string())?;
    go_on(&mut store, &found, before)?;
    drop(store);
    sound(home.path())
}

fn compare(found: &Observation, before: &Observation, after: &Observation) -> Result<(), String> {
    for (id, (status, json)) in &before.events {
        let now = found.events.get(id);
        let may_be_gone = !after.events.contains_key(id);
        let expected = [Some(*status), after.events.get(id).map(|event| event.0)];
        match now {
            None if may_be_gone => {}
            None => return Err(format!("an acknowledged event is missing: {json}")),
            Some((now, _)) if !expected.contains(&Some(*now)) => {
                return Err(format!("was {status:?}, is {now:?}: {json}"));
            }
            Some((_, other)) if other != json => return Err(format!("{json} became {other}")),
            Some(_) => {}
        }
    }
    // The step that was cut was not acknowledged; of what it left, the rest may be reported.
    let last = before.places.iter().map(|place| place.1).max().unwrap_or(0);
    for (id, (_, json)) in &found.events {
        let event: serde_json::Value = serde_json::from_str(json).unwrap();
        if event["reason"] == "damaged" && event["from_seq"].as_i64() > Some(last) {
            continue;
        }
        if !before.events.contains_key(id) && !after.events.contains_key(id) {
            return Err(format!("came from nowhere: {json}"));
        }
    }
    for (id, body) in &before.batches {
        if after.batches.contains_key(id) && found.batches.get(id) != Some(body) {
            return Err(format!("batch {id} is gone or another one"));
        }
    }
    if before.image.is_some() && before.image == after.image && found.image != before.image {
        let hash = found.image.as_ref().map(|(hash, bytes)| (hash, bytes.len()));
        return Err(format!("the image that waits is gone or another one: {hash:?}"));
    }
    Ok(())
}

/// The log takes events, at places that nobody has seen before, and gives them out once.
fn go_on(store: &mut Store, found: &Observation, before: &Observation) -> Result<(), String> {
    let new = event(10);
    let place = store.append(std::slice::from_ref(&new)).map_err(|error| error.to_string())?[0];
    let place = (store.ledger().epoch.to_string(), place.0);
    if before.places.contains(&place) || found.places.contains(&place) {
        return Err(format!("the place {place:?} was given out twice"));
    }
    let mut sent = BTreeSet::new();
    for id in drain(store)? {
        if !sent.insert(id) {
            return Err(format!("{id} was sent twice"));
        }
    }
    let mut expected: BTreeSet<EventId> = found
        .events
        .iter()
        .filter(|(_, (status, _))| *status == Status::Pending)
        .map(|(&id, _)| id)
        .collect();
    expected.insert(new.event_id);
    // One that was set aside before is tried again once the server takes another.
    let dead = store.list(Which::Dead, 0, 1000).map_err(|error| error.to_string())?;
    let settled: BTreeSet<EventId> =
        dead.iter().map(|dead| dead.event_id).chain(sent.iter().copied()).collect();
    if !sent.is_subset(&expected) || !expected.is_subset(&settled) {
        return Err(format!("{} events waited, {} were sent", expected.len(), sent.len()));
    }
    if !store.ledger().adds_up() || store.ledger().pending > 0 {
        return Err(format!("does not add up after delivery: {:?}", store.ledger()));
    }
    Ok(())
}

fn drain(store: &mut Store) -> Result<Vec<EventId>, String> {
    const LIMITS: BatchLimits = BatchLimits { max_events: 1000, max_bytes: 1 << 24 };

    let mut sent = Vec::new();
    loop {
        let open = store.open_batches(1).map_err(|error| error.to_string())?.pop();
        let formed = match open {
            Some(open) => Some(open),
            None => {
                store.form_batch(LIMITS, Timestamp::now()).map_err(|error| error.to_string())?
            }
        };
        let Some(meta) = formed else { return Ok(sent) };
        let loaded = store.load_batch(&meta).map_err(|error| error.to_string())?;
        let Some(batch) = loaded else { return Err("a batch lost its events".to_owned()) };
        sent.extend(&batch.outgoing.event_ids);
        store
            .acknowledge(&batch, &receipt(&batch, &[]), true, None, Timestamp::now())
            .map_err(|error| error.to_string())?;
    }
}

fn sound(home: &Path) -> Result<(), String> {
    let conn = Connection::open(home.join("wal.db")).map_err(|error| error.to_string())?;
    let verdict: String = conn
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .map_err(|error| error.to_string())?;
    if verdict == "ok" { Ok(()) } else { Err(format!("integrity_check: {verdict}")) }
}

/// Puts the files of an image into `home`.
pub(crate) fn lay_out(image: &Image, home: &Path) {
    for directory in &image.directories {
        fs::create_dir_all(home.join(directory)).unwrap();
    }
    for (path, bytes) in &image.files {
        fs::write(home.join(path), bytes).unwrap();
    }
}

/// Where many small files are cheap.
pub(crate) fn memory() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
