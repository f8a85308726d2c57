use std::time::Duration;

use serde_json::Value;

use crate::agent::{Device, TestServer};

fn types(events: &[Value]) -> Vec<&str> {
    let names = ["activity_type", "heartbeat_type"];
    events.iter().filter_map(|event| names.iter().find_map(|name| event[*name].as_str())).collect()
}

#[test]
fn the_last_words_are_durable_before_the_agent_ends() {
    for (signal, activity) in [("-TERM", "normal_shutdown"), ("-INT", "user_interrupt")] {
        let mut server = TestServer::start();
        let device = Device::enrolled(&server);
        server.stop();
        let (status, took) = device.start_agent().signal(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(took < Duration::from_secs(3), "{signal} took {took:?}");
        let pending = device.listed("--pending");
        assert_eq!(types(&pending), ["started", activity, "final"], "{signal}");
        assert!(!device.home().join("wal.db-wal").exists(), "the log was not closed");
    }
}

#[test]
fn the_last_words_reach_a_server_that_answers() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    device.start_agent().signal("-TERM");
    assert_eq!(types(&server.events()), ["started", "normal_shutdown", "final"]);
}

#[test]
fn an_agent_with_a_dead_server_still_ends_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    server.stop();
    agent.emit(10);
    let (status, took) = agent.signal("-TERM");
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    drop(silent);
}
