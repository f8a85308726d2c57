//! A wall clock that is set, by years and in both directions, under the real agent.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use devpulse_lab::{
    Agent, Audit, Device, Fault, FaultProxy, Ledger, Oracle, Reply, TestServer, wait,
};
use serde_json::{Value, json};

/// Where Debian puts the library that shows a process another wall clock.
fn faketime() -> PathBuf {
    let arch = std::env::consts::ARCH;
    PathBuf::from(format!("/usr/lib/{arch}-linux-gnu/faketime/libfaketime.so.1"))
}

/// Where it is set, a machine without that library is a failure and no reason to skip.
const REQUIRED: &str = "DEVPULSE_REQUIRE_DESKTOP";

/// A wall clock that the test sets; the monotonic clocks go on as they are.
struct WallClock(PathBuf);

impl WallClock {
    fn of(device: &Device) -> Option<Self> {
        if !faketime().exists() {
            assert!(std::env::var_os(REQUIRED).is_none(), "libfaketime is not installed");
            eprintln!("skipped: libfaketime is not installed");
            return None;
        }
        let clock = Self(device.directory().join("clock"));
        clock.set("+0");
        Some(clock)
    }

    /// As an offset (`+10y`, `-2h`) or as a date (`@1970-01-02 00:00:00`).
    fn set(&self, time: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, time).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    /// What shows this clock to a program that it starts.
    fn showing(&self) -> [String; 6] {
        [
            "env".to_owned(),
            format!("LD_PRELOAD={}", faketime().display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.0.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "DONT_FAKE_MONOTONIC=1".to_owned(),
            "TZ=Europe/Berlin".to_owned(),
        ]
    }

    fn start_agent<'a>(&self, device: &'a Device) -> Agent<'a> {
        device.start_agent_under(&self.showing().each_ref().map(String::as_str))
    }

    fn run(&self, device: &Device, arguments: &[&str]) -> Output {
        let showing = self.showing();
        let showing = showing.each_ref().map(String::as_str);
        device.command_under(&showing, arguments).output().unwrap()
    }
}

fn year(event: &Value) -> i32 {
    event["timestamp"].as_str().unwrap()[..4].parse().unwrap()
}

/// Offsets and dates that no decision may follow.
const ABSURD: [(&str, i32, i32); 5] = [
    ("+10y", 2035, 2200),
    ("-10y", 2010, 2020),
    ("@1970-01-02 00:00:00", 1970, 1970),
    ("@2100-06-01 12:00:00", 2100, 2100),
    ("@2026-10-25 02:59:58", 2026, 2026),
];

#[test]
fn order_retries_and_the_ledger_do_not_care_how_the_clock_is_set() {
    let server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 1, "config_poll_s": 1, "batch": {"max_interval_ms": 200},
    }));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "odd-clock");
    let Some(clock) = WallClock::of(&device) else { return };
    let mut oracle = Oracle::default();
    let agent = clock.start_agent(&device);
    oracle.promise(agent.emit(20));
    for (time, first, last) in ABSURD {
        proxy.set(|_| Fault::answer(Reply::status(503)));
        oracle.promise(agent.emit(20));
        wait("a failed attempt", || {
            (device.status()["pipeline"]["state"] == "backing_off").then_some(())
        });
        clock.set(time);
        proxy.clear();
        let back = Instant::now();
        let ids = agent.emit(20);
        // Backoff is measured by a clock that nobody sets: at most some seconds so early.
        wait("delivery goes on", || (Ledger::read(&device.status()).pending == 0).then_some(()));
        assert!(back.elapsed() < Duration::from_secs(30), "{time}: {:?}", back.elapsed());
        let seen = server.wait_for("an event under the new clock", |event| {
            event["event_id"].as_str() == ids.last().map(String::as_str)
        });
        assert!((first..=last).contains(&year(&seen)), "{time}: {seen}");
        oracle.promise(ids);
        clock.set("+0");
    }
    agent.kill();
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    assert_eq!(account.faults, Vec::<String>::new());
    assert_eq!(account.ledger.dropped, 0);
    let places: Vec<i64> =
        server.events().iter().map(|event| event["seq"].as_i64().unwrap()).collect();
    assert!(places.is_sorted(), "the order followed the clock");
    for event in server.events() {
        let age = event["oldest_pending_s"].as_f64().unwrap_or(0.0);
        assert!((0.0..120.0).contains(&age), "an event waited for {age} s");
    }
}

#[test]
fn the_difference_to_the_clock_of_the_server_is_told() {
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 1, "batch": {"max_interval_ms": 200}}));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "ahead");
    let Some(clock) = WallClock::of(&device) else { return };
    clock.set("+2h");
    let _agent = clock.start_agent(&device);
    let told = server.wait_for("a heartbeat that knows the difference", |event| {
        event["clock_skew_s"].as_f64().is_some()
    });
    let skew = told["clock_skew_s"].as_f64().unwrap();
    assert!((7195.0..7205.0).contains(&skew), "{told}");
    let doctor = clock.run(&device, &["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "clock").unwrap();
    assert_eq!(check["state"], "warning", "{check}");
    assert!(check["detail"].as_str().unwrap().contains("ahead of the server's"), "{check}");
}

#[test]
fn history_a_pause_and_tokens_outlast_a_clock_that_is_set() {
    let server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 3600,
        "batch": {"max_interval_ms": 200},
        "limits": {"history_hours": 24},
    }));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "set");
    let Some(clock) = WallClock::of(&device) else { return };
    let agent = clock.start_agent(&device);
    let before = agent.emit(10);
    device.run(&["sync"]).expect_exit(0);
    for time in ["+10y", "-10y"] {
        clock.set(time);
        // What is old enough is looked for when something is delivered.
        agent.emit(1);
        device.run(&["sync"]).expect_exit(0);
    }
    let sent = device.listed("--sent");
    let kept = before.iter().all(|id| sent.iter().any(|event| event["event_id"] == id.as_str()));
    assert!(kept, "history was forgotten because the clock was set");
    assert_eq!(proxy.records().iter().filter(|record| record.request.is_token()).count(), 1);

    device.run(&["pause", "--minutes", "30"]).expect_exit(0);
    clock.set("+10y");
    agent.emit_lines("{\"name\":\"refused\"}\n").expect_exit(1);
    assert!(device.status()["pause"].is_object(), "the pause ended with the clock");
    device.run(&["resume"]).expect_exit(0);
    agent.emit(1);
}
