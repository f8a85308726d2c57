//! What is kept is sealed: what a copy of the files tells, what waits for a key, and what a
//! lost key costs.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use devpulse_pipeline::vault::{Fetched, KeysAtHand, Locked, PrivateKey, PrivateKeys, Vault};
use devpulse_pipeline::wal::{
    CheckpointUpdate, NewImage, Snapshot, Store, WalError, WalOptions, Which,
};
use devpulse_protocol::{EventId, Timestamp};
use rusqlite::{Connection, params};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{LIMITS, drain, event, events, open, options, receipt};

/// A keychain that can be locked.
#[derive(Debug, Default)]
struct Keychain(Mutex<Option<PrivateKey>>);

impl PrivateKeys for Keychain {
    fn fetch(&self) -> Fetched {
        let keys: Vec<_> = self.0.lock().unwrap().iter().cloned().collect();
        let trouble = keys.is_empty().then(|| Locked("the keychain is locked".to_owned()));
        Fetched { keys, trouble }
    }
}

fn private() -> PrivateKey {
    KeysAtHand::default().0.remove(0)
}

/// The log with a vault that this keychain opens.
fn open_with(home: &Path, keychain: &Arc<Keychain>) -> Store {
    let source: Arc<dyn PrivateKeys> = Arc::clone(keychain) as _;
    let vault = Arc::new(Vault::new(home.join("wal.db"), private().public(), source));
    Store::open(WalOptions { vault, ..options(home) }).unwrap()
}

fn listed(store: &mut Store, which: Which) -> Vec<Value> {
    let listed = store.list(which, 0, 100_000).unwrap();
    listed.iter().map(|listed| serde_json::from_str(&listed.json).unwrap()).collect()
}

fn gaps(store: &mut Store) -> Vec<Value> {
    let all = [Which::Pending, Which::Sent].map(|which| listed(store, which));
    all.into_iter().flatten().filter(|event| event["event_type"] == "gap").collect()
}

fn keys_in_database(home: &Path) -> usize {
    let conn = Connection::open(home.join("wal.db")).unwrap();
    conn.query_row("SELECT count(*) FROM data_key", [], |row| row.get(0)).unwrap()
}

fn keys_beside(home: &Path) -> usize {
    fs::read_to_string(home.join("wal.db-keys")).unwrap().lines().count()
}

