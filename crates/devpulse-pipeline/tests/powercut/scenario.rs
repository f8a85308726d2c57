//! A piece of work on the log, recorded, and what could be seen of the log after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use devpulse_pipeline::vault::KeysAtHand;
use devpulse_pipeline::wal::{
    BatchLimits, CheckpointUpdate, Identity, LoadedBatch, Medium, NewEvent, NewImage, Store,
    WalOptions, Which,
};
use devpulse_protocol::{
    BatchId, CheckedReceipt, DeviceId, EventId, EventType, ProblemCode, Receipt, Rejection,
    Timestamp, Username,
};

use crate::disk::Op;
use crate::{recording, vfs};

/// What a scenario works on: the log, while it is open.
pub(crate) struct Bench {
    pub(crate) home: PathBuf,
    pub(crate) medium: Medium,
    store: Option<Store>,
}

/// One step; the log must hold what it did once it has returned.
pub(crate) type Step = fn(&mut Bench);

/// What happened.
pub(crate) struct Run {
    /// The files that lay there before.
    pub(crate) start: Vec<(PathBuf, Vec<u8>)>,
    pub(crate) ops: Vec<Op>,
    /// What was seen before the first step, and after each.
    pub(crate) seen: Vec<Observation>,
}

/// What can be seen of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    pub(crate) events: BTreeMap<EventId, (Status, String)>,
    /// The open batches as they are sent.
    pub(crate) batches: BTreeMap<BatchId, Vec<u8>>,
    /// The oldest image that waits.
    pub(crate) image: Option<(String, Vec<u8>)>,
    /// Every place that was ever seen, whatever became of its event.
    pub(crate) places: BTreeSet<(String, i64)>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Delivered,
    Dead,
}

/// Runs `steps` in `home` and records what reaches the disk.
pub(crate) fn run(home: &Path, medium: Medium, before: Observation, steps: &[Step]) -> Run {
    vfs::register();
    let mut present = files(home, Path::new(""));
    present.sort();
    let read = |path: &PathBuf| (path.clone(), std::fs::read(home.join(path)).unwrap());
    let start: Vec<_> = present.iter().map(read).collect();
    let medium = Medium { vfs: Some(vfs::NAME), ..medium };
    let mut bench = Bench { home: home.to_owned(), medium, store: None };
    let mut seen = vec![before];
    recording::start(home, &present);
    for step in steps {
        step(&mut bench);
        recording::done();
        let mut now = match &mut bench.store {
            Some(store) => observe(store),
            None => seen.last().unwrap().clone(),
        };
        now.places.extend(seen.last().unwrap().places.iter().cloned());
        seen.push(now);
    }
    let ops = recording::stop();
    Run { start, ops, seen }
}

/// The files below `home`, by their paths from there.
fn files(home: &Path, folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home.join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if home.join(&path).is_dir() { found.extend(files(home, &path)) } else { found.push(path) }
    }
    found
}

/// Looks at everything in a log.
pub(crate) fn observe(store: &mut Store) -> Observation {
    store.vault().unlock().unwrap();
    let mut seen = Observation::default();
    let lists = [
        (Which::Pending, Status::Pending),
        (Which::Sent, Status::Delivered),
        (Which::Dead, Status::Dead),
    ];
    for (which, status) in lists {
        for listed in store.list(which, 0, usize::MAX >> 1).unwrap() {
            // Only the beginning of the object is needed: `{"epoch":"…","seq":…,`.
            let epoch = listed.json.split('"').nth(3).unwrap().to_owned();
            seen.places.insert((epoch, listed.seq));
            let twice = seen.events.insert(listed.event_id, (status, listed.json));
            assert!(twice.is_none(), "an event is in two places");
        }
    }
    for meta in store.open_batches(1000).unwrap() {
        if let Some(batch) = store.load_batch(&meta).unwrap() {
            seen.batches.insert(batch.meta.id, batch.outgoing.body.to_vec());
        }
    }
    seen.image = store
        .next_image()
        .unwrap()
        .map(|image| (image.sha256, image.bytes.map(|bytes| bytes.to_vec()).unwrap_or_default()));
    seen
}

pub(crate) fn options(home: &Path) -> WalOptions {
    WalOptions {
        path: home.join("wal.db"),
        images: home.join("blobs"),
        identity: Identity { username: Username::new("ada"), device_id: DeviceId::new("device-1") },
        vault: KeysAtHand::default().vault(&home.join("wal.db")),
    }
}

pub(crate) fn event(padding: usize) -> NewEvent {
    let event_id = EventId::new();
    let padding = "x".repeat(padding);
    NewEvent {
        event_id,
        event_type: EventType::Custom,
        at: Timestamp::now(),
        json: format!(r#"{{"event_id":"{event_id}","event_type":"custom","data":"{padding}"}}"#)
            .into_bytes(),
        checkpoint: CheckpointUpdate::Keep,
        image: None,
    }
}

pub(crate) fn receipt(batch: &LoadedBatch, rejected: &[EventId]) -> CheckedReceipt {
    let rejection = |&event_id| Rejection {
        event_id,
        code: ProblemCode::Invalid,
        message: "no such thing".to_owned(),
    };
    Receipt {
        batch_id: batch.meta.id,
        accepted: (batch.events.len() - rejected.len()) as u64,
        duplicates: 0,
        rejected: rejected.iter().map(rejection).collect(),
        config_version: None,
    }
    .check(batch.meta.id, &batch.outgoing.event_ids)
    .unwrap()
}

impl Bench {
    pub(crate) fn open(&mut self) {
        self.store = Some(Store::open_on(options(&self.home), self.medium).unwrap());
    }

    pub(crate) fn close(&mut self) {
        self.store = None;
    }

    pub(crate) fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    pub(crate) fn append(&mut self, count: usize, padding: usize) {
        let events: Vec<_> = (0..count).map(|_| event(padding)).collect();
        self.store().append(&events).unwrap();
    }

    /// Appends an event with an image of `size` bytes.
    pub(crate) fn append_image(&mut self, name: u8, size: usize) {
        let bytes = vec![name; size].into();
        let hash = format!("{name:02x}").repeat(32);
        let mut event = event(20);
        let images = self.home.join("blobs");
        let staged = NewImage::stage(self.store().vault(), &images, &hash, "image/webp", &bytes);
        event.image = Some(staged.unwrap());
        self.store().append(&[event]).unwrap();
    }

    pub(crate) fn form(&mut self, max_events: usize) {
        let limits = BatchLimits { max_events, max_bytes: 1 << 20 };
        self.store().form_batch(limits, Timestamp::now()).unwrap().unwrap();
    }

    /// The oldest batch, as it is sent.
    pub(crate) fn oldest(&mut self) -> LoadedBatch {
        let meta = self.store().open_batches(1).unwrap().remove(0);
        self.store().load_batch(&meta).unwrap().unwrap()
    }

    /// Acknowledges the oldest batch but for its first `rejected` events.
    pub(crate) fn acknowledge(&mut self, rejected: usize, next: Option<BatchLimits>) {
        let batch = self.oldest();
        let receipt = receipt(&batch, &batch.outgoing.event_ids[..rejected]);
        self.store().acknowledge(&batch, &receipt, true, next, Timestamp::now()).unwrap();
    }
}
