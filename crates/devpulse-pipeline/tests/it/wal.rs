//! The write-ahead log, on a real file.

use std::time::Duration;

use crate::support::{LIMITS, drain, event, events, open, options, receipt, sized_event};
use bytes::Bytes;
use devpulse_pipeline::vault::Vault;
use devpulse_pipeline::verdict::Refusal;
use devpulse_pipeline::wal::{
    BatchLimits, CheckpointUpdate, NewImage, Snapshot, Split, Standing, Store, Which,
};
use devpulse_protocol::{BatchEnvelope, EventId, Timestamp};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::tempdir;

fn ids(store: &mut Store, which: Which) -> Vec<EventId> {
    store.list(which, 0, 10_000).unwrap().into_iter().map(|listed| listed.event_id).collect()
}

#[test]
fn events_come_out_in_the_order_in_which_they_went_in() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(250);
    store.append(&group[..100]).unwrap();
    store.append(&group[100..]).unwrap();
    let expected: Vec<EventId> = group.iter().map(|event| event.event_id).collect();
    assert_eq!(drain(&mut store), expected);
    assert_eq!(store.ledger().delivered, 250);
    assert!(store.ledger().adds_up());
}

#[test]
fn an_event_bears_its_place_and_the_epoch_of_its_database() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&events(3)).unwrap();
    let epoch = store.ledger().epoch.to_string();
    for (index, listed) in store.list(Which::Pending, 0, 10).unwrap().iter().enumerate() {
        let event: Value = serde_json::from_str(&listed.json).unwrap();
        assert_eq!(event["seq"], Value::from(index + 1));
        assert_eq!(event["epoch"], Value::from(epoch.as_str()));
        assert_eq!(event["event_id"], Value::from(listed.event_id.to_string()));
    }
}

#[test]
fn a_batch_is_the_same_bytes_under_the_same_id_after_a_restart() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&events(5)).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let before = store.load_batch(&meta).unwrap().unwrap().outgoing;
    drop(store);

    let mut store = open(home.path());
    store.append(&events(5)).unwrap();
    let reopened = store.open_batches(10).unwrap();
    assert_eq!(reopened, [meta]);
    let after = store.load_batch(&reopened[0]).unwrap().unwrap().outgoing;
    assert_eq!(before, after);

    let envelope: BatchEnvelope<Value> = serde_json::from_slice(&after.body).unwrap();
    assert_eq!(envelope.batch_id, after.batch_id);
    assert_eq!(envelope.event_count, 5);
    assert_eq!(envelope.events.len(), 5);
}

#[test]
fn a_batch_ends_at_whichever_limit_comes_first() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&(0..10).map(|n| sized_event(n, 1000)).collect::<Vec<_>>()).unwrap();
    let by_count = BatchLimits { max_events: 3, max_bytes: 1_000_000 };
    assert_eq!(store.form_batch(by_count, Timestamp::now()).unwrap().unwrap().events, 3);
    let by_bytes = BatchLimits { max_events: 100, max_bytes: 2_500 };
    assert_eq!(store.form_batch(by_bytes, Timestamp::now()).unwrap().unwrap().events, 2);
    let tiny = BatchLimits { max_events: 100, max_bytes: 10 };
    assert_eq!(store.form_batch(tiny, Timestamp::now()).unwrap().unwrap().events, 1);
    assert_eq!(store.ledger().unbatched, 4);
}

#[test]
fn an_acknowledgement_is_counted_once() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&events(4)).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let batch = store.load_batch(&meta).unwrap().unwrap();
    let receipt = receipt(&batch, &[]);
    for _ in 0..2 {
        store.acknowledge(&batch, &receipt, true, None, Timestamp::now()).unwrap();
    }
    assert_eq!(store.ledger().delivered, 4);
    assert_eq!(store.ledger().pending, 0);
    assert_eq!(store.oldest_pending().unwrap(), None);
}