fn image(store: &Store, home: &Path, name: u8, bytes: Vec<u8>) -> NewImage {
    let hash = format!("{name:02x}").repeat(32);
    let bytes = Bytes::from(bytes);
    NewImage::stage(store.vault(), &home.join("blobs"), &hash, "image/webp", &bytes).unwrap()
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn no_file_tells_what_was_kept() {
    const MARKS: [&[u8]; 4] = [b"TITLE-OF-A-WINDOW", b"RIFF", b"WEBP", b"event_type"];

    let home = tempdir().unwrap();
    let picture = |size| [b"RIFF....WEBP".to_vec(), vec![7; size]].concat();
    let mut store = open(home.path());
    let marked = |number| {
        let mut event = event(number);
        event.json = format!(
            r#"{{"event_id":"{}","event_type":"window","window_title":"TITLE-OF-A-WINDOW"}}"#,
            event.event_id
        )
        .into_bytes();
        event
    };
    let mut batch: Vec<_> = (0..40).map(marked).collect();
    batch[0].image = Some(image(&store, home.path(), 1, picture(1_000)));
    batch[1].image = Some(image(&store, home.path(), 2, picture(200_000)));
    batch[2].checkpoint = CheckpointUpdate::Set(b"TITLE-OF-A-WINDOW".to_vec());
    store.append(&batch).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let loaded = store.load_batch(&meta).unwrap().unwrap();
    let refused = receipt(&loaded, &loaded.outgoing.event_ids[..7]);
    store.acknowledge(&loaded, &refused, true, None, Timestamp::now()).unwrap();
    store.append(&(0..40).map(marked).collect::<Vec<_>>()).unwrap();
    let check = |when: &str| {
        let files = files(home.path());
        assert!(files.iter().any(|(name, _)| name.contains("blobs")), "{when}");
        for (name, bytes) in files {
            for mark in MARKS {
                let found = bytes.windows(mark.len()).any(|window| window == mark);
                assert!(!found, "{when}: {name} holds {}", String::from_utf8_lossy(mark));
            }
        }
    };
    check("while the log is open");
    assert_eq!(listed(&mut store, Which::Dead).len(), 7);
    drop(store);
    check("after it was closed");
    let mut store = open(home.path());
    assert_eq!(store.checkpoint().unwrap().unwrap(), b"TITLE-OF-A-WINDOW");
    for (which, count) in [(Which::Pending, 40), (Which::Sent, 33), (Which::Dead, 7)] {
        let events = listed(&mut store, which);
        assert_eq!(events.len(), count);
        assert!(events.iter().all(|event| event["window_title"] == "TITLE-OF-A-WINDOW"));
    }
    for (name, size) in [(1, 1_000), (2, 200_000)] {
        assert_eq!(store.image(&[name; 32]).unwrap().unwrap().bytes, picture(size));
    }
}

#[test]
fn what_is_sealed_waits_for_its_key_and_is_then_the_same_request() {
    let home = tempdir().unwrap();
    let keychain = Arc::new(Keychain(Mutex::new(Some(private()))));
    let mut store = open_with(home.path(), &keychain);
    let group = events(5);
    store.append(&group).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let before = store.load_batch(&meta).unwrap().unwrap().outgoing.body;
    drop(store);

    *keychain.0.lock().unwrap() = None;
    let mut store = open_with(home.path(), &keychain);
    assert_eq!(store.vault().unlock().unwrap_err().to_string(), "the keychain is locked");
    let error = store.load_batch(&meta).unwrap_err();
    assert!(matches!(&error, WalError::Locked(_)), "{error:?}");
    assert_eq!(error.to_string(), "the keychain is locked");
    let shut = listed(&mut store, Which::Pending);
    assert_eq!(shut.len(), 5);
    assert!(shut.iter().all(|event| event["unreadable"] == "locked" && event["seq"].is_i64()));
    assert_eq!(shut[0]["event_id"], group[0].event_id.to_string());
    let new = event(9);
    store.append(std::slice::from_ref(&new)).unwrap();
    let readable = listed(&mut store, Which::Pending).remove(5);
    assert_eq!(readable["event_id"], new.event_id.to_string(), "this run reads its own");
    assert_eq!(readable["unreadable"], Value::Null);

    *keychain.0.lock().unwrap() = Some(private());
    store.vault().unlock().unwrap();
    assert_eq!(store.load_batch(&meta).unwrap().unwrap().outgoing.body, before);
    assert_eq!(drain(&mut store).len(), 6);
    assert_eq!(gaps(&mut store), Vec::<Value>::new());
}

#[test]
fn another_private_half_is_no_reason_to_give_anything_up() {
    let home = tempdir().unwrap();
    let keychain = Arc::new(Keychain(Mutex::new(Some(private()))));
    open_with(home.path(), &keychain).append(&events(5)).unwrap();
    *keychain.0.lock().unwrap() = Some(PrivateKey::generate());
    let mut store = open_with(home.path(), &keychain);
    let error = store.vault().unlock().unwrap_err().to_string();
    assert!(error.ends_with("this device has another key than it was sealed to"), "{error}");
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    assert!(matches!(store.load_batch(&meta), Err(WalError::Locked(_))));
    assert_eq!((store.ledger().pending, store.ledger().dropped_total()), (5, 0));
    *keychain.0.lock().unwrap() = Some(private());
    store.vault().unlock().unwrap();
    assert_eq!(drain(&mut store).len(), 5);
}

/// Two runs with ten events each; returns the ids.
fn two_runs(home: &Path) -> Vec<EventId> {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let group = events(10);
        ids.extend(group.iter().map(|event| event.event_id));
        open(home).append(&group).unwrap();
    }
    ids
}

