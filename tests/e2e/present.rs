//! What a front end is told of the moment and of the last hour.

use devpulse_control::{ControlClient, Presence};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::agent::{Device, TestServer, wait};
use crate::desktop::Desktop;

#[test]
fn the_open_window_is_told_under_the_policy_and_the_pause_as_it_was_asked_for() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    server.set_config(json!({"window": {"title_policy": "app_only"}}));
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    let _agent = device.start_agent();
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(ControlClient::connect(&device.home().join("agent.sock")));
    let client = client.unwrap();
    let present = || runtime.block_on(client.present()).unwrap();
    desktop.open("Editor", "chapter one");
    let open = wait("the editor is open", || {
        present().window.filter(|open| open.app_name.as_deref() == Some("Editor"))
    });
    assert_eq!(open.window_title, None);

    device.run(&["pause", "--minutes", "5"]).expect_exit(0);
    let paused = present();
    assert_eq!((paused.presence, paused.window), (Presence::Paused, None));
    let since = device.status()["pause"]["since"].as_str().map(ToOwned::to_owned);
    assert_eq!(paused.since.map(|at| at.to_string()), since);
    device.run(&["resume"]).expect_exit(0);
    wait("the editor is open again", || present().window);
}

#[test]
fn the_trend_begins_with_the_agent_and_takes_one_sample_a_minute() {
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 1}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(ControlClient::connect(&device.home().join("agent.sock")));
    let client = client.unwrap();
    server.wait_for("three heartbeats", |event| {
        event["heartbeat_type"] == "regular" && event["seq"].as_u64().is_some_and(|seq| seq > 3)
    });
    let samples = runtime.block_on(client.trend()).unwrap();
    assert_eq!(samples.len(), 1, "{samples:?}");
    let status = device.status();
    assert!(samples[0].captured <= status["pipeline"]["captured"].as_u64().unwrap());
}