#[test]
fn the_next_batch_is_formed_with_the_acknowledgement() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&events(150)).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let batch = store.load_batch(&meta).unwrap().unwrap();
    let next = store
        .acknowledge(&batch, &receipt(&batch, &[]), true, Some(LIMITS), Timestamp::now())
        .unwrap()
        .unwrap();
    assert_eq!(next.events, 50);
    assert_eq!(store.open_batches(10).unwrap(), [next]);
}

#[test]
fn a_rejected_event_becomes_a_dead_letter_and_its_neighbours_are_delivered() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(5);
    store.append(&group).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let batch = store.load_batch(&meta).unwrap().unwrap();
    let poison = group[2].event_id;
    let receipt = receipt(&batch, &[poison]);
    store.acknowledge(&batch, &receipt, true, None, Timestamp::now()).unwrap();

    assert_eq!(ids(&mut store, Which::Dead), [poison]);
    assert_eq!(ids(&mut store, Which::Sent).len(), 4);
    let dead = store.list(Which::Dead, 0, 10).unwrap();
    assert_eq!(dead[0].reason.as_deref(), Some("rejected by the server: no such thing"));
    assert!(store.ledger().adds_up());
}

#[test]
fn a_replayed_dead_letter_keeps_its_place_and_survives_the_end_of_its_history() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(5);
    store.append(&group).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let batch = store.load_batch(&meta).unwrap().unwrap();
    let poison = group[2].event_id;
    let receipt = receipt(&batch, &[poison]);
    store.acknowledge(&batch, &receipt, true, None, Timestamp::now()).unwrap();
    let place = store.list(Which::Dead, 0, 10).unwrap()[0].seq;

    assert_eq!(store.replay(Some(poison)).unwrap(), 1);
    let later = Timestamp::now().plus(Duration::from_secs(60));
    while store.forget_delivered(later).unwrap() {}

    assert_eq!(ids(&mut store, Which::Sent), []);
    assert_eq!(ids(&mut store, Which::Pending), [poison]);
    assert_eq!(store.list(Which::Pending, 0, 10).unwrap()[0].seq, place);
    assert_eq!(drain(&mut store), [poison]);
    assert!(store.ledger().adds_up());
}

#[test]
fn halves_bear_ids_of_their_own_and_hold_the_same_events() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let mut group: Vec<_> = (0..6).map(event).collect();
    group.push(sized_event(6, 5_000));
    store.append(&group).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let batch = store.load_batch(&meta).unwrap().unwrap();
    store.split_batch(&batch, Split::ByBytes, Timestamp::now()).unwrap();

    let halves = store.open_batches(10).unwrap();
    assert_eq!(halves.iter().map(|half| half.events).collect::<Vec<_>>(), [6, 1]);
    assert!(halves.iter().all(|half| half.id != meta.id));

    let first = store.load_batch(&halves[0]).unwrap().unwrap();
    store.split_batch(&first, Split::ByCount, Timestamp::now()).unwrap();
    let expected: Vec<EventId> = group.iter().map(|event| event.event_id).collect();
    assert_eq!(drain(&mut store), expected);
}

#[test]
fn what_was_set_aside_gets_a_last_trial_once_another_event_was_accepted() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let suspect = event(0);
    store.append(std::slice::from_ref(&suspect)).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let refusal = Refusal { status: 400, code: None, cause: "answered with 400".to_owned() };
    store.set_aside(&meta, &refusal).unwrap();
    assert_eq!(ids(&mut store, Which::Pending), [suspect.event_id]);
    assert_eq!(store.ledger().dead, 0);

    store.append(&[event(1)]).unwrap();
    let next = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    let next = store.load_batch(&next).unwrap().unwrap();
    assert_eq!(store.open_batches(9).unwrap()[1].standing, Standing::SetAside);
    store.acknowledge(&next, &receipt(&next, &[]), true, None, Timestamp::now()).unwrap();
    let trial = store.open_batches(9).unwrap().remove(0);
    assert_eq!((trial.standing, trial.id), (Standing::LastTrial, meta.id));
    assert_eq!(store.ledger().dead, 0);

    store.condemn(&trial, &refusal, Timestamp::now()).unwrap();
    store.condemn(&trial, &refusal, Timestamp::now()).unwrap();
    let dead = store.list(Which::Dead, 0, 10).unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].status, Some(400));
    assert_eq!(dead[0].reason.as_deref(), Some("answered with 400"));
    assert!(store.ledger().adds_up());
}

