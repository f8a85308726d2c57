//! Damage to the files, and what is left of the events afterwards.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use devpulse_pipeline::wal::{Store, Which};
use devpulse_protocol::EventId;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{drain, events, open, sized_event};

const PAGE: usize = 4096;

struct Home {
    folder: TempDir,
    ids: Vec<EventId>,
}

impl Home {
    /// A database with `count` events, closed by an agent that ended by itself.
    fn closed(count: u32) -> Self {
        let home = Self::filled(count, 200);
        drop(open(home.folder.path()));
        home
    }

    fn filled(count: u32, padding: usize) -> Self {
        let folder = tempdir().unwrap();
        let mut store = open(folder.path());
        let mut ids = Vec::new();
        for first in (0..count).step_by(1000) {
            let group: Vec<_> =
                (first..count.min(first + 1000)).map(|n| sized_event(n, padding)).collect();
            ids.extend(group.iter().map(|event| event.event_id));
            store.append(&group).unwrap();
        }
        Self { folder, ids }
    }

    /// What a kill leaves: the files of a store that was never closed.
    fn killed(count: u32) -> Self {
        let folder = tempdir().unwrap();
        let copy = tempdir().unwrap();
        let mut store = open(folder.path());
        let mut ids = Vec::new();
        for _ in 0..count {
            let group = events(1);
            ids.push(group[0].event_id);
            store.append(&group).unwrap();
        }
        for name in ["wal.db", "wal.db-wal", "wal.db-seq", "wal.db-keys"] {
            fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        Self { folder: copy, ids }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path(name), bytes).unwrap();
    }

    fn reopen(&self) -> Store {
        open(self.folder.path())
    }

    fn corrupt_files(&self) -> usize {
        let is_corrupt = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("wal.db.corrupt-") && !name.ends_with("-wal")
        };
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.filter(|entry| is_corrupt(&entry.as_ref().unwrap().path())).count()
    }
}

/// The gaps that wait, and the other events.
fn gaps(store: &mut Store) -> Vec<Value> {
    let listed = store.list(Which::Pending, 0, 1_000_000).unwrap();
    let events = listed.iter().map(|listed| serde_json::from_str::<Value>(&listed.json).unwrap());
    events.filter(|event| event["event_type"] == "gap").collect()
}

fn delivered(store: &mut Store, ids: &[EventId]) -> usize {
    let sent: HashSet<EventId> = drain(store).into_iter().collect();
    ids.iter().filter(|&id| sent.contains(id)).count()
}

#[test]
fn a_closed_database_opens_again_without_a_word() {
    for home in [Home::closed(50), Home::killed(50)] {
        let mut store = home.reopen();
        assert_eq!(gaps(&mut store), Vec::<Value>::new());
        assert_eq!(store.ledger().next_seq, 51);
        assert_eq!(delivered(&mut store, &home.ids), 50);
        assert_eq!(home.corrupt_files(), 0);
    }
}

#[test]
fn with_page_one_gone_every_event_is_delivered() {
    let home = Home::closed(20_000);
    home.damage("wal.db", |bytes| bytes[..PAGE].fill(0));
    let mut store = home.reopen();
    assert_eq!(delivered(&mut store, &home.ids), 20_000);
    assert!(store.ledger().adds_up());
    assert_eq!(home.corrupt_files(), 1);
}

#[test]
fn with_twenty_pages_damaged_the_others_are_delivered_and_the_rest_is_counted() {
    let home = Home::closed(20_000);
    home.damage("wal.db", |bytes| {
        let pages = bytes.len() / PAGE;
        for index in 1..=20 {
            let page = index * pages / 22;
            bytes[page * PAGE..(page + 1) * PAGE].fill(0x5a);
        }
    });
    let mut store = home.reopen();
    let found = delivered(&mut store, &home.ids);
    assert!(found >= 20_000 - 20 * 12, "{found}");
    let mut gap_count = 0;
    for listed in store.list(Which::Sent, 0, 1_000_000).unwrap() {
        let event: Value = serde_json::from_str(&listed.json).unwrap();
        if event["event_type"] == "gap" {
            assert_eq!(event["reason"], "damaged");
            gap_count += event["count"].as_u64().unwrap();
        }
    }
    assert_eq!(found as u64 + gap_count, 20_000);
    assert!(store.ledger().adds_up());
}

#[test]
fn a_flipped_bit_in_the_log_hides_nothing() {
    let home = Home::killed(1000);
    home.damage("wal.db-wal", |bytes| {
        let middle = bytes.len() / 4;
        bytes[middle] ^= 1;
    });
    let mut store = home.reopen();
    assert_eq!(delivered(&mut store, &home.ids), 1000);
    assert!(store.ledger().adds_up());
}

