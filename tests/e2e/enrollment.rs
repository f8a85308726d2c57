use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;

use crate::agent::{Device, Finished, TestServer};

#[test]
fn an_enrolled_device_keeps_its_credentials_to_itself() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let path = device.home().join("credentials.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(device.home().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let credentials: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for name in [
        "server_url",
        "device_id",
        "user_id",
        "username",
        "issued_at",
        "expires_at",
        "secret_store",
        "api_key",
    ] {
        assert!(credentials.get(name).is_some(), "{name} is missing");
    }
    assert_eq!(credentials["secret_store"], "file");
    assert_eq!(credentials["username"], "ada");
}

#[test]
fn the_secret_may_come_from_a_file_or_from_standard_input() {
    let server = TestServer::start();
    let device = Device::new();
    let file = device.directory().join("secret");
    std::fs::write(&file, format!("{}\n", server.secret())).unwrap();
    let url = server.url();
    let file = file.to_str().unwrap();
    device
        .run(&["enroll", "--username", "ada", "--server", &url, "--enrollment-secret-file", file])
        .expect_exit(0);

    let device = Device::new();
    let arguments = ["enroll", "--server", &url, "--enrollment-secret-file", "-"];
    let mut enroll = device.command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(enroll.stdin.take().unwrap(), "{}", server.secret()).unwrap();
    Finished::of(&arguments, enroll.wait_with_output().unwrap()).expect_exit(0);
    assert_eq!(device.status()["enrolled"], true);
}

#[test]
fn a_second_enrollment_needs_to_be_forced() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let secret = server.secret();
    let url = server.url();
    let mut arguments =
        vec!["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
    let (cause, hint) = device.run(&arguments).expect_exit(1).cause_and_hint();
    assert!(cause.contains("enrolled"), "{cause}");
    assert!(hint.contains("--force"), "{hint}");
    arguments.push("--force");
    device.run(&arguments).expect_exit(0);
}

#[test]
fn a_forced_enrollment_elsewhere_never_carries_the_backlog_along() {
    let mut first = TestServer::start();
    let second = TestServer::start();
    let device = Device::enrolled(&first);
    first.stop();
    let agent = device.start_agent();
    agent.emit(3);
    agent.kill();
    let secret = second.secret();
    let url = second.url();
    let arguments = [
        "enroll",
        "--username",
        "ada",
        "--server",
        &url,
        "--enrollment-secret",
        &secret,
        "--force",
    ];
    let (cause, _) = device.run(&arguments).expect_exit(1).cause_and_hint();
    let why = "the server could not be reached";
    assert_eq!(cause, format!("4 events wait that belong to ada at {}: {why}", first.url()));
    assert_eq!(device.status()["server_url"], Value::from(first.url()));
    assert_eq!(device.listed("--pending").len(), 4);
}

#[test]
fn the_environment_stands_in_for_the_credentials_file() {
    let server = TestServer::start();
    let enrolled = Device::enrolled(&server);
    let text = std::fs::read(enrolled.home().join("credentials.json")).unwrap();
    let credentials: Value = serde_json::from_slice(&text).unwrap();
    let device = Device::new()
        .with("DEVPULSE_SERVER_URL", &server.url())
        .with("DEVPULSE_CLIENT_ID", credentials["device_id"].as_str().unwrap())
        .with("DEVPULSE_API_KEY", credentials["api_key"].as_str().unwrap())
        .with("DEVPULSE_USERNAME", "ada");
    let agent = device.start_agent();
    agent.emit(1);
    device.run(&["sync"]).expect_exit(0);
    assert!(server.events().iter().any(|event| event["event_type"] == "custom"));
    assert!(!device.home().join("credentials.json").exists());
}

fn forced<'a>(url: &'a str, secret: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["enroll", "--username", "ada", "--server", url];
    arguments.extend(["--enrollment-secret", secret, "--force"]);
    arguments.extend(more);
    arguments
}

