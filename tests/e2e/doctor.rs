//! `doctor` in each state of a device.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::agent::{Device, TestServer, wait};
use crate::desktop::Desktop;

const NAMES: [&str; 15] = [
    "agent",
    "settings",
    "credentials",
    "keychain",
    "log_key",
    "server",
    "tls",
    "proxy",
    "clock",
    "disk",
    "event_log",
    "focus",
    "idle",
    "session",
    "screen",
];

/// The checks of a report that has to end so.
struct Report(Vec<Value>);

#[track_caller]
fn doctor(device: &Device, exit: i32) -> Report {
    let report = device.run(&["doctor", "--json"]).expect_exit(exit).json();
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    let checks = report["checks"].as_array().unwrap().clone();
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, NAMES);
    for check in &checks {
        let mut fields: Vec<_> = check.as_object().unwrap().keys().collect();
        fields.sort_unstable();
        assert_eq!(fields, ["detail", "name", "remedy", "state"]);
        let state = check["state"].as_str().unwrap();
        assert!(["ok", "warning", "failed", "unknown"].contains(&state), "{check}");
        assert!(check["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{check}");
        assert!(check["remedy"].is_null() || check["remedy"].is_string(), "{check}");
        if matches!(state, "warning" | "failed") {
            assert!(check["remedy"].is_string(), "{check}");
        }
    }
    Report(checks)
}

impl Report {
    #[track_caller]
    fn expect(&self, name: &str, state: &str, parts: &[&str]) -> &Self {
        let check = self.0.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["state"], state, "{check}");
        for part in parts {
            assert!(check.to_string().contains(part), "{check} lacks {part}");
        }
        self
    }
}

/// Every file of a home with its content and the time of its last change.
fn contents(home: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let entries = std::fs::read_dir(home).unwrap().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .map(|entry| {
            let changed = entry.metadata().unwrap().modified().unwrap();
            let content = std::fs::read(entry.path()).unwrap();
            (entry.file_name().to_string_lossy().into_owned(), (content, changed))
        })
        .collect()
}

#[test]
fn before_enrollment_it_says_how_to_enroll_and_makes_no_home() {
    let device = Device::new();
    doctor(&device, 0)
        .expect("credentials", "warning", &["not enrolled", "devpulse-client enroll"])
        .expect("agent", "warning", &["devpulse-client run"])
        .expect("server", "unknown", &["no server"])
        .expect("event_log", "ok", &["0 captured"])
        .expect("settings", "ok", &[]);
    assert!(!device.home().exists(), "doctor made the home");
}

#[test]
fn of_a_stopped_agent_it_reads_the_files_and_changes_none() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    agent.emit(5);
    agent.kill();
    let before = contents(&device.home());
    doctor(&device, 1)
        .expect("agent", "warning", &["no agent is running", "devpulse-client run"])
        .expect("credentials", "ok", &["credentials.json"])
        .expect("keychain", "ok", &["not asked"])
        .expect("server", "failed", &[&server.url(), "could not be reached"])
        .expect("clock", "unknown", &[])
        .expect("event_log", "ok", &["6 captured", "6 waiting"]);
    assert!(contents(&device.home()) == before, "doctor changed the home");
}

#[test]
fn without_a_display_it_says_why_there_is_no_focus_and_how_to_get_it() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let stopped = doctor(&device, 0);
    let agent = device.start_agent();
    wait("the display was looked for", || {
        let detail = device.status()["capture"]["focus"]["detail"].to_string();
        detail.contains("DISPLAY").then_some(())
    });
    let running = doctor(&device, 0);
    running
        .expect("agent", "ok", &[&agent.pid().to_string()])
        .expect("server", "ok", &[&server.url()])
        .expect("tls", "ok", &["this machine"])
        .expect("proxy", "ok", &["without a proxy"])
        .expect("clock", "ok", &[])
        .expect("disk", "ok", &["MiB"]);
    for report in [&stopped, &running] {
        for signal in ["focus", "idle", "screen"] {
            report.expect(signal, "warning", &["DISPLAY is not set", "X11 session"]);
        }
    }
}

