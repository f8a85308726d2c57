use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};

const PIPELINE: [&str; 19] = [
    "state",
    "captured",
    "queued",
    "pending",
    "in_flight",
    "oldest_pending_s",
    "sent",
    "duplicates",
    "rejected",
    "dead_letter",
    "dropped",
    "dropped_by_reason",
    "blobs_pending",
    "wal_bytes",
    "last_success",
    "last_error",
    "next_attempt",
    "progress",
    "missing_key",
];

#[track_caller]
fn complete(status: &Value) {
    let object = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut expected = PIPELINE.to_vec();
    expected.sort_unstable();
    let mut found = object(&status["pipeline"]);
    found.sort_unstable();
    assert_eq!(found, expected);
    for signal in ["focus", "idle", "session", "screen"] {
        let mut found = object(&status["capture"][signal]);
        found.sort_unstable();
        assert_eq!(found, ["backend", "detail", "last_seen", "state"]);
    }
    assert!(status["version"].is_string());
    assert!(status["agent"]["running"].is_boolean());
}

#[test]
fn status_tells_the_truth_before_enrollment() {
    let device = Device::new();
    let status = device.status();
    complete(&status);
    assert_eq!(status["enrolled"], false);
    assert_eq!(status["agent"], json!({"running": false, "pid": null, "uptime_s": null}));
    assert_eq!(status["pipeline"]["captured"], 0);
    assert!(!device.home().exists(), "status made the home");
    device.run(&["status"]).expect_exit(0);
    assert!(device.run(&["events"]).expect_exit(0).stdout.lines().count() <= 1);
}

#[test]
fn status_tells_the_truth_of_a_stopped_agent() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    agent.emit(20);
    agent.kill();
    let status = device.status();
    complete(&status);
    assert_eq!(status["enrolled"], true);
    assert_eq!(status["username"], "ada");
    assert_eq!(status["server_url"], Value::from(server.url()));
    assert_eq!(status["agent"]["running"], false);
    assert_eq!(status["pipeline"]["pending"], 21);
    assert!(status["pipeline"]["oldest_pending_s"].as_f64().unwrap() >= 0.0);
    let progress = status["pipeline"]["progress"].as_object().unwrap();
    assert!(progress.len() == 5 && progress.values().all(Value::is_null), "{progress:?}");
}

#[test]
fn status_tells_when_each_stage_moved_and_how_soon_it_moves_again() {
    let mut server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 1, "batch": {"max_interval_ms": 100}}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    let stages = ["captured_at", "stored_at", "sent_at", "acknowledged_at"];
    let look = || device.status()["pipeline"]["progress"].clone();
    let before = wait("every stage moves", || {
        let progress = look();
        stages.iter().all(|stage| progress[stage].is_string()).then_some(progress)
    });
    assert_eq!(before["deadline_s"], 36.1);
    let after =
        |before: &Value, now: &Value, stage: &str| now[stage].as_str() > before[stage].as_str();
    wait("every stage moves again", || {
        let progress = look();
        stages.iter().all(|stage| after(&before, &progress, stage)).then_some(())
    });
    server.stop();
    let cut = look();
    wait("capture goes on without a server", || {
        let progress = look();
        let stored = after(&cut, &progress, "captured_at") && after(&cut, &progress, "stored_at");
        stored.then(|| assert_eq!(progress["acknowledged_at"], cut["acknowledged_at"]))
    });
}

#[test]
fn status_tells_the_truth_of_a_running_agent() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    agent.emit(3);
    device.run(&["sync"]).expect_exit(0);
    let status = device.status();
    complete(&status);
    assert_eq!(status["agent"]["pid"], agent.pid());
    assert_eq!(status["pipeline"]["sent"], 4);
    assert_eq!(status["pipeline"]["pending"], 0);
    assert_eq!(status["pipeline"]["state"], "idle");
    assert!(status["pipeline"]["last_success"].is_string());
    let text = device.run(&["status"]).expect_exit(0).stdout;
    assert!(text.contains("ada") && text.contains(&agent.pid().to_string()), "{text}");
}

#[test]
fn status_names_a_server_that_is_down() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    server.stop();
    agent.emit(1);
    let late = device.run(&["sync", "--timeout", "1"]).expect_exit(7);
    assert!(late.stderr.contains("could not be reached"), "{}", late.stderr);
    let status = device.status();
    assert_eq!(status["pipeline"]["state"], "offline");
    assert_eq!(status["pipeline"]["pending"], 1);
    assert!(status["pipeline"]["last_error"].is_string());
    assert!(status["pipeline"]["next_attempt"].is_string());
}

#[test]
fn a_revoked_device_keeps_what_it_has_and_says_so() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    server.revoke_all();
    agent.emit(2);
    let refused = device.run(&["sync"]).expect_exit(5);
    assert!(refused.stderr.contains("revoked"), "{}", refused.stderr);
    wait("the state is revoked", || {
        (device.status()["pipeline"]["state"] == "revoked").then_some(())
    });
    agent.kill();
    let status = device.status();
    assert_eq!(status["pipeline"]["state"], "revoked");
    assert_eq!(status["pipeline"]["pending"], 2);
    assert_eq!(status["enrolled"], true);
}
