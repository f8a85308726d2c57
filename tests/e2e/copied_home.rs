//! A home that was copied without its key: no file of it tells a title or a key, the agent
//! there says what is missing, and nothing of it is lost where the key is.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use zbus::blocking::Proxy;
use zbus::blocking::connection::Builder;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value as Variant};

use crate::agent::{Device, TestServer, wait};
use crate::desktop::{Desktop, look};
use crate::keychain::files_that_hold;
use crate::keyring::{Lock, Session};

const MARK: &str = "canary-title-63d0a5f4";
/// What an image begins with in the format of these tests.
const IMAGE: &[u8] = b"\x89PNG\r\n";

/// A device on which titles, images and custom events were captured and wait, with what was
/// delivered before; its agent was killed.
fn captured(device: Device, server: &mut TestServer, desktop: &mut Option<Desktop>) -> Device {
    server.set_config(json!({
        "heartbeat_interval_s": 1,
        "screenshot": {"interval_s": 1, "jitter": 0.0, "format": "png"},
    }));
    let mut device = device.with("DEVPULSE_LOG", "trace,zbus=info");
    if let Some(desktop) = desktop {
        device = device.with("DISPLAY", &desktop.display);
    }
    let (url, secret) = (server.url(), server.secret());
    let enroll = ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
    device.run(&enroll).expect_exit(0);
    let agent = device.start_agent();
    emit(&device);
    device.run(&["sync"]).expect_exit(0);
    server.stop();
    emit(&device);
    if let Some(desktop) = desktop {
        wait("focus is watched", || {
            (device.status()["capture"]["focus"]["state"] == "ok").then_some(())
        });
        for title in [MARK, "another", MARK] {
            desktop.open("Editor", title);
            look();
        }
        device.run(&["screenshot"]).expect_exit(0);
        wait("an image waits", || {
            device.status()["pipeline"]["blobs_pending"].as_u64().filter(|&waiting| waiting > 0)
        });
    }
    agent.kill();
    let waiting = device.listed("--pending");
    assert!(waiting.iter().any(|event| event["data"] == MARK), "{waiting:?}");
    let has_title = waiting.iter().any(|event| event["window_title"] == MARK);
    assert_eq!(has_title, desktop.is_some(), "{waiting:?}");
    device
}

fn emit(device: &Device) {
    device.run(&["emit", "marked", "--data", &format!("\"{MARK}\"")]).expect_exit(0);
}

/// Another device whose home has the same files, but those.
fn copy(device: &Device, without: &[&str]) -> Device {
    let other = Device::new();
    copy_files(&device.home(), &other.home(), without);
    other
}

