//! Each mistake of a person gets one sentence of cause, a hint, an exit code, and
//! nothing is lost.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::agent::{Device, Finished, TestServer};

fn enroll<'a>(url: &'a str, secret: &'a str) -> [&'a str; 7] {
    ["enroll", "--username", "ada", "--server", url, "--enrollment-secret", secret]
}

#[test]
fn a_wrong_secret_is_refused_by_the_server_and_not_repeated() {
    let server = TestServer::start();
    let device = Device::new();
    let finished = device.run(&enroll(&server.url(), "not-the-secret")).expect_exit(5);
    let (cause, _) = finished.cause_and_hint();
    assert!(cause.contains("secret"), "{cause}");
    assert!(!finished.stderr.contains("not-the-secret"));
    assert_eq!(device.status()["enrolled"], false);
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let device = Device::new();
    let finished = device.run(&enroll("http://127.0.0.1:9", "x")).expect_exit(4);
    let (cause, hint) = finished.cause_and_hint();
    assert!(cause.contains("127.0.0.1:9"), "{cause}");
    assert!(!hint.is_empty());
}

#[test]
fn plain_http_to_another_machine_is_refused_before_anything_is_sent() {
    let device = Device::new();
    let finished = device.run(&enroll("http://devpulse.example.com", "x"));
    assert!(matches!(finished.code, Some(1 | 2)), "{finished:?}");
    let (_, hint) = finished.cause_and_hint();
    assert!(hint.contains("https"), "{hint}");
}

#[test]
fn credentials_that_others_can_read_are_refused_with_the_command_that_mends_it() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let path = device.home().join("credentials.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    for command in [&["run"][..], &["sync"][..]] {
        let (cause, hint) = device.run(command).expect_exit(1).cause_and_hint();
        assert!(cause.contains("credentials.json"), "{cause}");
        assert!(hint.contains("chmod 600"), "{hint}");
    }
}

#[test]
fn a_broken_env_file_is_named_with_its_line() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    std::fs::write(device.directory().join(".env"), "DEVPULSE_LOG=info\nthis is no assignment\n")
        .unwrap();
    for command in [&["run"][..], &["config", "show"][..]] {
        let (cause, _) = device.run(command).expect_exit(1).cause_and_hint();
        assert!(cause.contains(".env") && cause.contains('2'), "{cause}");
    }
}

#[test]
fn an_invalid_setting_is_named_with_its_value_and_what_is_allowed() {
    let device = Device::new().with("DEVPULSE_HEARTBEAT_INTERVAL", "often");
    let finished = device.run(&["config", "show"]).expect_exit(1);
    for part in ["DEVPULSE_HEARTBEAT_INTERVAL", "often", "86400"] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
}

#[test]
fn another_server_in_a_flag_is_refused_with_a_hint_to_enroll_there() {
    let server = TestServer::start();
    let other = TestServer::start();
    let device = Device::enrolled(&server);
    let (_, hint) = device.run(&["run", "--server", &other.url()]).expect_exit(1).cause_and_hint();
    assert!(hint.contains("enroll"), "{hint}");
    let device = device.with("DEVPULSE_SERVER_URL", &other.url());
    let (_, hint) = device.run(&["sync"]).expect_exit(1).cause_and_hint();
    assert!(hint.contains("enroll"), "{hint}");
}

#[test]
fn a_home_that_cannot_be_written_is_named() {
    let server = TestServer::start();
    let device = Device::new();
    std::fs::create_dir(device.home()).unwrap();
    let (url, secret) = (server.url(), server.secret());
    let arguments = enroll(&url, &secret);
    let as_root = device.command(&arguments);
    // Another user may not be able to reach the folder that the programs were built in.
    let program = device.directory().join("devpulse-client");
    std::fs::copy(as_root.get_program(), &program).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir(device.directory());
    for (name, value) in as_root.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    for path in [device.directory(), &device.home()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o555)).unwrap();
    }
    if rustix::process::getuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let finished = Finished::of(&arguments, command.output().unwrap());
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let (cause, _) = finished.cause_and_hint();
    assert!(cause.contains("home"), "{cause}");
}

#[test]
fn a_second_agent_refuses_and_names_the_first() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    let (cause, _) = device.run(&["run"]).expect_exit(1).cause_and_hint();
    assert!(cause.contains(&agent.pid().to_string()), "{cause}");
    assert_eq!(device.status()["agent"]["running"], true);
}

#[test]
fn what_needs_an_enrolled_device_says_so() {
    let device = Device::new();
    for command in [&["run"][..], &["sync"][..]] {
        let (cause, hint) = device.run(command).expect_exit(3).cause_and_hint();
        assert!(cause.contains("not enrolled"), "{cause}");
        assert!(hint.contains("enroll"), "{hint}");
    }
    assert!(!device.home().exists());
}

#[test]
fn emitting_needs_an_agent() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let (cause, hint) = device.run(&["emit", "deploy"]).expect_exit(6).cause_and_hint();
    assert!(cause.contains("no agent is running"), "{cause}");
    assert!(hint.contains("run"), "{hint}");
}

#[test]
fn an_argument_that_does_not_exist_is_a_usage_error() {
    let device = Device::new();
    device.run(&["sync", "--speed", "9"]).expect_exit(2);
    device.run(&["levitate"]).expect_exit(2);
    device.run(&[]).expect_exit(2);
}

#[test]
fn without_a_display_the_agent_runs_and_says_what_is_missing() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    for signal in ["focus", "idle", "screen"] {
        let status = device.status();
        assert_eq!(status["capture"][signal]["state"], "unavailable", "{signal}");
        assert!(status["capture"][signal]["detail"].is_string(), "{signal}");
    }
}
