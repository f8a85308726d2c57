//! What the fuzzer found and what it starts from, as ordinary tests.

use std::path::Path;

use devpulse_pipeline::fuzzing;
use tempfile::tempdir;

fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn rows_are_taken_where_they_match_their_checksum() {
    each("wal_row", fuzzing::row);
}

#[test]
fn a_sealed_key_is_what_its_bytes_say_and_opens_as_a_whole() {
    each("sealed_key", fuzzing::sealed_key);
}

#[test]
fn a_sealed_body_opens_for_its_purpose_as_a_whole() {
    each("sealed_body", fuzzing::sealed_body);
}

#[test]
fn the_log_opens_whatever_lies_in_its_place() {
    let home = tempdir().unwrap();
    each("salvage", |bytes| fuzzing::open(&home.path().join("home"), bytes));
}