fn copy_files(from: &Path, to: &Path, without: &[&str]) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
        if kind.is_dir() {
            copy_files(&entry.path(), &to.join(name), without);
        } else if kind.is_file() && !without.iter().any(|left_out| name == *left_out) {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

#[track_caller]
fn assert_tells_nothing(home: &Path, keys: &[String]) {
    assert!(!files_that_hold(home, b"SQLite format 3").is_empty(), "the event log was not copied");
    for mark in [MARK.as_bytes(), IMAGE] {
        let found = files_that_hold(home, mark);
        assert_eq!(found, Vec::<String>::new(), "{}", String::from_utf8_lossy(mark));
    }
    for key in keys {
        assert_eq!(files_that_hold(home, key.as_bytes()), Vec::<String>::new(), "a key");
        let digits = key.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let raw: Option<Vec<u8>> = digits.map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        if let Some(raw) = raw {
            assert_eq!(files_that_hold(home, &raw), Vec::<String>::new(), "a key's bytes");
        }
    }
}

/// The agent on the copy says what is missing, delivers nothing, and gives nothing up.
#[track_caller]
fn assert_says_what_is_missing(copy: &Device, server: &TestServer, missing: &str) {
    let before = copy.status()["pipeline"]["pending"].as_u64().unwrap();
    let stored = server.event_count();
    let shown = copy.run(&["events", "--pending", "--json"]).expect_exit(0).stdout;
    assert!(shown.contains(r#""unreadable":"locked""#) && !shown.contains(MARK), "{shown}");
    assert_doctor_names_it(copy, missing);

    let agent = copy.start_agent();
    emit(copy);
    let told = copy.run(&["sync", "--timeout", "2"]).expect_exit(7).stderr;
    assert!(told.contains(missing), "{told}");
    let pipeline = copy.status()["pipeline"].clone();
    assert_eq!(pipeline["state"], "auth_blocked", "{pipeline}");
    assert!(pipeline["last_error"].as_str().unwrap().contains(missing), "{pipeline}");
    assert_eq!((&pipeline["dropped"], &pipeline["dead_letter"]), (&json!(0), &json!(0)));
    assert!(pipeline["pending"].as_u64().unwrap() > before, "{pipeline}");
    let text = copy.run(&["status"]).expect_exit(0).stdout;
    assert!(text.contains(missing) && text.contains("hint: "), "{text}");
    assert_doctor_names_it(copy, missing);
    agent.signal("-TERM");
    assert_eq!(server.event_count(), stored, "something was delivered past what waits");

    let (cause, hint) = copy.run(&["unenroll", "--yes"]).expect_exit(7).cause_and_hint();
    assert!(cause.contains(missing) && hint.contains("--discard"), "{cause} {hint}");
    assert!(copy.status()["pipeline"]["pending"].as_u64().unwrap() > before);
}

#[track_caller]
fn assert_doctor_names_it(copy: &Device, missing: &str) {
    let report = copy.run(&["doctor", "--json"]).expect_exit(1).json();
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "log_key").unwrap();
    assert_eq!(check["state"], "failed", "{check}");
    assert!(check["detail"].as_str().unwrap().contains(missing), "{check}");
    assert!(check["remedy"].as_str().unwrap().contains("put the key back"), "{check}");
    let text = copy.run(&["doctor"]).expect_exit(1).stdout;
    assert!(text.contains("failed   log_key"), "{text}");
}

/// Everything that was captured arrives from where the key is, each event once.
#[track_caller]
fn assert_nothing_was_lost(device: &Device, server: &TestServer, with_titles: bool) {
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    agent.signal("-TERM");
    let events = server.events();
    let marked = events.iter().filter(|event| event["data"] == MARK).count();
    assert_eq!(marked, 2);
    let titles = events.iter().filter(|event| event["window_title"] == MARK).count();
    assert_eq!(titles > 0, with_titles);
    assert_eq!(server.images().is_empty(), !with_titles);
    assert!(events.iter().all(|event| event["event_type"] != "gap"));
    let pipeline = device.status()["pipeline"].clone();
    assert_eq!((&pipeline["pending"], &pipeline["dropped"]), (&json!(0), &json!(0)));
    assert_eq!(pipeline["sent"], events.len());
}

#[test]
fn a_home_that_was_copied_without_the_keychain_tells_no_title_and_no_key() {
    let Some(mut session) = Session::start() else { return };
    session.start_keychain(Lock::Open);
    let mut desktop = Desktop::start();
    let mut server = TestServer::start();
    let device = Device::new()
        .with("DEVPULSE_SECRET_STORE", "keyring")
        .with("DBUS_SESSION_BUS_ADDRESS", session.address());
    let device = captured(device, &mut server, &mut desktop);
    let keys = keys_in(&session);
    assert!(keys.len() >= 2, "the keychain has the device's key and that of the log");

    let without = copy(&device, &[]).with("DEVPULSE_SECRET_STORE", "keyring");
    assert_tells_nothing(&without.home(), &keys);
    server.start_again();
    assert_says_what_is_missing(&without, &server, "keychain");
    assert_tells_nothing(&without.home(), &[]);
    // A keychain that holds nothing for this home says so.
    let elsewhere = copy(&device, &[]).with("DBUS_SESSION_BUS_ADDRESS", session.address());
    assert_doctor_names_it(&elsewhere, "the keychain does not hold its key");
    assert_nothing_was_lost(&device, &server, desktop.is_some());
}

#[test]
fn a_home_that_was_copied_without_its_log_key_tells_no_title() {
    let mut desktop = Desktop::start();
    let mut server = TestServer::start();
    let device = captured(Device::new(), &mut server, &mut desktop);
    let text = fs::read_to_string(device.home().join("log-key")).unwrap();
    let keys: Vec<_> = text.lines().map(ToOwned::to_owned).collect();

    let without = copy(&device, &["log-key"]);
    assert_tells_nothing(&without.home(), &keys);
    server.start_again();
    let missing = format!("{}, is missing", without.home().join("log-key").display());
    assert_says_what_is_missing(&without, &server, &missing);
    assert_tells_nothing(&without.home(), &keys);
    assert_nothing_was_lost(&device, &server, desktop.is_some());
}

#[test]
fn what_waits_under_a_lost_key_is_neither_carried_along_nor_dropped_unasked() {
    let mut server = TestServer::start();
    let elsewhere = TestServer::start();
    let device = captured(Device::new(), &mut server, &mut None);
    server.start_again();
    let lost = copy(&device, &["log-key"]);
    let waiting = lost.listed("--pending").len();
    let secret = (server.secret(), elsewhere.secret());
    for (url, secret) in [(server.url(), &secret.0), (elsewhere.url(), &secret.1)] {
        let enroll = ["enroll", "--username", "ada", "--server", &url];
        let enroll = [&enroll[..], &["--enrollment-secret", secret, "--force"]].concat();
        let (cause, hint) = lost.run(&enroll).expect_exit(1).cause_and_hint();
        assert!(cause.starts_with(&format!("{waiting} event")), "{cause}");
        assert!(cause.contains("is sealed and cannot be read"), "{cause}");
        assert!(hint.contains("--force --discard"), "{hint}");
        assert_eq!(lost.status()["server_url"], server.url());
        assert_eq!(lost.listed("--pending").len(), waiting);
        assert_eq!(elsewhere.event_count(), 0);

        let again = copy(&lost, &[]);
        again.run(&[&enroll[..], &["--discard"]].concat()).expect_exit(0);
        assert_eq!(again.status()["pipeline"]["captured"], 0);
        let agent = again.start_agent();
        emit(&again);
        again.run(&["sync"]).expect_exit(0);
        agent.signal("-TERM");
    }
    // With the key back, the same command carries on with what waits.
    fs::copy(device.home().join("log-key"), lost.home().join("log-key")).unwrap();
    let (url, secret) = (server.url(), server.secret());
    let enroll = ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
    lost.run(&[&enroll[..], &["--force"]].concat()).expect_exit(0);
    assert_eq!(lost.listed("--pending").len(), waiting);
    assert_eq!(lost.listed("--pending")[0]["unreadable"], Value::Null);
}

/// Every secret of DevPulse that the session's keychain holds.
fn keys_in(session: &Session) -> Vec<String> {
    type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

    let bus = Builder::address(session.address()).unwrap().build().unwrap();
    let (name, path) = ("org.freedesktop.secrets", "/org/freedesktop/secrets");
    let service = Proxy::new(&bus, name, path, "org.freedesktop.Secret.Service").unwrap();
    let (_, plain): (OwnedValue, OwnedObjectPath) =
        service.call("OpenSession", &("plain", Variant::from(""))).unwrap();
    let wanted = HashMap::from([("service", "devpulse")]);
    let (items, _): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
        service.call("SearchItems", &(wanted,)).unwrap();
    let secrets: HashMap<OwnedObjectPath, Secret> =
        service.call("GetSecrets", &(items, plain)).unwrap();
    let mut found = Vec::new();
    for (_, _, json, _) in secrets.into_values() {
        strings(&serde_json::from_slice(&json).unwrap(), &mut found);
    }
    found
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}
