use std::path::Path;

use devpulse_pipeline::vault::KeysAtHand;
use devpulse_pipeline::wal::{
    BatchLimits, CheckpointUpdate, Identity, LoadedBatch, NewEvent, Store, WalError, WalOptions,
};
use devpulse_protocol::{
    CheckedReceipt, DeviceId, EventId, EventType, ProblemCode, Receipt, Rejection, Timestamp,
    Username,
};

pub(crate) const LIMITS: BatchLimits = BatchLimits { max_events: 100, max_bytes: 1024 * 1024 };

pub(crate) fn options(home: &Path) -> WalOptions {
    WalOptions {
        path: home.join("wal.db"),
        images: home.join("blobs"),
        identity: Identity { username: Username::new("ada"), device_id: DeviceId::new("device-1") },
        vault: KeysAtHand::default().vault(&home.join("wal.db")),
    }
}

pub(crate) fn open(home: &Path) -> Store {
    let store = Store::open(options(home)).unwrap();
    store.vault().unlock().unwrap();
    store
}

pub(crate) fn event(number: u32) -> NewEvent {
    sized_event(number, 0)
}

pub(crate) fn sized_event(number: u32, padding: usize) -> NewEvent {
    let event_id = EventId::new();
    let padding = "x".repeat(padding);
    NewEvent {
        event_id,
        event_type: EventType::Custom,
        at: Timestamp::now(),
        json: format!(
            r#"{{"event_id":"{event_id}","event_type":"custom","name":"n{number}","data":"{padding}"}}"#
        )
        .into_bytes(),
        checkpoint: CheckpointUpdate::Keep,
        image: None,
    }
}

pub(crate) fn events(count: u32) -> Vec<NewEvent> {
    (0..count).map(event).collect()
}

pub(crate) fn receipt(batch: &LoadedBatch, rejected: &[EventId]) -> CheckedReceipt {
    Receipt {
        batch_id: batch.meta.id,
        accepted: (batch.events.len() - rejected.len()) as u64,
        duplicates: 0,
        rejected: rejected
            .iter()
            .map(|&event_id| Rejection {
                event_id,
                code: ProblemCode::Invalid,
                message: "no such thing".to_owned(),
            })
            .collect(),
        config_version: None,
    }
    .check(batch.meta.id, &batch.outgoing.event_ids)
    .unwrap()
}

/// Forms, loads and acknowledges batches until nothing waits; returns what was sent. Goes on
/// after damage, as the sender does.
pub(crate) fn drain(store: &mut Store) -> Vec<EventId> {
    let mut sent = Vec::new();
    loop {
        let open = match store.open_batches(1) {
            Err(WalError::Damaged(_)) => continue,
            open => open.unwrap().into_iter().next(),
        };
        let formed = match open {
            Some(meta) => Ok(Some(meta)),
            None => store.form_batch(LIMITS, Timestamp::now()),
        };
        let meta = match formed {
            Err(WalError::Damaged(_)) => continue,
            formed => match formed.unwrap() {
                Some(meta) => meta,
                None => return sent,
            },
        };
        let batch = match store.load_batch(&meta) {
            Err(WalError::Damaged(_)) | Ok(None) => continue,
            loaded => loaded.unwrap().unwrap(),
        };
        sent.extend(batch.outgoing.event_ids.iter().copied());
        let receipt = receipt(&batch, &[]);
        match store.acknowledge(&batch, &receipt, true, None, Timestamp::now()) {
            Err(WalError::Damaged(_)) => {}
            acknowledged => drop(acknowledged.unwrap()),
        }
    }
}
