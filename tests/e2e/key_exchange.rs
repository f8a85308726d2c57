//! The server orders another key while events flow.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};

const EVENTS: usize = 10_000;

fn credentials(device: &Device) -> Value {
    let text = std::fs::read_to_string(device.home().join("credentials.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The files below a directory that hold a text.
fn holders(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path, text));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn exchanged_during_a_drain(scheme: &'static str) {
    let mut server = TestServer::start_over(scheme);
    server.set_config(json!({
        "heartbeat_interval_s": 86400, "config_poll_s": 86400,
        "batch": {"max_events": 10, "max_interval_ms": 100},
    }));
    let device = Device::enrolled(&server);
    let former = credentials(&device)["api_key"].as_str().unwrap().to_owned();
    let id = device.status()["device_id"].as_str().unwrap().to_owned();
    server.stop();
    let agent = device.start_agent();
    let ids = agent.emit(EVENTS);
    server.start_again();
    let sync = device.command(&["sync", "--timeout", "300"]).spawn().unwrap();
    wait("events arrive", || (server.event_count() >= 200).then_some(()));
    server.rotate_key(&id);
    wait("the key is exchanged", || {
        let ordered = server.devices()[0]["key_rotation_ordered"].as_bool().unwrap();
        (!ordered && credentials(&device)["api_key"] != former.as_str()).then_some(())
    });
    let meanwhile = server.event_count();
    assert!(meanwhile < EVENTS as u64, "the drain was over before the exchange");
    let synced = sync.wait_with_output().unwrap();
    assert!(synced.status.success(), "{synced:?}");

    let mut stored = HashSet::new();
    for event in server.events() {
        assert!(stored.insert(event["event_id"].as_str().unwrap().to_owned()), "twice: {event}");
    }
    assert!(ids.iter().all(|id| stored.contains(id)), "events are missing");
    let pipeline = &device.status()["pipeline"];
    for name in ["pending", "dropped", "dead_letter", "rejected"] {
        assert_eq!(pipeline[name], 0, "{name}");
    }
    assert_eq!(credentials(&device).get("next"), None);
    assert_eq!(holders(&device.home(), &former), Vec::<String>::new());
    assert_eq!(holders(&device.home(), "dpt_"), Vec::<String>::new(), "a token is on the disk");
    drop(agent);

    let agent = device.start_agent();
    agent.emit(3);
    device.run(&["sync"]).expect_exit(0);
    let repeated = &device.status()["pipeline"]["duplicates"];
    eprintln!("{scheme}: exchanged after {meanwhile} of {EVENTS} events, {repeated} sent twice");
}

#[test]
fn a_key_exchanged_during_a_drain_neither_loses_nor_repeats_an_event() {
    exchanged_during_a_drain("http");
}

#[test]
fn a_key_exchanged_during_a_drain_over_grpcs_neither_loses_nor_repeats_an_event() {
    exchanged_during_a_drain("grpcs");
}

#[test]
fn a_key_that_ended_blocks_delivery_says_so_and_capture_goes_on() {
    let server = TestServer::start();
    server.set_config(json!({"batch": {"max_interval_ms": 100}}));
    let device = Device::enrolled(&server);
    let id = device.status()["device_id"].as_str().unwrap().to_owned();
    server.expire_key(&id);
    server.expire_tokens();
    let agent = device.start_agent();
    agent.emit(3);
    let status = wait("delivery is blocked", || {
        let status = device.status();
        (status["pipeline"]["state"] == "auth_blocked").then_some(status)
    });
    let cause = status["pipeline"]["last_error"].as_str().unwrap();
    assert!(cause.contains("key_expired"), "{cause}");
    let before = status["pipeline"]["captured"].as_u64().unwrap();
    agent.emit(3);
    let pipeline = &device.status()["pipeline"];
    assert_eq!(pipeline["captured"].as_u64().unwrap(), before + 3);
    assert_eq!(pipeline["dropped"], 0);
    let doctor = device.run(&["doctor"]).stdout;
    assert!(doctor.contains("enroll --force"), "{doctor}");
}

#[test]
fn a_key_that_is_about_to_end_is_told_in_time() {
    let policy = devpulse_server::EnrollmentPolicy {
        key_lifetime: Some(std::time::Duration::from_secs(13 * 24 * 60 * 60)),
        ..Default::default()
    };
    let options = devpulse_server::ServerOptions { enrollment: policy, ..Default::default() };
    let server = TestServer::start_with(options);
    server.set_config(json!({"heartbeat_interval_s": 1, "batch": {"max_interval_ms": 100}}));
    let device = Device::enrolled(&server);
    let ends = device.status()["key_expires_at"].as_str().unwrap().to_owned();
    let text = device.run(&["status"]).expect_exit(0).stdout;
    assert!(text.contains("it ends in 12 d"), "{text}");
    let _agent = device.start_agent();
    server.wait_for("a heartbeat that tells it", |event| event["key_expires_at"] == *ends);
    let doctor = device.run(&["doctor"]).stdout;
    assert!(doctor.contains("and ends on"), "{doctor}");
}
