//! What the fuzzer found and what it starts from, as an ordinary test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use devpulse_control::fuzzing;

#[test]
fn frames_and_requests_are_understood_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/control_frames");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        fuzzing::frames(&bytes);
        fuzzing::message(&bytes);
        checked += 1;
    }
    assert!(checked > 0);
}