#[test]
fn a_log_that_was_taken_away_is_noticed() {
    let home = Home::killed(600);
    fs::remove_file(home.path("wal.db-wal")).unwrap();
    let mut store = home.reopen();
    let gaps = gaps(&mut store);
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["reason"], "database_lost");
    assert_eq!(gaps[0]["estimated"], true);
    let bound = gaps[0]["count"].as_u64().unwrap();
    assert!((1..=600 + 1024).contains(&bound), "{bound}");
    assert!(store.ledger().next_seq > 600, "a place would be given out twice");
}

#[test]
fn a_log_that_was_cut_short_is_noticed() {
    for kept in [0, 1, 16, 32, 5000, 40_000] {
        let mut home = Home::killed(600);
        home.damage("wal.db-wal", |bytes| {
            assert!(bytes.len() > 1024 * 1024, "the log has no room of its own");
            bytes.truncate(kept);
        });
        let mut store = home.reopen();
        let gaps = gaps(&mut store);
        assert_eq!(gaps.len(), 1, "{kept}: {gaps:?}");
        assert_eq!(gaps[0]["estimated"], true);
        let found = delivered(&mut store, &std::mem::take(&mut home.ids));
        let bound = gaps[0]["count"].as_u64().unwrap();
        assert!(
            (600..=600 + 1024).contains(&(bound + found as u64)),
            "{kept}: {bound} and {found}"
        );
        assert!(store.ledger().next_seq > 600, "a place would be given out twice");
        assert!(store.ledger().adds_up());
        drop(store);
        assert_eq!(home.reopen().ledger().pending, 0, "the gap was reported again");
    }
}

#[test]
fn a_deleted_database_is_noticed_and_a_new_one_has_another_epoch() {
    let home = Home::closed(10);
    let epoch = home.reopen().ledger().epoch;
    fs::remove_file(home.path("wal.db")).unwrap();
    let mut store = home.reopen();
    let gaps = gaps(&mut store);
    assert_eq!(gaps.len(), 1);
    assert_eq!((&gaps[0]["reason"], &gaps[0]["count"]), (&"database_lost".into(), &10.into()));
    assert_ne!(store.ledger().epoch, epoch);
    drop(store);
    assert_eq!(home.reopen().ledger().captured, 11, "the gap was reported again");
}

#[test]
fn garbage_in_place_of_the_database_is_put_aside_and_reported() {
    let home = Home::closed(10);
    fs::write(home.path("wal.db"), b"this is no database, but it is long enough to be read")
        .unwrap();
    let mut store = home.reopen();
    let gaps = gaps(&mut store);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0]["count"].as_u64().unwrap() >= 10);
    assert_eq!(home.corrupt_files(), 1);
    store.append(&events(5)).unwrap();
    assert!(store.ledger().adds_up());
}

#[test]
fn a_truncated_database_gives_what_is_left_of_it() {
    let home = Home::closed(10_000);
    home.damage("wal.db", |bytes| bytes.truncate(bytes.len() * 6 / 10));
    let mut store = home.reopen();
    // Damage behind the first pages shows when they are read.
    let found = delivered(&mut store, &home.ids);
    assert!(found >= 5_500, "{found}");
    assert!(store.ledger().dropped_total() > 0);
    assert!(store.ledger().adds_up());
}

#[test]
fn the_last_two_damaged_databases_are_kept() {
    let home = Home::closed(10);
    for _ in 0..4 {
        home.damage("wal.db", |bytes| bytes[..PAGE].fill(0));
        let mut store = home.reopen();
        store.append(&events(3)).unwrap();
    }
    assert_eq!(home.corrupt_files(), 2);
    let mut store = home.reopen();
    assert_eq!(delivered(&mut store, &home.ids), 10);
}

#[test]
fn a_long_event_is_put_together_again_from_its_pages() {
    let folder = tempdir().unwrap();
    let mut store = open(folder.path());
    let long = sized_event(1, 60_000);
    let id = long.event_id;
    store.append(&[long]).unwrap();
    drop(store);
    let home = Home { folder, ids: vec![id] };
    home.damage("wal.db", |bytes| bytes[..PAGE].fill(0));
    let mut store = home.reopen();
    assert_eq!(delivered(&mut store, &home.ids), 1);
}

#[test]
fn a_crash_while_salvaging_is_made_good_at_the_next_start() {
    let home = Home::closed(500);
    home.damage("wal.db", |bytes| bytes[..PAGE].fill(0));
    // Cut before the new database took the damaged one's place: it is made anew.
    fs::write(home.path("wal.db.salvaged"), b"half").unwrap();
    fs::write(home.path("wal.db.salvaging"), b"half").unwrap();
    let mut store = home.reopen();
    assert_eq!(delivered(&mut store, &home.ids), 500);
    drop(store);
    // Cut right after the damaged one was put aside: the complete one is taken.
    fs::rename(home.path("wal.db"), home.path("wal.db.salvaged")).unwrap();
    let store = home.reopen();
    assert_eq!(store.ledger().delivered, store.ledger().captured - store.ledger().dropped_total());
}
