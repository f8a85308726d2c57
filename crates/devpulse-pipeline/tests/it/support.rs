use std::path::Path;

use devpulse_pipeline::wal::{
    BatchLimits, CheckpointUpdate, Identity, LoadedBatch, NewEvent, Store, WalOptions,
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
    }
}

pub(crate) fn open(home: &Path) -> Store {
    Store::open(options(home)).unwrap()
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

/// Forms, loads and acknowledges batches until nothing waits; returns what was sent.
pub(crate) fn drain(store: &mut Store) -> Vec<EventId> {
    let mut sent = Vec::new();
    loop {
        let open = store.open_batches(1).unwrap().into_iter().next();
        let meta = match open {
            Some(meta) => meta,
            None => match store.form_batch(LIMITS, Timestamp::now()).unwrap() {
                Some(meta) => meta,
                None => return sent,
            },
        };
        let Some(batch) = store.load_batch(&meta).unwrap() else {
            continue;
        };
        sent.extend(batch.outgoing.event_ids.iter().copied());
        let receipt = receipt(&batch, &[]);
        store.acknowledge(&batch, &receipt, true, None, Timestamp::now()).unwrap();
    }
}