#[test]
fn a_flipped_bit_becomes_a_gap_and_the_rest_of_the_batch_is_sent() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(5);
    store.append(&group).unwrap();
    let meta = store.form_batch(LIMITS, Timestamp::now()).unwrap().unwrap();
    drop(store);
    let conn = Connection::open(home.path().join("wal.db")).unwrap();
    conn.execute("UPDATE event SET body = zeroblob(length(body)) WHERE seq = 4", []).unwrap();
    drop(conn);

    let mut store = open(home.path());
    let batch = store.load_batch(&meta).unwrap().unwrap();
    assert_ne!(batch.meta.id, meta.id);
    let expected: Vec<EventId> =
        [0, 1, 2, 4].iter().map(|&index: &usize| group[index].event_id).collect();
    assert_eq!(batch.outgoing.event_ids, expected);
    let gap = store.list(Which::Pending, 5, 10).unwrap();
    let gap: Value = serde_json::from_str(&gap[0].json).unwrap();
    assert_eq!(gap["event_type"], "gap");
    assert_eq!(gap["reason"], "damaged");
    assert_eq!(
        (&gap["count"], &gap["from_seq"], &gap["to_seq"]),
        (&1.into(), &4.into(), &4.into())
    );
    assert!(store.ledger().adds_up());
}

#[test]
fn delivered_events_are_forgotten_when_their_time_has_passed() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    store.append(&events(350)).unwrap();
    drain(&mut store);
    assert_eq!(ids(&mut store, Which::Sent).len(), 350);
    while store.forget_delivered(Timestamp::now().minus(Duration::from_secs(60))).unwrap() {}
    assert_eq!(ids(&mut store, Which::Sent).len(), 350);
    while store.forget_delivered(Timestamp::now().plus(Duration::from_secs(60))).unwrap() {}
    assert_eq!(ids(&mut store, Which::Sent).len(), 0);
    assert_eq!(store.ledger().delivered, 350);
}

#[test]
fn a_group_whose_commit_was_in_doubt_is_stored_once() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(3);
    let places = store.append(&group).unwrap();
    assert_eq!(store.append_again(&group).unwrap(), places);
    assert_eq!(store.ledger().captured, 3);
    let other = events(2);
    assert_eq!(store.append_again(&other).unwrap().len(), 2);
    assert_eq!(store.ledger().captured, 5);
}

#[test]
fn the_checkpoint_changes_with_the_event_that_it_belongs_to() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let mut first = event(0);
    first.checkpoint = CheckpointUpdate::Set(b"window one".to_vec());
    store.append(&[first, event(1)]).unwrap();
    drop(store);
    let mut store = open(home.path());
    assert_eq!(store.checkpoint().unwrap().as_deref(), Some(b"window one".as_slice()));
    let mut last = event(2);
    last.checkpoint = CheckpointUpdate::Clear;
    store.append(&[last]).unwrap();
    assert_eq!(store.checkpoint().unwrap(), None);
}