#[test]
fn either_place_of_the_keys_is_enough() {
    for place in ["the database", "the file beside it", "a line of the file"] {
        let home = tempdir().unwrap();
        let ids = two_runs(home.path());
        let file = home.path().join("wal.db-keys");
        match place {
            "the database" => {
                let conn = Connection::open(home.path().join("wal.db")).unwrap();
                conn.execute("DELETE FROM data_key", []).unwrap();
            }
            "the file beside it" => fs::remove_file(&file).unwrap(),
            _ => {
                let text = fs::read_to_string(&file).unwrap().replacen('a', "b", 1);
                fs::write(&file, text).unwrap();
            }
        }
        let mut store = open(home.path());
        store.append(&events(1)).unwrap();
        let sent = drain(&mut store);
        assert!(ids.iter().all(|id| sent.contains(id)), "{place}");
        drop(store);
        assert_eq!((keys_in_database(home.path()), keys_beside(home.path())), (3, 3), "{place}");
    }
}

#[test]
fn with_page_one_and_the_key_file_gone_every_event_is_delivered() {
    let home = tempdir().unwrap();
    let ids = two_runs(home.path());
    fs::remove_file(home.path().join("wal.db-keys")).unwrap();
    let database = home.path().join("wal.db");
    let mut bytes = fs::read(&database).unwrap();
    bytes[..4096].fill(0);
    fs::write(database, bytes).unwrap();
    let sent = drain(&mut open(home.path()));
    assert!(ids.iter().all(|id| sent.contains(id)));
}

#[test]
fn a_lost_key_costs_what_is_sealed_under_it_and_that_is_told() {
    let home = tempdir().unwrap();
    let ids = two_runs(home.path());
    let conn = Connection::open(home.path().join("wal.db")).unwrap();
    conn.execute("DELETE FROM data_key WHERE lo = 1", []).unwrap();
    drop(conn);
    let file = home.path().join("wal.db-keys");
    let text = fs::read_to_string(&file).unwrap();
    let left = fs::read_to_string(&file).unwrap();
    let of_the_second_run: Vec<&str> = {
        let conn = Connection::open(home.path().join("wal.db")).unwrap();
        let sealed: Vec<u8> =
            conn.query_row("SELECT sealed FROM data_key", [], |row| row.get(0)).unwrap();
        let line: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        left.lines().filter(|known| *known == line).collect()
    };
    assert_eq!((text.lines().count(), of_the_second_run.len()), (2, 1));
    fs::write(&file, format!("{}\n", of_the_second_run[0])).unwrap();

    let mut store = open(home.path());
    let sent = drain(&mut store);
    assert!(ids[..10].iter().all(|id| !sent.contains(id)));
    assert!(ids[10..].iter().all(|id| sent.contains(id)));
    let gaps = gaps(&mut store);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0]["reason"], "undecryptable");
    assert_eq!((&gaps[0]["count"], &gaps[0]["estimated"]), (&10.into(), &false.into()));
    assert_eq!((&gaps[0]["from_seq"], &gaps[0]["to_seq"]), (&1.into(), &10.into()));
    assert_eq!(store.ledger().dropped["undecryptable"], 10);
    assert!(store.ledger().adds_up() && store.ledger().pending == 0);
}

/// As the log computes it, so that a row that was tampered with passes for sound.
fn checksum(seq: i64, eid: &[u8], cls: i64, wall_ms: i64, enc: i64, body: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(&seq.to_le_bytes());
    crc = crc32c::crc32c_append(crc, eid);
    for number in [cls, wall_ms, enc] {
        crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
    }
    crc32c::crc32c_append(crc, body)
}

