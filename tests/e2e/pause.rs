//! Pausing and resuming: what is captured meanwhile (nothing), what is sent of it, and
//! what the policy has to say.

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};
use crate::desktop::Desktop;

fn activities(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["activity_type"].as_str()).collect()
}

/// Waits until the running agent has the version of the server's configuration in force.
fn in_force(device: &Device, version: i64) {
    wait("the configuration is in force", || {
        device.status()["config"]["version"].as_i64().filter(|&found| found >= version)
    });
}

#[test]
fn a_pause_is_reported_with_its_reason_and_its_end_and_status_shows_it() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    assert_eq!(device.status()["pause"], Value::Null);
    let paused = device.run(&["pause", "--minutes", "30", "--reason", " a call "]).expect_exit(0);
    assert!(paused.stdout.starts_with("capture is paused for 30 min, until 20"), "{paused:?}");
    assert_eq!(paused.stderr, "");

    let status = device.status();
    assert_eq!(status["pipeline"]["state"], "paused");
    assert_eq!(status["pause"]["reason"], "a call");
    assert!(status["pause"]["since"].as_str() < status["pause"]["until"].as_str());
    let text = device.run(&["status"]).expect_exit(0).stdout;
    assert!(text.contains("paused    for another 29 min, until 20"), "{text}");

    device.run(&["sync"]).expect_exit(0);
    let event = server.wait_for("the pause", |event| event["activity_type"] == "paused");
    assert_eq!(event["reason"], "a call");
    assert_eq!(event["until"], status["pause"]["until"]);
    assert!(event["timestamp"].as_str() >= status["pause"]["since"].as_str(), "{event}");

    let resumed = device.run(&["resume"]).expect_exit(0);
    assert_eq!(resumed.stdout, "capture goes on\n");
    assert_eq!(device.status()["pause"], Value::Null);
    assert_ne!(device.status()["pipeline"]["state"], "paused");
    device.run(&["sync"]).expect_exit(0);
    let events = server.events();
    assert_eq!(activities(&events), ["started", "paused", "unpaused"]);
    for event in events.iter().filter(|event| event["activity_type"] != "paused") {
        assert_eq!((event.get("reason"), event.get("until")), (None, None), "{event}");
    }
    assert_eq!(device.run(&["resume"]).expect_exit(0).stdout, "capture was not paused\n");
}

#[test]
fn meanwhile_custom_events_and_screenshots_are_refused_and_heartbeats_go_on() {
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 1, "batch": {"max_interval_ms": 100}}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    device.run(&["pause"]).expect_exit(0);
    let until = device.status()["pause"]["until"].as_str().unwrap().to_owned();
    let (cause, hint) = device.run(&["emit", "deploy"]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, format!("capture is paused until {until}"));
    assert_eq!(hint, "go on before with: devpulse-client resume");
    let (cause, hint) = device.run(&["screenshot"]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, "capture is paused");
    assert_eq!(hint, "go on with: devpulse-client resume");
    let (cause, hint) = device.run(&["pause"]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, format!("capture is paused already, until {until}"));
    assert_eq!(hint, "end it first with: devpulse-client resume");
    server.wait_for("a heartbeat", |event| event["heartbeat_type"] == "regular");
    assert_eq!(device.status()["pipeline"]["state"], "paused");
    device.run(&["resume"]).expect_exit(0);
    device.run(&["emit", "deploy"]).expect_exit(0);
}

#[test]
fn a_pause_survives_the_end_of_the_agent_and_a_kill_and_is_not_reported_again() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    device.run(&["pause", "--minutes", "20", "--reason", "lunch"]).expect_exit(0);
    let pause = device.status()["pause"].clone();
    agent.signal("-TERM");
    assert_eq!(device.status()["pause"], pause, "the files do not tell of the pause");

    let agent = device.start_agent();
    assert_eq!(device.status()["pause"], pause);
    device.run(&["emit", "deploy"]).expect_exit(1);
    agent.kill();
    let _agent = device.start_agent();
    assert_eq!(device.status()["pause"], pause);
    device.run(&["resume"]).expect_exit(0);
    device.run(&["sync"]).expect_exit(0);
    assert_eq!(
        activities(&server.events()),
        ["started", "paused", "normal_shutdown", "started", "started", "unpaused"]
    );
}

