//! What a service manager hears from the agent that it started.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::agent::{Device, TestServer};

/// The next thing that is said to the manager.
fn heard(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = manager.recv(&mut buffer).expect("the agent says nothing");
    String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
}

#[test]
fn a_service_manager_hears_that_the_agent_is_ready_lives_and_ends() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let socket = device.directory().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let device =
        device.with("NOTIFY_SOCKET", socket.to_str().unwrap()).with("WATCHDOG_USEC", "2000000");
    let agent = device.spawn_agent();
    assert_eq!(heard(&manager), "READY=1");
    assert!(device.answers(), "it said that it is ready, and takes no connection");
    for _ in 0..3 {
        assert_eq!(heard(&manager), "WATCHDOG=1");
    }
    let (status, _) = agent.signal("-TERM");
    assert_eq!(status.code(), Some(0));
    let mut last = heard(&manager);
    while last == "WATCHDOG=1" {
        last = heard(&manager);
    }
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn without_a_watchdog_the_manager_hears_only_the_beginning_and_the_end() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let socket = device.directory().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let device = device.with("NOTIFY_SOCKET", socket.to_str().unwrap());
    let agent = device.spawn_agent();
    assert_eq!(heard(&manager), "READY=1");
    agent.signal("-TERM");
    assert_eq!(heard(&manager), "STOPPING=1");
}