fn credentials(device: &Device) -> Value {
    let text = std::fs::read(device.home().join("credentials.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn is_revoked(key: &Value, server: &TestServer) -> bool {
    let other = Device::new()
        .with("DEVPULSE_SERVER_URL", &server.url())
        .with("DEVPULSE_CLIENT_ID", key["device_id"].as_str().unwrap())
        .with("DEVPULSE_API_KEY", key["api_key"].as_str().unwrap())
        .with("DEVPULSE_USERNAME", "ada");
    let _agent = other.start_agent();
    other.run(&["sync", "--timeout", "20"]).code == Some(5)
}

fn customs(server: &TestServer) -> usize {
    server.events().iter().filter(|event| event["event_type"] == "custom").count()
}

#[test]
fn a_backlog_is_sent_to_where_it_belongs_before_the_device_moves() {
    let mut first = TestServer::start();
    let second = TestServer::start();
    let device = Device::enrolled(&first);
    first.stop();
    let agent = device.start_agent();
    agent.emit(3);
    agent.kill();
    first.start_again();
    let epoch = device.listed("--pending")[0]["epoch"].clone();
    let key = credentials(&device);
    device.run(&forced(&second.url(), &second.secret(), &[])).expect_exit(0);
    assert_eq!(customs(&first), 3);
    assert!(is_revoked(&key, &first), "the former key is still valid");
    let status = device.status();
    assert_eq!(status["server_url"], Value::from(second.url()));
    assert_eq!(status["pipeline"]["captured"], 0, "the history of another identity is kept");
    assert!(device.listed("--sent").is_empty());

    let agent = device.start_agent();
    agent.emit(1);
    device.run(&["sync"]).expect_exit(0);
    assert_eq!((customs(&first), customs(&second)), (3, 1));
    assert!(second.events().iter().all(|event| event["epoch"] != epoch));
}

#[test]
fn a_backlog_is_discarded_by_an_explicit_word_before_the_device_moves() {
    let mut first = TestServer::start();
    let second = TestServer::start();
    let device = Device::enrolled(&first);
    first.stop();
    let agent = device.start_agent();
    agent.emit(3);
    agent.kill();
    device.run(&forced(&second.url(), "not-the-secret", &["--discard"])).expect_exit(5);
    assert_eq!(device.listed("--pending").len(), 4, "discarded before the new server agreed");
    device.run(&forced(&second.url(), &second.secret(), &["--discard"])).expect_exit(0);
    assert_eq!(device.status()["pipeline"]["captured"], 0);
    device.run(&["sync"]).expect_exit(0);
    assert!(second.events().is_empty());
}

#[test]
fn a_log_without_credentials_still_belongs_to_whom_it_was_captured_for() {
    let mut first = TestServer::start();
    let second = TestServer::start();
    let device = Device::enrolled(&first);
    first.stop();
    let agent = device.start_agent();
    agent.emit(3);
    agent.kill();
    std::fs::remove_file(device.home().join("credentials.json")).unwrap();
    let (url, secret) = (second.url(), second.secret());
    let arguments =
        ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
    let (cause, hint) = device.run(&arguments).expect_exit(1).cause_and_hint();
    assert_eq!(cause, format!("4 events wait that belong to ada at {}", first.url()));
    assert!(hint.contains("--discard"), "{hint}");
    device.run(&[&arguments[..], &["--discard"]].concat()).expect_exit(0);
    assert_eq!(device.status()["pipeline"]["captured"], 0);
}

#[test]
fn the_same_person_at_the_same_server_keeps_the_log() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    agent.emit(3);
    agent.kill();
    server.start_again();
    server.revoke_all();
    device.run(&forced(&server.url(), &server.secret(), &[])).expect_exit(0);
    assert_eq!(device.status()["pipeline"]["pending"], 4);
}

#[test]
fn an_enrollment_is_not_replaced_under_a_running_agent() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    let arguments = forced("http://127.0.0.1:9", "x", &[]);
    let (cause, hint) = device.run(&arguments).expect_exit(1).cause_and_hint();
    assert_eq!(
        cause,
        format!("an agent is running on the former enrollment (pid {})", agent.pid())
    );
    assert_eq!(hint, "end it, then enroll again");
}
