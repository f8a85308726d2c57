//! The life of the key in a real keychain: absent, open, locked, late, restarted.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::{Device, Finished, TestServer, wait};
use crate::keyring::{Lock, Session};

/// What may take 5 s for the keychain, with time for everything else.
const PATIENCE: Duration = Duration::from_secs(9);

fn device(session: &Session) -> Device {
    Device::new()
        .with("DEVPULSE_SECRET_STORE", "auto")
        .with("DBUS_SESSION_BUS_ADDRESS", session.address())
}

#[track_caller]
fn enroll(device: &Device, server: &TestServer) -> Finished {
    let (url, secret) = (server.url(), server.secret());
    let arguments =
        ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
    let begun = Instant::now();
    let finished = device.run(&arguments).expect_exit(0);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    finished
}

fn credentials(device: &Device) -> Value {
    let text = std::fs::read(device.home().join("credentials.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[track_caller]
fn assert_delivers(device: &Device) {
    device.run(&["emit", "test"]).expect_exit(0);
    device.run(&["sync"]).expect_exit(0);
}

fn keychain_check(device: &Device) -> (String, String) {
    let report: Value = serde_json::from_str(&device.run(&["doctor", "--json"]).stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "keychain").unwrap();
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("detail"))
}

#[test]
fn without_a_keychain_the_key_is_kept_in_the_file() {
    let Some(session) = Session::start() else { return };
    let server = TestServer::start();
    let device = device(&session);
    enroll(&device, &server);
    assert_eq!(credentials(&device)["secret_store"], "file");
    assert_eq!(device.status()["secret_store"], "file");
    let (state, detail) = keychain_check(&device);
    assert_eq!(state, "warning");
    assert!(detail.contains("no keychain runs"), "{detail}");
    let _agent = device.start_agent();
    assert_delivers(&device);
    assert_eq!(device.status()["secret_store"], "file");
}

#[test]
fn an_open_keychain_gets_the_key_and_the_file_does_not_and_it_may_be_restarted() {
    let Some(mut session) = Session::start() else { return };
    session.start_keychain(Lock::Open);
    let server = TestServer::start();
    let device = device(&session);
    enroll(&device, &server);
    let kept = credentials(&device);
    assert_eq!((&kept["secret_store"], &kept["api_key"]), (&"keyring".into(), &Value::Null));
    assert_eq!(keychain_check(&device).0, "ok");
    let agent = device.start_agent();
    assert_eq!(device.status()["secret_store"], "keyring");
    assert_delivers(&device);
    session.start_keychain(Lock::Open);
    assert_delivers(&device);
    agent.signal("-TERM");
    let _agent = device.start_agent();
    assert_delivers(&device);
}

#[test]
fn a_locked_keychain_holds_up_neither_enrolling_nor_the_agent() {
    let Some(mut session) = Session::start() else { return };
    session.start_keychain(Lock::Open);
    let server = TestServer::start();
    let kept = device(&session);
    enroll(&kept, &server);

    session.start_keychain(Lock::Locked);
    let elsewhere = TestServer::start();
    let late = device(&session);
    enroll(&late, &elsewhere);
    assert_eq!(credentials(&late)["secret_store"], "file");
    let (state, detail) = keychain_check(&kept);
    assert_eq!(state, "failed");
    assert!(detail.contains("locked"), "{detail}");

    let begun = Instant::now();
    let agent = kept.start_agent();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(kept.status()["secret_store"], "keyring");
    kept.run(&["emit", "test"]).expect_exit(0);
    kept.run(&["sync", "--timeout", "1"]).expect_exit(7);
    assert!(server.events().is_empty());

    session.start_keychain(Lock::Open);
    kept.run(&["sync"]).expect_exit(0);
    assert!(!server.events().is_empty());
    agent.signal("-TERM");
}

#[test]
fn the_key_moves_to_a_keychain_that_starts_late_and_is_found_nowhere_else() {
    let Some(mut session) = Session::start() else { return };
    let server = TestServer::start();
    let device = device(&session).with("DEVPULSE_LOG", "trace");
    enroll(&device, &server);
    let key = credentials(&device)["api_key"].as_str().unwrap().to_owned();
    let agent = device.start_agent();
    assert_eq!(device.status()["secret_store"], "file");

    session.start_keychain(Lock::Open);
    wait("the key has moved", || (device.status()["secret_store"] == "keyring").then_some(()));
    let moved = credentials(&device);
    assert_eq!((&moved["secret_store"], &moved["api_key"]), (&"keyring".into(), &Value::Null));
    assert_delivers(&device);
    assert_eq!(processes_that_name(&key), Vec::<String>::new());
    agent.signal("-TERM");
    let agent = device.start_agent();
    assert_delivers(&device);
    agent.signal("-TERM");
    for directory in [device.directory(), session.files()] {
        assert_eq!(files_that_hold(directory, key.as_bytes()), Vec::<String>::new());
    }
}

#[test]
fn a_key_that_waits_in_the_file_moves_when_the_agent_starts() {
    let Some(mut session) = Session::start() else { return };
    let server = TestServer::start();
    let device = device(&session);
    enroll(&device, &server);
    session.start_keychain(Lock::Open);
    let _agent = device.start_agent();
    wait("the key has moved", || (device.status()["secret_store"] == "keyring").then_some(()));
    assert_delivers(&device);
}

#[test]
fn a_key_that_belongs_in_the_file_stays_there() {
    let Some(mut session) = Session::start() else { return };
    session.start_keychain(Lock::Open);
    let server = TestServer::start();
    let device = device(&session).with("DEVPULSE_SECRET_STORE", "file");
    enroll(&device, &server);
    let _agent = device.start_agent();
    assert_delivers(&device);
    assert_eq!(device.status()["secret_store"], "file");
    assert_eq!(keychain_check(&device).0, "ok");
}

/// The processes whose arguments everybody can read.
fn processes_that_name(secret: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let arguments = processes.filter_map(|process| {
        let arguments = std::fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&arguments).into_owned())
    });
    arguments.filter(|arguments| arguments.contains(secret)).collect()
}

/// The files below a directory that hold these bytes.
pub(crate) fn files_that_hold(directory: &Path, wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_that_hold(&path, wanted));
        } else if let Ok(content) = std::fs::read(&path)
            && content.windows(wanted.len()).any(|part| part == wanted)
        {
            found.push(path.display().to_string());
        }
    }
    found
}
