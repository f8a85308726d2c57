//! Whatever lies where the log's files should: the agent starts, and what is missing is said.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use devpulse_pipeline::wal::{Snapshot, Store, WalError, Which};
use devpulse_protocol::EventId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{drain, events, open, sized_event};

const START: Duration = Duration::from_secs(5);
const PAGE: usize = 4096;

/// What a kill leaves of a log with `count` events, half of them checkpointed.
fn killed(count: u32) -> (TempDir, Vec<EventId>) {
    let (folder, copy) = (tempdir().unwrap(), tempdir().unwrap());
    let mut store = open(folder.path());
    let mut ids = Vec::new();
    for half in 0..2 {
        for _ in 0..count / 20 {
            let group = events(10);
            ids.extend(group.iter().map(|event| event.event_id));
            store.append(&group).unwrap();
        }
        if half == 0 {
            store.tidy().unwrap();
        }
    }
    for name in ["wal.db", "wal.db-wal", "wal.db-seq", "wal.db-keys"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    (copy, ids)
}

fn lay_something(path: &Path, what: &str) {
    fs::remove_file(path).unwrap();
    match what {
        "nothing" => {}
        "an empty file" => fs::write(path, b"").unwrap(),
        "garbage" => fs::write(path, vec![0xa5; 70_000]).unwrap(),
        "text" => fs::write(path, "not a database\n".repeat(600)).unwrap(),
        "a directory" => {
            fs::create_dir(path).unwrap();
            fs::write(path.join("inside"), b"x").unwrap();
        }
        other => panic!("{other}"),
    }
}

/// How many events the gaps speak of that wait or were delivered.
fn reported(store: &mut Store) -> u64 {
    let lists = [Which::Pending, Which::Sent].map(|which| store.list(which, 0, 1_000_000).unwrap());
    let events = lists.iter().flatten();
    events
        .map(|listed| serde_json::from_str::<Value>(&listed.json).unwrap())
        .filter(|event| event["event_type"] == "gap")
        .map(|gap| gap["count"].as_u64().unwrap())
        .sum()
}

fn quarantined(home: &Path) -> usize {
    let entries = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name());
    let corrupt = |name: &str| name.starts_with("wal.db.corrupt-") && !name.ends_with("-wal");
    entries.filter(|name| corrupt(name.to_str().unwrap())).count()
}

#[test]
fn the_log_opens_whatever_lies_in_the_place_of_its_files() {
    for file in ["wal.db", "wal.db-wal", "wal.db-seq", "wal.db-keys"] {
        for what in ["nothing", "an empty file", "garbage", "text", "a directory"] {
            let (home, ids) = killed(200);
            lay_something(&home.path().join(file), what);
            let begun = Instant::now();
            let mut store = open(home.path());
            assert!(begun.elapsed() < START, "{file}: {what}");
            store.append(&events(3)).unwrap();
            let captured = store.ledger().captured;
            drop(store);
            let mut store = open(home.path());
            assert_eq!(store.ledger().captured, captured, "{file}: {what}: a second start");
            let sent: HashSet<EventId> = drain(&mut store).into_iter().collect();
            let found = ids.iter().filter(|&id| sent.contains(id)).count() as u64;
            let is_database = matches!(file, "wal.db" | "wal.db-wal");
            let expected = if is_database { 100 } else { 200 };
            assert!(found >= expected || what == "a directory", "{file}: {what}: {found}");
            // An empty log beside a sound database is what a kill right after a start
            // leaves; nothing tells it from one that was emptied.
            let told = found + reported(&mut store) >= 200;
            assert!(told || (file, what) == ("wal.db-wal", "an empty file"), "{file}: {what}");
            assert!(store.ledger().adds_up());
        }
    }
}

