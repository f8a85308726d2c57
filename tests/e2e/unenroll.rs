//! The end of an enrollment: what waits, the key, and that nothing that was captured is
//! left.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::{Agent, Device, Finished, TestServer, wait};

const CANARY: &str = "canary-5f70bf18a086";

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holds(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn emit_canary(device: &Device) {
    device.run(&["emit", "secret", "--data", &format!("\"{CANARY}\"")]).expect_exit(0);
}

#[track_caller]
fn assert_wiped(device: &Device) {
    let status = device.status();
    assert_eq!(status["enrolled"], false);
    assert_eq!(status["pipeline"]["captured"], 0);
    assert!(device.run(&["status"]).expect_exit(0).stdout.contains("not enrolled"));
    let left = files(&device.home());
    for path in &left {
        assert!(!holds(path, CANARY), "{} still holds it", path.display());
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(!name.starts_with("wal.db"), "{name} is left");
    }
    for name in
        ["credentials.json", "log-key", "log-key.pub", "server-config.json", "agent.sock", "blobs"]
    {
        assert!(!device.home().join(name).exists(), "{name} is left");
    }
}

fn devices_are_revoked(device_key: &Value, server: &TestServer) -> bool {
    let other = Device::new()
        .with("DEVPULSE_SERVER_URL", &server.url())
        .with("DEVPULSE_CLIENT_ID", device_key["device_id"].as_str().unwrap())
        .with("DEVPULSE_API_KEY", device_key["api_key"].as_str().unwrap())
        .with("DEVPULSE_USERNAME", "ada");
    let _agent = other.start_agent();
    other.run(&["sync", "--timeout", "20"]).code == Some(5)
}

fn credentials(device: &Device) -> Value {
    let text = std::fs::read(device.home().join("credentials.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn what_waits_is_sent_the_key_is_ended_and_nothing_is_left() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    std::fs::write(device.home().join("config.toml"), "log = \"info\"\n").unwrap();
    let key = credentials(&device);
    let agent = device.start_agent();
    emit_canary(&device);
    let before: Vec<PathBuf> = files(&device.home());
    let lists = ["--pending", "--sent"].map(|which| device.run(&["events", which]).expect_exit(0));
    assert!(lists.iter().any(|list| list.stdout.contains(CANARY)), "the canary was never there");
    assert!(before.iter().any(|path| path.ends_with("log-key")), "{before:?}");
    let in_clear = before.iter().find(|path| holds(path, CANARY));
    assert_eq!(in_clear, None, "what was captured can be read in a file");

    let finished = device.run(&["unenroll", "--yes"]).expect_exit(0);
    assert_eq!(finished.stdout, "this device is not enrolled any more\n");
    assert_eq!(finished.stderr, "");
    assert_wiped(&device);
    assert!(device.home().join("config.toml").exists(), "what the person wrote is gone");
    assert!(ended(agent), "the agent was not ended");

    let events = server.events();
    let activities: Vec<_> =
        events.iter().filter_map(|event| event["activity_type"].as_str()).collect();
    assert_eq!(activities, ["started", "normal_shutdown"]);
    assert!(events.iter().any(|event| event["data"] == CANARY));
    assert!(devices_are_revoked(&key, &server), "the key is still good");

    let (cause, hint) = device.run(&["run"]).expect_exit(3).cause_and_hint();
    assert!(cause.contains("not enrolled") && hint.contains("enroll"), "{cause} {hint}");
    let again = device.run(&["unenroll", "--yes"]).expect_exit(3);
    assert_eq!(again.stderr, "error: this device is not enrolled\n");
}

/// Whether the process has ended by itself, without a fault.
fn ended(agent: Agent<'_>) -> bool {
    agent.wait().code() == Some(0)
}

#[test]
fn what_cannot_be_sent_keeps_everything_as_it_is() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    emit_canary(&device);
    let finished = device.run(&["unenroll", "--yes"]).expect_exit(4);
    let (cause, hint) = finished.cause_and_hint();
    assert!(cause.starts_with("4 events cannot be delivered: "), "{cause}");
    assert!(hint.contains("devpulse-client sync") && hint.contains("--discard"), "{hint}");
    assert!(ended(agent));
    let status = device.status();
    assert_eq!((&status["enrolled"], &status["pipeline"]["pending"]), (&true.into(), &4.into()));

    server.start_again();
    device.run(&["unenroll", "--yes"]).expect_exit(0);
    assert_wiped(&device);
    assert!(server.events().iter().any(|event| event["data"] == CANARY));
}

#[test]
fn what_waits_is_discarded_by_an_explicit_word_whatever_the_server_does() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    emit_canary(&device);
    agent.kill();
    let finished = device.run(&["unenroll", "--yes", "--discard"]).expect_exit(0);
    assert_eq!(finished.stdout, "this device is not enrolled any more; 2 events discarded\n");
    let note = "note: the server may still accept the device's key: ";
    assert!(finished.stderr.starts_with(note), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1);
    assert_wiped(&device);
}

