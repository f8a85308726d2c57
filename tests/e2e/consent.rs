//! What a person agreed to holds against the server: more waits for them, less holds at
//! once.

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};
use crate::desktop::{Desktop, look};

fn policy(more: &Value) -> Value {
    let mut policy = json!({"heartbeat_interval_s": 1, "batch": {"max_interval_ms": 100}});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy
}

fn every(seconds: u64) -> Value {
    policy(&json!({"screenshot": {"interval_s": seconds}}))
}

/// A device whose person agreed to what this policy asks for.
fn agreed(server: &TestServer, policy: Value) -> Device {
    server.set_config(policy);
    let device = Device::enrolled(server);
    assert_eq!(device.status()["consent"], Value::Null, "nobody was asked");
    device.run(&["consent", "--accept"]).expect_exit(0);
    device
}

fn consent(device: &Device) -> Value {
    device.run(&["consent", "--json"]).expect_exit(0).json()
}

fn awaits(device: &Device, awaiting: bool) -> Option<Value> {
    let consent = device.status()["consent"].clone();
    (consent["awaiting"] == awaiting).then_some(consent)
}

#[test]
fn a_wider_policy_waits_for_the_person_and_their_word_puts_it_in_force() {
    let server = TestServer::start();
    let device = agreed(&server, every(600));
    let first = awaits(&device, false).unwrap()["policy_version"].as_i64().unwrap();
    let agent = device.start_agent();
    server.set_config(every(60));
    wait("the wider policy waits", || awaits(&device, true));
    server.wait_for("a heartbeat tells it", |event| event["consent"]["awaiting"] == true);
    let report = consent(&device);
    let widening = &report["proposal"]["widenings"][0];
    assert_eq!(widening["aspect"], "screenshots");
    assert_eq!(widening["before"][0], "A picture of each screen, about every 10 minutes.");
    assert_eq!(widening["after"][0], "A picture of each screen, about every 1 minute.");
    assert!(report["in_force"].to_string().contains("about every 10 minutes"));
    let shown = device.run(&["consent"]).expect_exit(0).stdout;
    assert!(shown.contains("as agreed:") && shown.contains("as asked for:"), "{shown}");

    let stale = first.to_string();
    let (cause, _) = device
        .run(&["consent", "--accept", "--policy-version", &stale])
        .expect_exit(1)
        .cause_and_hint();
    assert_eq!(cause, "what is asked for has changed since it was shown");
    awaits(&device, true).unwrap();

    device.run(&["consent", "--accept"]).expect_exit(0);
    let accepted = awaits(&device, false).unwrap();
    assert!(accepted["policy_version"].as_i64().unwrap() > first);
    assert!(consent(&device)["in_force"].to_string().contains("about every 1 minute"));
    let told = server.wait_for("a heartbeat tells it", |event| {
        event["consent"]["policy_version"] == accepted["policy_version"]
    });
    assert_eq!(told["consent"], accepted);

    agent.kill();
    assert_eq!(awaits(&device, false).unwrap(), accepted);
    let origin = device.run(&["config", "show"]).expect_exit(0).stdout;
    let line = origin.lines().find(|line| line.starts_with("screenshot.interval_s")).unwrap();
    assert!(line.contains("60") && line.contains("server"), "{line}");
}

#[test]
fn a_wider_policy_of_a_device_at_rest_is_accepted_without_an_agent() {
    let server = TestServer::start();
    let device = agreed(&server, every(600));
    let agent = device.start_agent();
    server.set_config(every(60));
    wait("the wider policy waits", || awaits(&device, true));
    agent.kill();
    awaits(&device, true).unwrap();
    let origin = device.run(&["config", "show"]).expect_exit(0).stdout;
    let line = origin.lines().find(|line| line.starts_with("screenshot.interval_s")).unwrap();
    assert!(line.contains("600") && line.contains("consent"), "{line}");
    device.run(&["consent", "--accept"]).expect_exit(0);
    awaits(&device, false).unwrap();
}

#[test]
fn titles_stay_as_agreed_until_the_person_agrees_to_more_and_go_at_once() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    let titles =
        |policy_of_titles: &str| policy(&json!({"window": {"title_policy": policy_of_titles}}));
    let device = agreed(&server, titles("app_only")).with("DISPLAY", &desktop.display);
    let _agent = device.start_agent();
    server.set_config(titles("full"));
    wait("the wider policy waits", || awaits(&device, true));
    desktop.open("Before", "chapter one");
    look();
    desktop.open("Between", "chapter two");
    let window = |app: &'static str| {
        move |event: &Value| event["event_type"] == "window" && event["app_name"] == app
    };
    let before = server.wait_for("the first window", window("Before"));
    assert_eq!(before["window_title"], Value::Null);

    device.run(&["consent", "--accept"]).expect_exit(0);
    desktop.open("After", "chapter three");
    look();
    desktop.open("Later", "chapter four");
    let after = server.wait_for("a window with its title", window("After"));
    assert_eq!(after["window_title"], "chapter three");
    assert!(
        !server.events().iter().any(|event| event["window_title"] == "chapter one"),
        "what was captured before is told afterwards"
    );

    server.set_config(titles("app_only"));
    wait("the narrower policy holds", || {
        consent(&device)["in_force"].to_string().contains("without the titles").then_some(())
    });
    awaits(&device, false).unwrap();
}

#[test]
fn without_a_record_the_policy_holds_as_it_always_did() {
    let server = TestServer::start();
    server.set_config(every(600));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    server.set_config(every(60));
    wait("the wider policy holds", || {
        consent(&device)["in_force"].to_string().contains("every 1 minute").then_some(())
    });
    let shown = device.run(&["consent"]).expect_exit(0).stdout;
    assert!(shown.contains("Nobody was asked"), "{shown}");
    assert_eq!(device.status()["consent"], Value::Null);
}

#[test]
fn a_consent_ends_with_its_enrollment_and_moves_to_no_other_server() {
    let first = TestServer::start();
    let second = TestServer::start();
    let device = agreed(&first, every(600));
    let record = device.home().join("consent.json");
    assert!(record.exists());
    let (url, secret) = (second.url(), second.secret());
    device
        .run(&[
            "enroll",
            "--username",
            "ada",
            "--server",
            &url,
            "--enrollment-secret",
            &secret,
            "--force",
        ])
        .expect_exit(0);
    assert!(!record.exists(), "the consent moved along");
    device.run(&["consent", "--accept"]).expect_exit(0);
    device.run(&["unenroll", "--yes"]).expect_exit(0);
    assert!(!record.exists(), "the consent outlives its enrollment");
    let (cause, _) = device.run(&["consent"]).expect_exit(3).cause_and_hint();
    assert_eq!(cause, "this device is not enrolled");
}
