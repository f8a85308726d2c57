//! Databases as released versions left them: every one of them opens, and what waited in it is
//! delivered byte for byte. `tests/released/schema-N` holds one of each schema, written once.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use devpulse_pipeline::wal::{
    CheckpointUpdate, LoadedBatch, NewEvent, NewImage, Snapshot, Store, Which,
};
use devpulse_protocol::{EventId, EventType, Timestamp};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{LIMITS, open, options, receipt};

/// The schemas that were released.
const SCHEMAS: [u32; 1] = [1];

/// An event of each type, as the protocol's own tests have it.
const EVENTS: [(EventType, &str); 6] = [
    (
        EventType::Activity,
        include_str!("../../../devpulse-protocol/tests/golden/event_activity.json"),
    ),
    (
        EventType::Heartbeat,
        include_str!("../../../devpulse-protocol/tests/golden/event_heartbeat.json"),
    ),
    (EventType::Window, include_str!("../../../devpulse-protocol/tests/golden/event_window.json")),
    (
        EventType::Screenshot,
        include_str!("../../../devpulse-protocol/tests/golden/event_screenshot.json"),
    ),
    (EventType::Custom, include_str!("../../../devpulse-protocol/tests/golden/event_custom.json")),
    (EventType::Gap, include_str!("../../../devpulse-protocol/tests/golden/event_gap.json")),
];

const OPEN_WINDOW: &[u8] = b"{\"window_title\":\"a window that is open\"}";
const NOTE: (&str, &[u8]) = ("released", b"a note");

fn folder(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/released/schema-{schema}"))
}

