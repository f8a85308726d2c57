//! What must be true of any bytes that lie where the log's should. `fuzz/` calls these
//! with what it makes up, `tests/corpus.rs` with what it found.

use std::path::Path;

use devpulse_protocol::{DeviceId, EventId, EventType, Timestamp, Username};

pub use crate::vault::fuzzing::{sealed_body, sealed_key};

use crate::vault::KeysAtHand;
use crate::wal::{
    BatchLimits, CheckpointUpdate, Identity, NewEvent, Store, WalError, WalOptions,
    record_is_intact,
};

/// A row that is taken for an event matches its checksum.
pub fn row(bytes: &[u8]) {
    let Some((place, payload)) = bytes.split_first_chunk::<8>() else { return };
    assert!(record_is_intact(i64::from_le_bytes(*place), payload));
}

/// Whatever lies in the place of the database and of its log, the agent starts, the
/// ledger adds up, and it takes an event and gives it out. `home` is emptied before.
///
/// The first two bytes say how much of the rest is the database, in pages of 4 KiB.
pub fn open(home: &Path, bytes: &[u8]) {
    let Some((pages, rest)) = bytes.split_first_chunk::<2>() else { return };
    let database = (usize::from(u16::from_le_bytes(*pages)) * 4096).min(rest.len());
    let (database, log) = rest.split_at(database);
    drop(std::fs::remove_dir_all(home));
    std::fs::create_dir_all(home).expect("a directory can be made");
    std::fs::write(home.join("wal.db"), database).expect("a file can be written");
    if !log.is_empty() {
        std::fs::write(home.join("wal.db-wal"), log).expect("a file can be written");
    }
    for _ in 0..2 {
        match Store::open(options(home)) {
            Ok(mut store) => {
                store.vault().unlock().expect("the key is at hand");
                work(&mut store);
            }
            Err(WalError::NewerSchema { .. }) => return,
            Err(error) => panic!("the log does not open: {error:?}"),
        }
    }
}

/// Takes an event in, and out; damage may show at any point, and then the next try succeeds.
fn work(store: &mut Store) {
    const LIMITS: BatchLimits = BatchLimits { max_events: 1000, max_bytes: 1 << 20 };

    assert!(store.ledger().adds_up());
    let event_id = EventId::new();
    let event = NewEvent {
        event_id,
        event_type: EventType::Custom,
        at: Timestamp::now(),
        json: br#"{"event_type":"custom"}"#.to_vec(),
        checkpoint: CheckpointUpdate::Keep,
        image: None,
    };
    again(|| store.append(std::slice::from_ref(&event)));
    for _ in 0..100 {
        let Some(meta) = again(|| match store.open_batches(1)?.pop() {
            Some(open) => Ok(Some(open)),
            None => store.form_batch(LIMITS, Timestamp::now()),
        }) else {
            break;
        };
        match store.load_batch(&meta) {
            Ok(Some(batch)) if batch.outgoing.event_ids.contains(&event_id) => break,
            Ok(_) | Err(_) => {}
        }
        if !matches!(store.set_aside(&meta, &refusal()), Ok(())) {
            continue;
        }
    }
    assert!(store.ledger().adds_up());
}

fn again<R>(mut work: impl FnMut() -> Result<R, WalError>) -> R {
    const TRIES: u32 = 4;

    let mut last = None;
    for _ in 0..TRIES {
        match work() {
            Ok(result) => return result,
            Err(error) => last = Some(error),
        }
    }
    panic!("the log does not recover: {last:?}")
}

fn refusal() -> crate::verdict::Refusal {
    crate::verdict::Refusal { status: 400, code: None, cause: "refused".to_owned() }
}

fn options(home: &Path) -> WalOptions {
    WalOptions {
        path: home.join("wal.db"),
        images: home.join("blobs"),
        identity: Identity { username: Username::new("ada"), device_id: DeviceId::new("device-1") },
        vault: KeysAtHand::default().vault(&home.join("wal.db")),
    }
}