#[test]
fn on_a_desktop_it_names_the_backends_with_and_without_an_agent() {
    let Some(desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    doctor(&device, 0).expect("focus", "ok", &["x11"]).expect("idle", "ok", &["x11-sync"]).expect(
        "screen",
        "ok",
        &["x11-shm"],
    );
    let _agent = device.start_agent();
    wait("the screens are watched", || {
        let capture = device.status()["capture"].clone();
        let served = ["focus", "idle", "screen"].iter().all(|name| capture[name]["state"] == "ok");
        served.then_some(())
    });
    doctor(&device, 0)
        .expect("focus", "ok", &["x11 serves it", "last told something at"])
        .expect("idle", "ok", &["x11-sync serves it"])
        .expect("screen", "ok", &["x11-shm serves it"]);
}

#[test]
fn a_revoked_device_is_named_with_the_way_out() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    server.revoke_all();
    agent.emit(1);
    device.run(&["sync"]).expect_exit(5);
    wait("the state is revoked", || {
        (device.status()["pipeline"]["state"] == "revoked").then_some(())
    });
    let told = ["revoked this device", "enroll --force"];
    doctor(&device, 1).expect("credentials", "failed", &told);
    agent.kill();
    doctor(&device, 1).expect("credentials", "failed", &told);
}

#[test]
fn a_refused_value_of_the_server_is_named_and_its_neighbour_applies() {
    let server = TestServer::start();
    server.set_config_unchecked(serde_json::json!({
        "heartbeat_interval_s": 7,
        "batch": {"max_events": 0},
    }));
    let device = Device::enrolled(&server);
    std::fs::write(device.directory().join(".env"), "DEVPULSE_PROXY=http://evil.example:1\n")
        .unwrap();
    doctor(&device, 0).expect(
        "settings",
        "warning",
        &["batch.max_events is 0", "from 1 to 1000", ".env line 1", "DEVPULSE_PROXY"],
    );
    let shown = device.run(&["config", "show"]).expect_exit(0).stdout;
    assert!(shown.contains("heartbeat_interval_s = 7"), "{shown}");
}

#[test]
fn settings_that_cannot_be_used_are_a_check_that_fails() {
    let device = Device::new();
    std::fs::write(device.directory().join(".env"), "this is no assignment\n").unwrap();
    doctor(&device, 1).expect("settings", "failed", &[".env line 1"]).expect(
        "focus",
        "unknown",
        &["settings"],
    );
}

#[test]
fn credentials_that_others_can_read_are_named_with_the_command_that_mends_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let path = device.home().join("credentials.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    doctor(&device, 1).expect("credentials", "failed", &["read by other users", "chmod 600"]);
}

#[test]
fn for_people_it_is_a_line_for_each_check_with_its_hint_below() {
    let device = Device::new();
    let text = device.run(&["doctor"]).expect_exit(0).stdout;
    for name in NAMES {
        assert!(text.lines().any(|line| line.split_whitespace().nth(1) == Some(name)), "{text}");
    }
    assert!(text.contains("hint: enroll it with"), "{text}");
    let secret = "hunter2-in-a-proxy";
    let device = device
        .with("DEVPULSE_SERVER_URL", "https://devpulse.invalid")
        .with("DEVPULSE_PROXY", &format!("http://me:{secret}@127.0.0.1:9"));
    let finished = device.run(&["doctor"]).expect_exit(1);
    assert!(!finished.stdout.contains(secret) && !finished.stderr.contains(secret));
    assert!(finished.stdout.contains("127.0.0.1:9"), "{}", finished.stdout);
    assert!(finished.stderr.starts_with("error: not everything works: "), "{}", finished.stderr);
}