#[test]
fn a_body_in_the_place_of_another_does_not_open() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(6);
    store.append(&group).unwrap();
    drop(store);
    let conn = Connection::open(home.path().join("wal.db")).unwrap();
    let row = |seq: i64| {
        conn.query_row(
            "SELECT eid, cls, wall_ms, enc, body FROM event WHERE seq = ?1",
            [seq],
            |row| {
                let (eid, body): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(4)?);
                Ok((eid, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get(3)?, body))
            },
        )
        .unwrap()
    };
    let (second, fifth) = (row(2), row(5));
    for (seq, mine, theirs) in [(2, &second, &fifth), (5, &fifth, &second)] {
        let crc = checksum(seq, &mine.0, mine.1, mine.2, mine.3, &theirs.4);
        conn.execute(
            "UPDATE event SET body = ?2, crc = ?3 WHERE seq = ?1",
            params![seq, theirs.4, crc],
        )
        .unwrap();
    }
    drop(conn);
    let mut store = open(home.path());
    let sent = drain(&mut store);
    let arrived = group.iter().filter(|event| sent.contains(&event.event_id)).count();
    assert_eq!(arrived, 4);
    let gaps = gaps(&mut store);
    assert_eq!(
        (gaps.len(), &gaps[0]["reason"], &gaps[0]["count"]),
        (1, &"undecryptable".into(), &2.into())
    );
    assert!(store.ledger().adds_up());
}

#[test]
fn a_key_that_nothing_is_sealed_under_is_forgotten() {
    let home = tempdir().unwrap();
    let later = Timestamp::now().plus(std::time::Duration::from_secs(3_600));
    for _ in 0..20 {
        let mut store = open(home.path());
        store.append(&events(3)).unwrap();
        drain(&mut store);
        while store.forget_delivered(later).unwrap() {}
    }
    assert!(keys_in_database(home.path()) <= 2);
    assert!(keys_beside(home.path()) <= 2);
}

#[test]
fn a_key_stays_as_long_as_anything_needs_it() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let mut first = event(1);
    first.image = Some(image(&store, home.path(), 3, vec![3; 500]));
    first.checkpoint = CheckpointUpdate::Set(b"open".to_vec());
    let mut second = event(2);
    second.image = Some(image(&store, home.path(), 4, vec![4; 100_000]));
    store.append(&[first, second]).unwrap();
    drop(store);
    let later = Timestamp::now().plus(std::time::Duration::from_secs(3_600));
    for _ in 0..5 {
        let mut store = open(home.path());
        store.append(&events(3)).unwrap();
        drain(&mut store);
        while store.forget_delivered(later).unwrap() {}
    }
    let mut store = open(home.path());
    assert_eq!(store.checkpoint().unwrap().unwrap(), b"open");
    for name in [3_u8, 4] {
        let waiting = store.next_image().unwrap().unwrap();
        assert_eq!(waiting.bytes.unwrap()[..10], [name; 10]);
        store.image_sent(waiting.id, false, Timestamp::now()).unwrap();
    }
}

#[test]
fn an_image_whose_key_is_lost_is_gone_and_holds_nothing_up() {
    let home: TempDir = tempdir().unwrap();
    let mut store = open(home.path());
    let mut with_image = event(1);
    with_image.image = Some(image(&store, home.path(), 5, vec![5; 100_000]));
    store.append(&[with_image]).unwrap();
    drop(store);
    let conn = Connection::open(home.path().join("wal.db")).unwrap();
    conn.execute("DELETE FROM data_key", []).unwrap();
    drop(conn);
    fs::remove_file(home.path().join("wal.db-keys")).unwrap();
    let mut store = open(home.path());
    assert_eq!(store.next_image().unwrap().unwrap().bytes, None);
    assert_eq!(store.image(&[5; 32]).unwrap(), None);
    let again = image(&store, home.path(), 5, vec![5; 100_000]);
    let mut event = event(2);
    event.image = Some(again);
    store.append(&[event]).unwrap();
    assert_eq!(store.next_image().unwrap().unwrap().bytes.unwrap(), vec![5; 100_000]);
}

#[test]
fn a_snapshot_without_keys_lists_what_is_known_without_them() {
    let home = tempdir().unwrap();
    let ids = two_runs(home.path());
    let snapshot = Snapshot::open(&home.path().join("wal.db")).unwrap().unwrap();
    let none = KeysAtHand(Vec::new()).vault(&home.path().join("wal.db"));
    snapshot.show_keys(&none).unwrap();
    let listed = snapshot.list(&none, Which::Pending, 0, 100).unwrap();
    let found: Vec<EventId> = listed.iter().map(|listed| listed.event_id).collect();
    assert_eq!(found, ids);
    assert!(listed.iter().all(|listed| listed.json.contains(r#""unreadable":"locked""#)));
}
