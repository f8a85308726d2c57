//! What the log keeps for a time, under a wall clock that is set.

use std::time::Duration;

use devpulse_pipeline::wal::{Store, Which};
use devpulse_protocol::Timestamp;
use tempfile::tempdir;

use crate::support::{drain, events, open};

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn forget(store: &mut Store, now: Timestamp) -> usize {
    while store.forget_delivered(now.minus(24 * HOUR)).unwrap() {}
    store.list(Which::Sent, 0, 1000).unwrap().len()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

#[test]
fn history_is_kept_for_its_time_however_the_clock_is_set() {
    for forward in [true, false] {
        let home = tempdir().unwrap();
        let mut store = open(home.path());
        store.append(&events(10)).unwrap();
        drain(&mut store);
        let step = if forward { millis(10 * YEAR) } else { -millis(10 * YEAR) };
        store.clock_was_set(step).unwrap();
        let now = Timestamp::from_millis(Timestamp::now().as_millis() + step);
        assert_eq!(forget(&mut store, now), 10);
        assert_eq!(forget(&mut store, now.plus(23 * HOUR)), 10);
        assert_eq!(forget(&mut store, now.plus(25 * HOUR)), 0);
    }
}

#[test]
fn what_was_kept_under_a_clock_that_was_ahead_is_not_kept_until_then() {
    let home = tempdir().unwrap();
    let now = Timestamp::now();
    {
        let mut store = open(home.path());
        store.append(&events(10)).unwrap();
        drain(&mut store);
        store.clock_was_set(millis(10 * YEAR)).unwrap();
        store.set_revoked(Some(now.plus(10 * YEAR))).unwrap();
    }
    let mut store = open(home.path());
    store.forgive_the_future(now).unwrap();
    assert!(store.ledger().revoked_since.unwrap() <= now);
    assert_eq!(forget(&mut store, now), 10);
    assert_eq!(forget(&mut store, now.plus(25 * HOUR)), 0);
}

#[test]
fn the_age_of_what_waits_and_of_a_revocation_does_not_follow_the_clock() {
    let home = tempdir().unwrap();
    let mut store = open(home.path());
    let begun = Timestamp::now();
    store.append(&events(3)).unwrap();
    store.set_revoked(Some(begun)).unwrap();
    for step in [millis(10 * YEAR), -millis(20 * YEAR), millis(HOUR)] {
        store.clock_was_set(step).unwrap();
    }
    let set_by = millis(HOUR) - millis(10 * YEAR);
    let shown = Timestamp::from_millis(begun.as_millis() + set_by);
    let oldest = store.oldest_pending().unwrap().unwrap();
    assert!(oldest.since(shown).max(shown.since(oldest)) < Duration::from_secs(60), "{oldest}");
    assert_eq!(store.ledger().revoked_since, Some(shown));
    assert!(store.ledger().adds_up());
}