#[test]
fn flipped_bits_anywhere_cost_what_they_hit_and_no_more_than_is_said() {
    let mut all = 0;
    for seed in 0..40 {
        let (home, ids) = killed(200);
        let mut random = StdRng::seed_from_u64(seed);
        let mut flips = 0;
        for file in ["wal.db", "wal.db-wal"] {
            let path = home.path().join(file);
            let mut bytes = fs::read(&path).unwrap();
            let count = random.random_range(0..20);
            flips += count;
            for _ in 0..count {
                let at = random.random_range(100..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            fs::write(path, bytes).unwrap();
        }
        let mut store = open(home.path());
        let sent: HashSet<EventId> = drain(&mut store).into_iter().collect();
        let found = ids.iter().filter(|&id| sent.contains(id)).count() as u64;
        let reported = reported(&mut store);
        let ledger = store.ledger();
        assert!(found + reported >= 200, "{seed}: {found} found, {reported} reported, {ledger:?}");
        assert!(store.ledger().adds_up(), "seed {seed}");
        assert_eq!(store.ledger().pending, 0, "seed {seed}");
        eprintln!("seed {seed}: {flips} flips, {found} found, {reported} reported");
        all += found;
    }
    assert!(all >= 40 * 200 * 9 / 10, "{all}");
}

/// With `DEVPULSE_LARGE=1` each byte, else one of 40, and all of the version of the schema.
#[test]
fn a_flipped_bit_in_the_first_page_costs_nothing() {
    let step = if std::env::var_os("DEVPULSE_LARGE").is_some() { 1 } else { 40 };
    let (origin, ids) = killed(20);
    let sound = fs::read(origin.path().join("wal.db")).unwrap();
    for byte in (0..PAGE).filter(|byte| byte % step == 18 % step || (60..64).contains(byte)) {
        let home = tempdir().unwrap();
        for name in ["wal.db-wal", "wal.db-seq", "wal.db-keys"] {
            fs::copy(origin.path().join(name), home.path().join(name)).unwrap();
        }
        let bit = (byte + 7) % 8;
        let mut bytes = sound.clone();
        bytes[byte] ^= 1 << bit;
        fs::write(home.path().join("wal.db"), bytes).unwrap();
        let snapshot = Snapshot::open(&home.path().join("wal.db"));
        assert!(!matches!(snapshot, Err(WalError::NewerSchema { .. })), "byte {byte}, bit {bit}");
        let mut store = open(home.path());
        let sent: HashSet<EventId> = drain(&mut store).into_iter().collect();
        let missing = ids.iter().filter(|&id| !sent.contains(id)).count();
        assert_eq!(missing, 0, "byte {byte}, bit {bit}");
        assert!(store.ledger().adds_up(), "byte {byte}, bit {bit}");
    }
}

#[test]
fn a_damaged_log_is_salvaged_once_however_often_the_agent_starts() {
    let (home, ids) = killed(100);
    drop(open(home.path()));
    let path = home.path().join("wal.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[..PAGE].fill(0);
    fs::write(&path, bytes).unwrap();
    for _ in 0..6 {
        let store = open(home.path());
        assert_eq!(store.ledger().captured - store.ledger().dropped_total(), 100);
        drop(store);
        assert_eq!(quarantined(home.path()), 1);
    }
    assert_eq!(drain(&mut open(home.path())).len(), ids.len());
}

/// With `DEVPULSE_LARGE=1` on 104 MB, else on a tenth of it.
#[test]
fn a_large_log_with_twenty_damaged_pages_starts_at_once_and_loses_no_more_than_they_held() {
    let large = std::env::var_os("DEVPULSE_LARGE").is_some();
    let count: u32 = if large { 180_000 } else { 18_000 };
    for damage in ["twenty pages", "page one"] {
        let home = tempdir().unwrap();
        let mut store = open(home.path());
        let mut ids = HashSet::new();
        for first in (0..count).step_by(2000) {
            let group: Vec<_> = (first..first + 2000).map(|n| sized_event(n, 340)).collect();
            ids.extend(group.iter().map(|event| event.event_id));
            store.append(&group).unwrap();
        }
        drop(store);
        let path = home.path().join("wal.db");
        let mut bytes = fs::read(&path).unwrap();
        let (size, pages) = (bytes.len(), bytes.len() / PAGE);
        match damage {
            "page one" => bytes[..PAGE].fill(0),
            _ => (1..=20).for_each(|n| bytes[n * pages / 22 * PAGE..][..PAGE].fill(0x5a)),
        }
        fs::write(&path, bytes).unwrap();

        assert!(!large || size > 100_000_000, "{size}");
        let memory = reset_peak_memory();
        let begun = Instant::now();
        let mut store = open(home.path());
        let started = begun.elapsed();
        // The damage shows when it is met.
        let mut after = 0;
        loop {
            match store.list(Which::Pending, after, 1000) {
                Ok(page) => match page.last() {
                    Some(last) => after = last.seq,
                    None => break,
                },
                Err(_) => after = 0,
            }
        }
        let legible = begun.elapsed();
        let grown = peak_memory().saturating_sub(memory);
        eprintln!(
            "{damage} of {} MB: started in {started:.2?}, salvaged and read in {legible:.2?}, \
             {} MB more memory",
            size / 1_000_000,
            grown / 1000,
        );
        assert!(!large || started < START, "{started:?}");
        let sent = drain(&mut store).into_iter().filter(|id| ids.contains(id)).count();
        let reported = reported(&mut store);
        let lost = u64::from(count) - sent as u64;
        eprintln!("{sent} of {count} events delivered, {reported} reported as missing");
        assert_eq!(lost, if damage == "page one" { 0 } else { reported });
        assert!(lost <= 20 * 10, "{lost}");
        assert!(store.ledger().adds_up());
    }
}

/// Lets the peak begin at what is used now, where the system can.
fn reset_peak_memory() -> u64 {
    drop(fs::write("/proc/self/clear_refs", "5"));
    peak_memory()
}

/// The most that this process ever used, in KB; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Gives the row of this event another place in its page, where no search finds it.
fn misplace(database: &Path, event: EventId, from: u8, to: u8) {
    const RECORD_HEADER: usize = 9;

    let mut bytes = fs::read(database).unwrap();
    let id = event.as_bytes();
    let found = bytes.windows(id.len()).position(|window| window == id).unwrap();
    let place = &mut bytes[found - RECORD_HEADER - 1];
    assert_eq!(*place, from);
    *place = to;
    fs::write(database, bytes).unwrap();
}

#[test]
fn a_row_that_is_read_and_cannot_be_found_costs_itself_and_no_endless_search() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(9);
    store.append(&group).unwrap();
    drop(store);
    misplace(&home.path().join("wal.db"), group[4].event_id, 5, 1);
    let mut store = open(home.path());
    let sent: HashSet<EventId> = drain(&mut store).into_iter().collect();
    let found = group.iter().filter(|event| sent.contains(&event.event_id)).count() as u64;
    assert!(found >= 7, "{found}");
    assert!(found + reported(&mut store) >= 9, "{found}");
    assert!(store.ledger().adds_up() && store.ledger().pending == 0);
}