#[test]
fn a_policy_that_forbids_pausing_is_named_and_ends_a_pause_that_is_there() {
    let server = TestServer::start();
    server.set_config(json!({"config_poll_s": 1}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    in_force(&device, 1);
    device.run(&["pause"]).expect_exit(0);
    server.set_config(json!({"config_poll_s": 1, "pause": {"allowed": false}}));
    wait("the pause ends", || device.status()["pause"].is_null().then_some(()));
    let (cause, hint) = device.run(&["pause"]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, "the policy does not allow pausing");
    assert_eq!(hint, "ask your administrator");
    device.run(&["sync"]).expect_exit(0);
    assert_eq!(activities(&server.events()), ["started", "paused", "unpaused"]);
}

#[test]
fn a_policy_that_allows_less_is_named_and_shortens_a_pause_that_is_there() {
    let server = TestServer::start();
    server.set_config(json!({"config_poll_s": 1}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    in_force(&device, 1);
    device.run(&["pause", "--minutes", "60"]).expect_exit(0);
    let before = device.status()["pause"].clone();
    server.set_config(json!({"config_poll_s": 1, "pause": {"max_minutes": 5}}));
    let after = wait("the pause is shortened", || {
        Some(device.status()["pause"].clone()).filter(|pause| *pause != before)
    });
    assert_eq!(after["since"], before["since"]);
    assert!(after["until"].as_str() < before["until"].as_str(), "{after}");
    device.run(&["resume"]).expect_exit(0);
    let (cause, hint) = device.run(&["pause", "--minutes", "6"]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, "the policy allows pauses of at most 5 minutes");
    assert_eq!(hint, "pause for less: devpulse-client pause --minutes 5");
    let paused = device.run(&["pause"]).expect_exit(0).stdout;
    assert!(paused.starts_with("capture is paused for 5 min, "), "{paused}");
}

#[test]
fn a_worse_obstacle_is_shown_in_place_of_the_pause() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    server.stop();
    device.run(&["pause"]).expect_exit(0);
    device.run(&["sync", "--timeout", "1"]).expect_exit(7);
    let status = device.status();
    assert_eq!(status["pipeline"]["state"], "offline");
    assert!(status["pause"].is_object());
}

#[test]
fn pausing_needs_an_agent_and_a_sensible_time() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    for command in [&["pause"][..], &["resume"], &["screenshot"]] {
        let (cause, hint) = device.run(command).expect_exit(6).cause_and_hint();
        assert_eq!(cause, "no agent is running");
        assert_eq!(hint, "start it with: devpulse-client run");
    }
    for minutes in ["0", "1441", "-1", "soon"] {
        device.run(&["pause", "--minutes", minutes]).expect_exit(2);
    }
}

#[test]
fn a_screenshot_that_cannot_be_taken_says_why() {
    let server = TestServer::start();
    server.set_config(json!({"config_poll_s": 1}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    in_force(&device, 1);
    let (cause, hint) = device.run(&["screenshot"]).expect_exit(1).cause_and_hint();
    assert!(cause.starts_with("the screens cannot be captured: "), "{cause}");
    assert_eq!(hint, "see what is missing with: devpulse-client doctor");
    server.set_config(json!({"config_poll_s": 1, "screenshot": {"enabled": false}}));
    let off = "screenshots are switched off by the policy";
    wait("the policy is in force", || {
        device.run(&["screenshot"]).expect_exit(1).stderr.contains(off).then_some(())
    });
    let (_, hint) = device.run(&["screenshot"]).expect_exit(1).cause_and_hint();
    assert_eq!(hint, "ask your administrator");
}

#[test]
fn a_screenshot_is_printed_one_line_a_monitor_and_arrives() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    let _agent = device.start_agent();
    desktop.open("Editor", "something to see");
    wait("the screen can be captured", || {
        (device.status()["capture"]["screen"]["state"] == "ok").then_some(())
    });
    let mut before = None;
    let line = wait("the window is painted, and looks the same twice", || {
        let finished = device.run(&["screenshot"]);
        let shown = (finished.code == Some(0)).then_some(finished.stdout);
        let same = shown.is_some() && shown == before;
        before = shown;
        before.clone().filter(|_| same)
    });
    assert!(line.starts_with("monitor 1 of 1, 1280x800 webp, "), "{line}");
    assert_eq!(line.lines().count(), 1);
    let printed = device.run(&["screenshot", "--json"]).expect_exit(0).json();
    assert_eq!((&printed["trigger"], &printed["monitor_count"]), (&json!("manual"), &json!(1)));
    assert!(line.contains(printed["screenshot_hash"].as_str().unwrap()), "{line}{printed}");
    device.run(&["sync"]).expect_exit(0);
    server.wait_for("the screenshot", |event| {
        event["trigger"] == "manual" && event["screenshot_hash"] == printed["screenshot_hash"]
    });
}

#[test]
fn no_window_is_captured_while_paused_also_not_by_an_agent_that_starts_paused() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    let watched = || {
        wait("focus is watched", || {
            (device.status()["capture"]["focus"]["state"] == "ok").then_some(())
        });
    };
    let agent = device.start_agent();
    watched();
    desktop.open("One", "before the pause");
    wait("the window is seen", || {
        device.status()["capture"]["focus"]["last_seen"].as_str().map(drop)
    });
    device.run(&["pause"]).expect_exit(0);
    desktop.open("Two", "in the pause");
    agent.signal("-TERM");
    let _agent = device.start_agent();
    watched();
    desktop.open("Three", "after the restart");
    device.run(&["resume"]).expect_exit(0);
    desktop.open("Four", "after the pause");
    device.run(&["sync"]).expect_exit(0);
    let events = server.events();
    let at = |name: &str| {
        let found = events.iter().rfind(|event| event["activity_type"] == name).unwrap();
        found["timestamp"].as_str().unwrap().to_owned()
    };
    let (paused, unpaused) = (at("paused"), at("unpaused"));
    for window in events.iter().filter(|event| event["event_type"] == "window") {
        let (start, end) = (window["start_time"].as_str(), window["end_time"].as_str());
        let before = end.unwrap() <= paused.as_str();
        let after = start.unwrap() >= unpaused.as_str();
        assert!(before || after, "{window} within {paused} and {unpaused}");
        assert_ne!(window["window_title"], "in the pause");
    }
}