/// A home that holds a copy of the database, and what its version said is in it.
fn released(schema: u32) -> (TempDir, PathBuf) {
    let home = tempdir().unwrap();
    copy(&folder(schema).join("home"), home.path());
    (home, folder(schema))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn lines(store: &mut Store, which: Which) -> String {
    store.list(which, 0, 1_000).unwrap().iter().map(|event| event.json.clone() + "\n").collect()
}

/// The small image lies in the database, the large one beside it.
fn images() -> [([u8; 32], Bytes); 2] {
    [([1; 32], Bytes::from(vec![11; 600])), ([2; 32], Bytes::from(vec![22; 34 * 1024]))]
}

#[test]
fn every_event_of_a_released_database_is_read_byte_for_byte() {
    for schema in SCHEMAS {
        let (home, said) = released(schema);
        let mut store = open(home.path());
        for (which, file) in
            [(Which::Pending, "pending"), (Which::Sent, "sent"), (Which::Dead, "dead")]
        {
            let expected = fs::read_to_string(said.join(format!("{file}.jsonl"))).unwrap();
            assert!(!expected.is_empty());
            assert_eq!(lines(&mut store, which), expected, "schema {schema}, {file}");
        }
        let ledger = store.ledger();
        assert!(ledger.adds_up(), "{ledger:?}");
        assert_eq!((ledger.captured, ledger.delivered, ledger.dead), (18, 5, 1));
        assert_eq!(store.checkpoint().unwrap().unwrap(), OPEN_WINDOW);
        assert_eq!(store.note(NOTE.0).unwrap().unwrap(), NOTE.1);
        for (sha, bytes) in images() {
            assert_eq!(store.image(&sha).unwrap().unwrap().bytes, bytes);
        }
    }
}

#[test]
fn a_released_database_shows_its_events_to_a_reader_that_changes_nothing() {
    for schema in SCHEMAS {
        let (home, said) = released(schema);
        let before = fs::read(home.path().join("wal.db")).unwrap();
        let snapshot = Snapshot::open(&home.path().join("wal.db")).unwrap().unwrap();
        let vault = options(home.path()).vault;
        snapshot.show_keys(&vault).unwrap();
        vault.unlock().unwrap();
        let listed = snapshot.list(&vault, Which::Pending, 0, 1_000).unwrap();
        let listed: String = listed.iter().map(|event| event.json.clone() + "\n").collect();
        assert_eq!(listed, fs::read_to_string(said.join("pending.jsonl")).unwrap());
        assert_eq!(fs::read(home.path().join("wal.db")).unwrap(), before);
    }
}

/// The numbers by which the database knows the types are as released as its tables are.
#[test]
fn without_its_key_a_released_database_tells_the_types_of_its_events() {
    let types = |lines: &str| -> Vec<String> {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        lines.lines().map(|line| parse(line)["event_type"].to_string()).collect()
    };
    for schema in SCHEMAS {
        let (home, said) = released(schema);
        let snapshot = Snapshot::open(&home.path().join("wal.db")).unwrap().unwrap();
        let locked = options(home.path()).vault;
        let listed = snapshot.list(&locked, Which::Pending, 0, 1_000).unwrap();
        let listed: String = listed.iter().map(|event| event.json.clone() + "\n").collect();
        assert!(listed.contains("unreadable"), "{listed}");
        let pending = fs::read_to_string(said.join("pending.jsonl")).unwrap();
        assert_eq!(types(&listed), types(&pending));
    }
}

#[test]
fn a_released_database_sends_the_batch_that_it_formed_and_then_the_rest() {
    for schema in SCHEMAS {
        let (home, said) = released(schema);
        let mut store = open(home.path());
        let meta = store.open_batches(1).unwrap().remove(0);
        let formed = store.load_batch(&meta).unwrap().unwrap();
        assert_eq!(formed.outgoing.body, fs::read(said.join("batch.json")).unwrap());
        acknowledge(&mut store, &formed, &[]);
        let rest = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
        let rest = store.load_batch(&rest).unwrap().unwrap();
        let sent = String::from_utf8(rest.outgoing.body.to_vec()).unwrap();
        let pending = fs::read_to_string(said.join("pending.jsonl")).unwrap();
        for event in pending.lines().skip(formed.events.len()) {
            assert!(sent.contains(event), "{event} is not in {sent}");
        }
        acknowledge(&mut store, &rest, &[]);
        let ledger = store.ledger();
        assert!(ledger.adds_up() && ledger.pending == 0, "{ledger:?}");
        assert_eq!(ledger.delivered, 17);
    }
}

fn acknowledge(store: &mut Store, batch: &LoadedBatch, refused: &[EventId]) {
    let receipt = receipt(batch, refused);
    store.acknowledge(batch, &receipt, true, None, Timestamp::now()).unwrap();
}

#[test]
#[ignore = "writes the database of the newest schema, once, before that schema is released"]
fn write_the_database_of_the_newest_schema() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let delivered = append(&mut store, home.path(), &images());
    let sent = form(&mut store);
    acknowledge(&mut store, &sent, &delivered[4..5]);
    append(&mut store, home.path(), &[]);
    let formed = form(&mut store);
    append(&mut store, home.path(), &[]);
    store.set_note(NOTE.0, NOTE.1).unwrap();
    let schema = SCHEMAS[SCHEMAS.len() - 1];
    let folder = folder(schema);
    assert!(!folder.exists(), "schema {schema} is released, and stays as it is");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("batch.json"), &formed.outgoing.body).unwrap();
    for (which, file) in [(Which::Pending, "pending"), (Which::Sent, "sent"), (Which::Dead, "dead")]
    {
        fs::write(folder.join(format!("{file}.jsonl")), lines(&mut store, which)).unwrap();
    }
    drop(store);
    copy(home.path(), &folder.join("home"));
}

fn form(store: &mut Store) -> LoadedBatch {
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    store.load_batch(&meta).unwrap().unwrap()
}

/// Appends an event of each type; the first ones bear the images.
fn append(store: &mut Store, home: &Path, images: &[([u8; 32], Bytes)]) -> Vec<EventId> {
    let mut events = Vec::new();
    for (number, (event_type, text)) in EVENTS.into_iter().enumerate() {
        let event_id = EventId::new();
        let mut json: Value = serde_json::from_str(text).unwrap();
        let fields = json.as_object_mut().unwrap();
        fields.insert("event_id".to_owned(), event_id.to_string().into());
        fields.remove("epoch");
        fields.remove("seq");
        let image = images.get(number).map(|(sha, bytes)| {
            let name: String = sha.iter().map(|byte| format!("{byte:02x}")).collect();
            let blobs = home.join("blobs");
            NewImage::stage(store.vault(), &blobs, &name, "image/webp", bytes).unwrap()
        });
        events.push(NewEvent {
            event_id,
            event_type,
            at: Timestamp::now(),
            json: json.to_string().into_bytes(),
            checkpoint: CheckpointUpdate::Set(OPEN_WINDOW.to_vec()),
            image,
        });
    }
    store.append(&events).unwrap();
    events.iter().map(|event| event.event_id).collect()
}
