//! The log's share of the disk, and a disk that others have filled.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use devpulse_pipeline::wal::{NewEvent, NewImage, Store, WalError, Which};
use devpulse_protocol::{EventId, EventType, Timestamp};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{LIMITS, drain, open, receipt, sized_event};

const MIB: u64 = 1024 * 1024;

fn of_type(event_type: EventType, number: u32) -> NewEvent {
    NewEvent { event_type, ..sized_event(number, 1000) }
}

fn listed(store: &mut Store, which: Which) -> Vec<Value> {
    let listed = store.list(which, 0, 1_000_000).unwrap();
    listed.iter().map(|listed| serde_json::from_str(&listed.json).unwrap()).collect()
}

#[test]
fn history_goes_before_anything_that_waits() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    for _ in 0..6 {
        store.append(&(0..1000).map(|n| sized_event(n, 1000)).collect::<Vec<_>>()).unwrap();
        drain(&mut store);
    }
    store.set_cap(4 * MIB);
    let waiting: Vec<_> = (0..1000).map(|n| sized_event(n, 1000)).collect();
    store.append(&waiting).unwrap();
    assert!(store.bytes_used().unwrap() <= 4 * MIB);
    assert_eq!(listed(&mut store, Which::Pending).len(), 1000);
    assert_eq!(store.ledger().dropped_total(), 0);
}

#[test]
fn images_go_before_events_and_their_loss_is_reported() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.set_cap(4 * MIB);
    for number in 0..40_u8 {
        let bytes = Bytes::from(vec![number; 200_000]);
        let sha = format!("{number:02x}").repeat(32);
        let blobs = home.path().join("blobs");
        let image = NewImage::stage(store.vault(), &blobs, &sha, "image/webp", &bytes).unwrap();
        let mut event = of_type(EventType::Screenshot, u32::from(number));
        event.image = Some(image);
        store.append(&[event]).unwrap();
    }
    assert!(store.bytes_used().unwrap() <= 4 * MIB);
    assert_eq!(store.ledger().dropped_total(), 0);
    let events = listed(&mut store, Which::Pending);
    let lost: u64 = events
        .iter()
        .filter(|event| event["reason"] == "image_disk_cap")
        .map(|gap| gap["count"].as_u64().unwrap())
        .sum();
    assert_eq!(lost + store.ledger().images_pending, 40);
    assert_eq!(events.iter().filter(|event| event["event_type"] == "custom").count(), 40);
}

#[test]
fn the_least_important_of_the_oldest_events_go_and_the_ledger_still_adds_up() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.set_cap(4 * MIB);
    let mut windows = HashSet::new();
    for first in (0..6000).step_by(100) {
        let mut group: Vec<_> = (0..90).map(|n| of_type(EventType::Heartbeat, first + n)).collect();
        group.extend((90..100).map(|n| of_type(EventType::Window, first + n)));
        windows.extend(group[90..].iter().map(|event| event.event_id));
        store.append(&group).unwrap();
    }
    assert!(store.bytes_used().unwrap() <= 4 * MIB + MIB / 2);
    let ledger = store.ledger().clone();
    assert!(ledger.adds_up());
    assert!(ledger.dropped["disk_cap"] > 1000);
    let pending = store.list(Which::Pending, 0, 1_000_000).unwrap();
    let kept: HashSet<EventId> = pending.iter().map(|event| event.event_id).collect();
    assert!(windows.is_subset(&kept), "a window went before a heartbeat");
    let reported: u64 = listed(&mut store, Which::Pending)
        .iter()
        .filter(|event| event["reason"] == "disk_cap")
        .map(|gap| gap["count"].as_u64().unwrap())
        .sum();
    assert_eq!(reported, ledger.dropped["disk_cap"]);
}

/// A small disk of its own; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn of_mib(size: u64) -> Option<Self> {
        let folder = tempdir().unwrap();
        let options = format!("size={size}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Another program fills what is left.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        while filler.write_all(&[7; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

#[test]
fn on_a_disk_that_others_filled_everything_that_was_taken_is_delivered() {
    let Some(disk) = SmallDisk::of_mib(120) else {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    };
    let mut store = open(disk.path());
    store.hold_ballast();
    let mut taken = Vec::new();
    for _ in 0..20 {
        let group: Vec<_> = (0..500).map(|n| sized_event(n, 500)).collect();
        taken.extend(group.iter().map(|event| event.event_id));
        store.append(&group).unwrap();
    }
    disk.fill();
    let refused = loop {
        let group: Vec<_> = (0..500).map(|n| sized_event(n, 500)).collect();
        match store.append(&group) {
            Ok(_) => taken.extend(group.iter().map(|event| event.event_id)),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, WalError::Full(_)), "{refused:?}");
    assert_eq!(store.ledger().pending, taken.len() as u64);

    // Sending goes on while the disk is full.
    let mut sent = Vec::new();
    while let Some(meta) = store.form_batch(LIMITS, Timestamp::now()).unwrap() {
        let batch = store.load_batch(&meta).unwrap().unwrap();
        sent.extend(batch.outgoing.event_ids.iter().copied());
        let receipt = receipt(&batch, &[]);
        store.acknowledge(&batch, &receipt, false, None, Timestamp::now()).unwrap();
    }
    assert_eq!(sent, taken);
    fs::remove_file(disk.path().join("filler")).unwrap();
    store.append(&[sized_event(0, 500)]).unwrap();
    assert!(store.ledger().adds_up());
}