#[test]
fn a_revoked_device_is_unenrolled_only_with_what_it_kept_discarded() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    server.revoke_all();
    emit_canary(&device);
    agent.kill();
    let (cause, _) = device.run(&["unenroll", "--yes"]).expect_exit(5).cause_and_hint();
    assert!(cause.starts_with("1 event cannot be delivered: "), "{cause}");
    let finished = device.run(&["unenroll", "--yes", "--discard"]).expect_exit(0);
    assert_eq!(finished.stderr, "", "a key that is ended already is not worth a word");
    assert_wiped(&device);
}

#[test]
fn without_a_terminal_it_has_to_be_confirmed_by_a_flag() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    let (cause, hint) = device.run(&["unenroll"]).expect_exit(2).cause_and_hint();
    assert!(cause.contains("confirmed"), "{cause}");
    assert_eq!(hint, "confirm it with: devpulse-client unenroll --yes");
    assert_eq!(device.status()["agent"]["pid"], agent.pid());
}

#[test]
fn at_a_terminal_it_is_asked_for_and_no_is_the_answer_unless_it_is_yes() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let at_terminal = |answer: &str| {
        let command = format!("{} unenroll", env!("CARGO_BIN_EXE_devpulse-client"));
        let mut script = device.command(&[]);
        let arguments = ["-qec", &command, "/dev/null"];
        let mut wrapped = std::process::Command::new("script");
        wrapped.args(arguments).current_dir(device.directory()).env_clear();
        wrapped.envs(script.get_envs().filter_map(|(name, value)| Some((name, value?))));
        wrapped.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        script = wrapped;
        let mut child = script.spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), answer.as_bytes()).unwrap();
        Finished::of(&arguments, child.wait_with_output().unwrap())
    };
    if std::process::Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no program `script` that gives a terminal");
        return;
    }
    let no = at_terminal("\n").expect_exit(1);
    assert!(no.stdout.contains("for ada at http://127.0.0.1:"), "{no:?}");
    assert!(no.stdout.contains("error: it was not confirmed, so nothing is changed"), "{no:?}");
    assert_eq!(device.status()["enrolled"], true);
    let yes = at_terminal("y\n").expect_exit(0);
    assert!(yes.stdout.contains("this device is not enrolled any more"), "{yes:?}");
    assert_wiped(&device);
}

#[test]
fn a_device_that_is_not_enrolled_is_told_so() {
    let device = Device::new();
    let finished = device.run(&["unenroll", "--yes"]).expect_exit(3);
    assert_eq!(finished.stderr, "error: this device is not enrolled\n");
    assert!(!device.home().exists());
}

#[test]
fn what_a_cut_off_unenrollment_left_is_wiped_by_the_next() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    emit_canary(&device);
    agent.signal("-TERM");
    wait("the last words arrived", || (device.status()["pipeline"]["pending"] == 0).then_some(()));
    std::fs::remove_file(device.home().join("credentials.json")).unwrap();
    device.run(&["unenroll", "--yes"]).expect_exit(0);
    assert_wiped(&device);
}
