//! What the fuzzer found and what it starts from, as ordinary tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use devpulse_protocol::fuzzing;

fn each(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn receipts_account_for_what_was_sent() {
    each("receipt", fuzzing::receipt);
}

#[test]
fn problems_keep_their_code() {
    each("problem", fuzzing::problem);
}

#[test]
fn configurations_allow_what_the_table_allows() {
    each("config", fuzzing::config);
}

#[test]
fn answers_to_an_enrollment_are_read_and_not_shown() {
    each("enrollment", fuzzing::enrollment);
}

#[test]
fn events_lose_no_field() {
    each("event", fuzzing::event);
}
