//! The wire as other programs rely on it: one JSON file for each message, written
//! by hand, with every field that the message has.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use devpulse_protocol::{
    BatchEnvelope, Config, EnrollRequest, EnrollResponse, Event, EventType, Key, KeyResponse,
    Problem, ProblemCode, Receipt, ServerConfig, TokenRequest, TokenResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

#[test]
fn every_golden_message_is_written_as_it_was_read() {
    for path in files() {
        let text = read(&path);
        match kind(&path) {
            "event" => check::<Event>(&path, &text),
            "batch" => check::<BatchEnvelope<Event>>(&path, &text),
            "receipt" => check::<Receipt>(&path, &text),
            "problem" => check::<Problem>(&path, &text),
            "enroll_request" => check::<EnrollRequest>(&path, &text),
            "enroll_response" => check::<EnrollResponse>(&path, &text),
            "token_request" => check::<TokenRequest>(&path, &text),
            "token_response" => check::<TokenResponse>(&path, &text),
            "key_response" => check::<KeyResponse>(&path, &text),
            "config" => {}
            other => panic!("{}: no message is called {other}", path.display()),
        }
    }
}

#[test]
fn every_event_type_has_a_golden_file_of_its_name() {
    let found: BTreeSet<EventType> = files()
        .iter()
        .filter(|path| kind(path) == "event")
        .map(|path| {
            let event: Event = serde_json::from_str(&read(path)).unwrap();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let kind = event.body.event_type();
            assert!(stem.starts_with(&format!("event_{kind}")), "{stem} holds a {kind} event");
            assert!(event.other.is_empty(), "{stem} has unknown fields: {:?}", event.other);
            kind
        })
        .collect();
    let all = BTreeSet::from([
        EventType::Activity,
        EventType::Heartbeat,
        EventType::Window,
        EventType::Screenshot,
        EventType::Custom,
        EventType::Gap,
    ]);
    assert_eq!(found, all);
}

#[test]
fn fields_from_a_later_version_survive_reading_and_writing() {
    let added = json!({"later": {"nested": [1, null, "x"]}, "weight": 2.5, "note": null});
    for path in files().iter().filter(|path| kind(path) == "event") {
        let mut object: Map<String, Value> = serde_json::from_str(&read(path)).unwrap();
        object.extend(added.as_object().unwrap().clone());
        let event: Event = serde_json::from_value(Value::Object(object.clone())).unwrap();
        assert_eq!(Value::Object(event.other.clone()), added, "{}", path.display());
        assert_eq!(serde_json::to_value(&event).unwrap(), Value::Object(object));
    }
}

#[test]
fn an_event_that_lacks_a_field_of_its_type_is_refused() {
    for (file, field) in [
        ("event_activity", "activity_type"),
        ("event_window", "duration"),
        ("event_screenshot", "screenshot_hash"),
        ("event_gap", "reason"),
        ("event_heartbeat", "pending"),
        ("event_custom", "data"),
        ("event_custom", "seq"),
        ("event_custom", "event_id"),
    ] {
        let mut object: Map<String, Value> = serde_json::from_str(&golden(file)).unwrap();
        object.remove(field).unwrap();
        let parsed = serde_json::from_value::<Event>(Value::Object(object));
        assert!(parsed.is_err(), "{file} was read without its {field}");
    }
}

#[test]
fn a_problem_code_that_nobody_knows_yet_is_kept() {
    let problem: Problem = serde_json::from_str(&golden("problem_unknown_code")).unwrap();
    assert_eq!(problem.code, Some(ProblemCode::Other("short_and_stout".into())));
}

#[test]
fn the_golden_configuration_sets_every_setting_to_something_else_than_its_default() {
    let text = golden("config");
    let server = ServerConfig::parse(text.as_bytes()).unwrap();
    assert_eq!(server.refused, []);
    assert_eq!(server.version, Some(7));
    let mut config = Config::default();
    for (key, value) in &server.settings {
        config.set(*key, value).unwrap();
    }
    let mut written = json!({"version": 7});
    for key in Key::ALL {
        assert_ne!(config.get(key), Config::default().get(key), "{key} is at its default");
        insert(&mut written, key.name(), config.get(key));
    }
    assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap());
}

fn check<T: DeserializeOwned + Serialize>(path: &Path, text: &str) {
    let message: T = serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("{} is not understood: {error}", path.display()));
    let expected: Value = serde_json::from_str(text).unwrap();
    let written = serde_json::to_string(&message).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written, expected, "{} is not written as it was read", path.display());
}

fn insert(object: &mut Value, dotted: &str, value: Value) {
    let pointer = format!("/{}", dotted.replace('.', "/"));
    match dotted.split_once('.') {
        Some((section, name)) => object[section][name] = value,
        None => object[dotted] = value,
    }
    assert!(object.pointer(&pointer).is_some());
}

/// The message that a file holds: its name up to `_nulls` and the like.
fn kind(path: &Path) -> &'static str {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let kinds = [
        "event",
        "batch",
        "receipt",
        "problem",
        "enroll_request",
        "enroll_response",
        "token_request",
        "token_response",
        "key_response",
        "config",
    ];
    kinds
        .into_iter()
        .find(|kind| stem == *kind || stem.starts_with(&format!("{kind}_")))
        .unwrap_or("nothing")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "only {} golden files", files.len());
    files
}

fn golden(name: &str) -> String {
    read(&folder().join(name).with_extension("json"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}
