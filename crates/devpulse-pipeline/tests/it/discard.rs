//! Discarding what waits, and wiping the files.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use devpulse_pipeline::wal::{Discarded, NewImage, Store, Which, wipe};
use devpulse_protocol::Timestamp;
use tempfile::tempdir;

use crate::support::{LIMITS, drain, event, events, open, options, receipt};

const HASH: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

fn append_with_image(store: &mut Store, images: &Path, hash: &str, size: usize) {
    let bytes = Bytes::from(vec![7; size]);
    let image = NewImage::stage(store.vault(), images, hash, "image/webp", &bytes).unwrap();
    let mut event = event(1);
    event.image = Some(image);
    store.append(&[event]).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn everything_that_waits_is_discarded_and_counted_and_nothing_else() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&events(10)).unwrap();
    drain(&mut store);
    store.append(&events(3)).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let batch = store.load_batch(&meta).unwrap().unwrap();
    let refused = receipt(&batch, &batch.outgoing.event_ids);
    store.acknowledge(&batch, &refused, true, None, Timestamp::now()).unwrap();
    store.append(&events(250)).unwrap();
    for _ in 0..2 {
        store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    }
    append_with_image(&mut store, &options(home.path()).images, HASH, 100_000);

    let discarded = store.discard_pending().unwrap();
    assert_eq!(discarded, Discarded { events: 251, images: 1 });
    for _ in 0..2 {
        let ledger = store.ledger();
        assert!(ledger.adds_up(), "{ledger:?}");
        assert_eq!((ledger.pending, ledger.unbatched, ledger.unbatched_bytes), (0, 0, 0));
        assert_eq!((ledger.delivered, ledger.dead, ledger.images_pending), (10, 3, 0));
        assert_eq!(ledger.dropped["discarded"], 251);
        assert_eq!(store.list(Which::Pending, 0, 10).unwrap(), []);
        assert_eq!(store.list(Which::Sent, 0, 100).unwrap().len(), 10);
        assert_eq!(store.list(Which::Dead, 0, 100).unwrap().len(), 3);
        assert!(files(&options(home.path()).images).is_empty());
        drop(store);
        store = open(home.path());
    }
    assert_eq!(store.discard_pending().unwrap(), Discarded::default());
    store.append(&events(2)).unwrap();
    assert_eq!(drain(&mut store).len(), 2);
}

#[test]
fn more_than_one_step_is_discarded() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    for _ in 0..10 {
        store.append(&events(1000)).unwrap();
    }
    let few = devpulse_pipeline::wal::BatchLimits { max_events: 10, ..LIMITS };
    for _ in 0..40 {
        store.form_batch(few, Timestamp::now()).unwrap().unwrap();
    }
    assert_eq!(store.discard_pending().unwrap().events, 10_000);
    assert!(store.ledger().adds_up());
}

#[test]
fn a_wiped_log_leaves_no_file_and_the_next_one_has_another_epoch() {
    let home = tempdir().unwrap();
    let options = options(home.path());
    let mut store = open(home.path());
    let epoch = store.ledger().epoch;
    append_with_image(&mut store, &options.images, HASH, 100_000);
    drop(store);
    let name = options.path.file_name().unwrap().to_str().unwrap();
    for beside in ["-wal", "-journal", ".corrupt-20261122T093000Z", ".seq"] {
        std::fs::write(options.path.with_file_name(format!("{name}{beside}")), "x").unwrap();
    }
    let stays = ["walrus", "notes.txt"].map(|name| home.path().join(name));
    for path in &stays {
        std::fs::write(path, "x").unwrap();
    }
    let mut left = stays.to_vec();
    left.push(options.images.join("holiday.jpg"));
    std::fs::write(&left[2], "x").unwrap();

    wipe(&options.path, &options.images).unwrap();
    let mut found = files(home.path());
    found.sort();
    left.sort();
    assert_eq!(found, left);
    assert_ne!(open(home.path()).ledger().epoch, epoch);
}

#[test]
fn wiping_what_is_not_there_is_no_error() {
    let home = tempdir().unwrap();
    let path = home.path().join("nowhere/wal.db");
    wipe(&path, &home.path().join("no-images")).unwrap();
}