#[test]
fn an_image_is_kept_until_the_server_has_it_whatever_its_size() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    for (number, size) in [(1_u8, 1_000), (2, 200_000)] {
        let bytes = Bytes::from(vec![number; size]);
        let image = NewImage::stage(
            store.vault(),
            &home.path().join("blobs"),
            &format!("{number:02x}").repeat(32),
            "image/webp",
            &bytes,
        )
        .unwrap();
        let mut event = event(u32::from(number));
        event.image = Some(image);
        store.append(&[event]).unwrap();
    }
    assert_eq!(store.ledger().images_pending, 2);
    let mut store = {
        drop(store);
        open(home.path())
    };
    for (number, size) in [(1_u8, 1_000), (2, 200_000)] {
        let image = store.next_image().unwrap().unwrap();
        assert_eq!(image.sha256, format!("{number:02x}").repeat(32));
        assert_eq!(image.bytes.unwrap(), vec![number; size]);
        store.image_sent(image.id, true, Timestamp::now()).unwrap();
    }
    assert_eq!(store.next_image().unwrap(), None);
    while store.forget_images(Timestamp::now().plus(Duration::from_secs(60))).unwrap() {}
    let file = home.path().join("blobs/02").join("02".repeat(32));
    assert!(!file.exists());
}

#[test]
fn a_log_of_a_killed_agent_is_read_without_being_touched() {
    let home = tempdir().unwrap();
    let copy = tempdir().unwrap();
    let mut store = open(home.path());
    let group = events(7);
    store.append(&group).unwrap();
    // What a kill leaves: the database and a log that was not checkpointed.
    for name in ["wal.db", "wal.db-wal"] {
        std::fs::copy(home.path().join(name), copy.path().join(name)).unwrap();
    }
    let contents = || -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(copy.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    let before = contents();
    let snapshot = Snapshot::open(&copy.path().join("wal.db")).unwrap().unwrap();
    assert_eq!(snapshot.ledger().pending, 7);
    let listed = snapshot.list(&vault(copy.path(), &snapshot), Which::Pending, 0, 100).unwrap();
    assert_eq!(listed.len(), 7);
    assert!(listed.iter().all(|listed| listed.json.contains("\"name\":\"n")), "{listed:?}");
    assert_eq!(snapshot.oldest_pending().unwrap(), Some(group[0].at));
    drop(snapshot);
    assert!(before == contents(), "reading changed the files");
}

#[test]
fn a_log_of_an_ended_agent_is_read_without_leaving_anything_behind() {
    let home = tempdir().unwrap();
    let folder = home.path().join("a folder? with #odd% names");
    std::fs::create_dir(&folder).unwrap();
    let mut store = open(&folder);
    store.append(&events(7)).unwrap();
    drop(store);
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let before = names();
    let snapshot = Snapshot::open(&folder.join("wal.db")).unwrap().unwrap();
    let listed = snapshot.list(&vault(&folder, &snapshot), Which::Pending, 0, 100).unwrap();
    assert_eq!(listed.len(), 7);
    drop(snapshot);
    assert_eq!(names(), before);
}

fn vault(home: &std::path::Path, snapshot: &Snapshot) -> std::sync::Arc<Vault> {
    let vault = options(home).vault;
    snapshot.show_keys(&vault).unwrap();
    vault.unlock().unwrap();
    vault
}

#[test]
fn where_there_is_no_log_a_snapshot_makes_none() {
    let home = tempdir().unwrap();
    assert!(Snapshot::open(&home.path().join("wal.db")).unwrap().is_none());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let home = tempdir().unwrap();
    drop(open(home.path()));
    let conn = Connection::open(home.path().join("wal.db")).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let error = Store::open(options(home.path())).unwrap_err();
    assert_eq!(error.to_string(), "the event log has schema 99, this version knows 1");
}

#[test]
fn two_agents_cannot_hold_one_log() {
    let home = tempdir().unwrap();
    let first = open(home.path());
    let error = Store::open(options(home.path())).unwrap_err();
    assert_eq!(error.to_string(), "another program holds the event log");
    drop(first);
}

#[test]
#[cfg(unix)]
fn nobody_else_can_read_the_log() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = tempdir().unwrap();
    drop(open(home.path()));
    let open_to_all = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(home.path().join("wal.db"), open_to_all).unwrap();
    let mut store = open(home.path());
    store.append(&events(1)).unwrap();
    for name in ["wal.db", "wal.db-wal", "wal.db-seq", "wal.db-keys"] {
        let mode = home.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
