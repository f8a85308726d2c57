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
    assert!(cause.contains("4 events"), "{cause}");
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
