//! The generated code is what the `.proto` files say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;

/// With this variable set, the files are written anew.
const WRITE: &str = "DEVPULSE_WRITE_GENERATED";

#[test]
fn the_generated_code_is_fresh() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = here.join("../devpulse-protocol/proto");
    let files = ["devpulse/v1/devpulse.proto", "grpc/health/v1/health.proto"];
    let descriptors = protox::compile(files, [&protos]).unwrap();
    let made = std::env::temp_dir().join(format!("devpulse-generated-{}", std::process::id()));
    fs::create_dir_all(&made).unwrap();
    tonic_prost_build::configure()
        .out_dir(&made)
        .build_transport(false)
        .btree_map(".")
        .bytes(".devpulse.v1.PutScreenshotRequest.data")
        .skip_debug([
            ".devpulse.v1.EnrollRequest",
            ".devpulse.v1.EnrollResponse",
            ".devpulse.v1.IssueTokenRequest",
            ".devpulse.v1.IssueTokenResponse",
            ".devpulse.v1.IssueKeyResponse",
        ])
        .compile_fds(descriptors)
        .unwrap();
    let kept = here.join("src/generated");
    for name in ["devpulse.v1.rs", "grpc.health.v1.rs"] {
        let fresh = fs::read_to_string(made.join(name)).unwrap();
        if std::env::var_os(WRITE).is_some() {
            fs::write(kept.join(name), &fresh).unwrap();
        }
        let stored = fs::read_to_string(kept.join(name)).unwrap_or_default();
        assert!(stored == fresh, "{name} is stale: run this test with {WRITE}=1");
    }
    fs::remove_dir_all(made).unwrap();
}
