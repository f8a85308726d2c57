//! The archive for whoever helps: what it holds is listed, and holds nothing private.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};

const PERSON: &str = "zebedee";
const TITLE: &str = "Salaries-of-everybody.ods";
const PASSWORD: &str = "proxy-hunter2";

/// The files of an archive, unpacked.
fn unpacked(archive: &Path) -> Vec<(String, String)> {
    let folder = archive.with_extension("unpacked");
    fs::create_dir(&folder).unwrap();
    let tar = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&folder).status().unwrap();
    assert!(tar.success());
    let root = folder.join("devpulse-diagnostics");
    let mut files = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

fn api_key(device: &Device) -> String {
    let text = fs::read_to_string(device.home().join("credentials.json")).unwrap();
    let credentials: Value = serde_json::from_str(&text).unwrap();
    credentials["api_key"].as_str().unwrap().to_owned()
}

/// A device with private things wherever there can be any, and what must not be told of it.
fn planted(server: &TestServer) -> (Device, Vec<String>) {
    let proxy = format!("http://me:{PASSWORD}@127.0.0.1:9");
    let device = Device::new().with("DEVPULSE_PROXY", &proxy).with("USER", PERSON);
    let secret = server.secret();
    let url = server.url();
    let enroll = ["enroll", "--username", PERSON, "--server", &url, "--enrollment-secret", &secret];
    device.run(&enroll).expect_exit(0);
    let rule = format!("[[window.rules]]\ntitle = \"{TITLE}\"\naction = \"drop\"\n");
    fs::write(device.home().join("config.toml"), rule).unwrap();
    let key = api_key(&device);
    fs::create_dir_all(device.home().join("logs")).unwrap();
    let at = "2026-11-22T09:30:00.000000Z";
    let mut log = String::new();
    for line in [
        format!("{at}  INFO devpulse_agent::server: tried key {key}"),
        format!("{at}  WARN devpulse_agent::server: Authorization: Bearer dpt_0011223344556677"),
        format!("{at}  WARN devpulse_agent::enrollment: the secret {secret} of {PERSON} is spent"),
        format!("{at} DEBUG devpulse_agent::intake: a title {TITLE}"),
        format!("{at}  INFO hyper::client: GET /{TITLE}"),
        format!("{at}  WARN devpulse_pipeline: the server answered a batch with 400: {TITLE}"),
        format!("{at}  INFO devpulse_agent::home: {}", device.home().display()),
        format!("a line of another form with {TITLE}"),
    ] {
        writeln!(log, "{line}").unwrap();
    }
    fs::write(device.home().join("logs/devpulse.2026-11-22.log"), log).unwrap();
    let private = [PERSON, TITLE, PASSWORD, "dpt_", &secret, &key].map(ToOwned::to_owned);
    (device, private.to_vec())
}

fn bundle(device: &Device, name: &str) -> (PathBuf, Vec<(String, String)>) {
    let path = device.directory().join(name);
    let finished = device.run(&["doctor", "--bundle", path.to_str().unwrap()]).expect_exit(0);
    let files = unpacked(&path);
    for (name, _) in &files {
        assert!(finished.stderr.contains(name), "{name} is not listed: {}", finished.stderr);
    }
    assert_eq!(finished.stdout.trim_end(), path.to_str().unwrap());
    (path, files)
}

#[track_caller]
fn holds_nothing(files: &[(String, String)], private: &[String]) {
    for (name, text) in files {
        for word in private {
            assert!(!text.contains(word.as_str()), "{name} holds {word}: {text}");
        }
    }
}

fn file<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
    &files.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn an_archive_tells_what_helps_and_nothing_private_with_and_without_an_agent() {
    let server = TestServer::start();
    server.set_config(json!({"batch": {"max_interval_ms": 100}}));
    let (device, mut private) = planted(&server);
    private.push(device.directory().display().to_string());
    let (path, files) = bundle(&device, "stopped.tar.gz");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    holds_nothing(&files, &private);
    let log = file(&files, "logs/devpulse.2026-11-22.log");
    assert!(log.contains("tried key (secret)") && log.contains("of (user) is spent"), "{log}");
    assert!(log.contains("devpulse_agent::home: ~/home"), "{log}");
    assert!(log.contains("3 lines are left out"), "{log}");

    let agent = device.start_agent();
    let line = json!({"name": TITLE, "data": {"title": TITLE}});
    agent.emit_lines(&format!("{line}\n")).expect_exit(0);
    wait("it is sent", || server.events().iter().any(|event| event["name"] == TITLE).then_some(()));
    let (path, files) = bundle(&device, "running.tar.gz");
    holds_nothing(&files, &private);
    let json = |name: &str| serde_json::from_str::<Value>(file(&files, name)).unwrap();
    let status = json("status.json");
    assert_eq!(status["agent"]["running"], true);
    assert_eq!(status["username"], "(user)");
    assert!(status["device_id"].is_string());
    let settings = json("settings.json");
    let rules = settings["settings"].as_array().unwrap();
    let rules = rules.iter().find(|row| row["name"] == "window.rules").unwrap();
    assert_eq!(rules["value"], "(1 rules)");
    assert!(!json("doctor.json")["checks"].as_array().unwrap().is_empty());

    agent.signal("-TERM");
    let (_, files) = bundle(&device, "ended.tar.gz");
    holds_nothing(&files, &private);
    let log: Value = serde_json::from_str(file(&files, "event-log.json")).unwrap();
    assert!(log["file"]["schema_version"].as_u64() > Some(0), "{log}");

    let again = device.run(&["doctor", "--bundle", path.to_str().unwrap()]).expect_exit(1);
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);
}

#[test]
fn settings_that_cannot_be_used_are_what_the_archive_tells() {
    let device = Device::new().with("DEVPULSE_IDLE_THRESHOLD", "soon");
    let (_, files) = bundle(&device, "broken.tar.gz");
    assert!(file(&files, "doctor.json").contains("DEVPULSE_IDLE_THRESHOLD is"), "{files:?}");
}

#[test]
fn the_figures_are_given_in_the_format_of_prometheus() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let stopped = device.run(&["status", "--prometheus"]).expect_exit(0).stdout;
    assert!(stopped.contains("\ndevpulse_agent_running 0\n"), "{stopped}");
    let agent = device.start_agent();
    agent.emit(5);
    device.run(&["sync"]).expect_exit(0);
    let running = device.run(&["status", "--prometheus"]).expect_exit(0).stdout;
    assert!(running.contains("\ndevpulse_agent_running 1\n"), "{running}");
    assert!(running.contains("# TYPE devpulse_events_delivered_total counter\n"), "{running}");
    assert!(running.contains("\ndevpulse_events_pending 0\n"), "{running}");
}
