//! Dead letters, listed and put back.

use serde_json::Value;

use crate::agent::{Agent, Device, TestServer, wait};

/// A device with three events that the server refuses for good: they were captured by an
/// agent that the environment told to be another device.
fn refused(server: &mut TestServer) -> Device {
    let device = Device::enrolled(server);
    server.stop();
    let mut other = device.command(&["run"]);
    other
        .env("DEVPULSE_SERVER_URL", server.url())
        .env("DEVPULSE_CLIENT_ID", "another-device")
        .env("DEVPULSE_API_KEY", "another-key")
        .env("DEVPULSE_USERNAME", "ada");
    let other = Killed(other.spawn().unwrap());
    wait("the agent answers", || device.status()["agent"]["running"].as_bool().filter(|&is| is));
    for number in ["1", "2"] {
        device.run(&["emit", "test", "--data", number]).expect_exit(0);
    }
    drop(other);
    server.start_again();
    device.run(&["sync"]).expect_exit(0);
    device
}

/// A process that ends with its value.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn counts(device: &Device) -> (Value, Value) {
    let pipeline = device.status()["pipeline"].clone();
    (pipeline["pending"].clone(), pipeline["dead_letter"].clone())
}

#[test]
fn a_dead_letter_is_the_event_as_it_is_sent_with_the_refusal_beside_it() {
    let mut server = TestServer::start();
    let device = refused(&mut server);
    let dead = device.listed("--dead");
    assert_eq!(dead.len(), 3);
    let custom = dead.iter().find(|event| event["event_type"] == "custom").unwrap();
    assert_eq!(custom["name"], "test");
    assert!(custom["data"].is_number());
    assert!(custom["reason"].as_str().unwrap().contains("client_id"), "{custom}");
    assert_eq!(custom["status"], Value::Null, "a receipt refused it, not a status");
    assert!(custom["died_at"].is_string());
    assert_eq!(custom.get("event"), None);
    let lines = device.run(&["events", "--dead"]).expect_exit(0).stdout;
    assert_eq!(lines.lines().count(), 3);
}

#[test]
fn without_an_agent_dead_letters_are_put_back_one_by_one_or_all() {
    let mut server = TestServer::start();
    let device = refused(&mut server);
    server.stop();
    let dead = device.listed("--dead");
    let id = dead[1]["event_id"].as_str().unwrap();
    let one = device.run(&["events", "--replay", id]).expect_exit(0);
    assert_eq!(one.stdout, "1 event waits to be sent again\n");
    assert_eq!(counts(&device), (1.into(), 2.into()));
    assert_eq!(device.listed("--pending")[0]["event_id"], id);

    let (cause, hint) = device.run(&["events", "--replay", id]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, format!("there is no dead letter {id}"));
    assert_eq!(hint, "see which there are with: devpulse-client events --dead");

    let rest = device.run(&["events", "--replay", "all"]).expect_exit(0);
    assert_eq!(rest.stdout, "2 events wait to be sent again\n");
    assert_eq!(counts(&device), (3.into(), 0.into()));
    let none = device.run(&["events", "--replay", "all"]).expect_exit(0);
    assert_eq!(none.stdout, "there is no dead letter to put back\n");
}

#[test]
fn a_running_agent_puts_dead_letters_back_and_sends_them_again() {
    let mut server = TestServer::start();
    let device = refused(&mut server);
    let id = device.listed("--dead")[0]["event_id"].as_str().unwrap().to_owned();
    let agent: Agent<'_> = device.start_agent();
    let one = device.run(&["events", "--replay", &id]).expect_exit(0);
    assert_eq!(one.stdout, "1 event waits to be sent again\n");
    device.run(&["sync"]).expect_exit(0);
    let pipeline = device.status()["pipeline"].clone();
    assert_eq!(pipeline["dead_letter"], 3, "it was refused again");
    assert_eq!(pipeline["rejected"], 4);

    let unknown = "01900000-0000-7000-8000-000000000000";
    let (cause, hint) =
        device.run(&["events", "--replay", unknown]).expect_exit(1).cause_and_hint();
    assert_eq!(cause, format!("there is no dead letter {unknown}"));
    assert_eq!(hint, "see which there are with: devpulse-client events --dead");
    agent.signal("-TERM");
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let device = Device::new();
    device.run(&["events", "--replay", "nonsense"]).expect_exit(2);
    device.run(&["events", "--replay", "all", "--json"]).expect_exit(2);
    device.run(&["events", "--replay", "all", "--dead"]).expect_exit(2);
    let (cause, _) = device.run(&["events", "--replay", "all"]).expect_exit(3).cause_and_hint();
    assert_eq!(cause, "this device is not enrolled");
    assert!(!device.home().exists());
}
