use std::collections::HashSet;

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, wait};

fn custom_ids(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .filter(|event| event["event_type"] == "custom")
        .map(|event| event["event_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn ten_thousand_events_survive_an_outage_and_a_kill_and_arrive_once() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    let emitted = agent.emit(10_000);
    assert_eq!(emitted.len(), 10_000);
    agent.kill();

    let _agent = device.start_agent();
    server.start_again();
    device.run(&["sync", "--timeout", "50"]).expect_exit(0);

    let stored = custom_ids(&server.events());
    assert_eq!(stored.len(), 10_000);
    let stored: HashSet<String> = stored.into_iter().collect();
    assert_eq!(stored, emitted.into_iter().collect());
    let status = device.status();
    assert_eq!(status["pipeline"]["dropped"], 0);
    assert_eq!(status["pipeline"]["dead_letter"], 0);
}

#[test]
fn sync_delivers_by_itself_where_no_agent_runs() {
    let mut server = TestServer::start();
    let device = Device::enrolled(&server);
    server.stop();
    let agent = device.start_agent();
    let emitted = agent.emit(250);
    agent.kill();
    assert_eq!(custom_ids(&device.listed("--pending")).len(), 250);

    server.start_again();
    device.run(&["sync"]).expect_exit(0);
    assert_eq!(
        custom_ids(&server.events()).into_iter().collect::<HashSet<_>>(),
        emitted.into_iter().collect::<HashSet<_>>()
    );
    assert_eq!(device.status()["pipeline"]["pending"], 0);
    assert_eq!(custom_ids(&device.listed("--sent")).len(), 250);
}

#[test]
fn the_ledger_adds_up_and_the_sequence_has_no_hole() {
    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    agent.emit(300);
    agent.kill();
    let agent = device.start_agent();
    agent.emit(300);
    device.run(&["sync"]).expect_exit(0);

    let pipeline = &device.status()["pipeline"];
    let count = |name: &str| pipeline[name].as_u64().unwrap();
    assert_eq!(
        count("captured"),
        count("sent") + count("pending") + count("dead_letter") + count("dropped")
    );
    let events = server.events();
    let epochs: HashSet<&str> =
        events.iter().map(|event| event["epoch"].as_str().unwrap()).collect();
    assert_eq!(epochs.len(), 1);
    let mut places: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
}

#[test]
fn emit_prints_an_id_while_its_input_is_still_open() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::Stdio;

    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    let mut emit = device.command(&["emit", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = emit.stdin.take().unwrap();
    let mut output = BufReader::new(emit.stdout.take().unwrap()).lines();
    for number in 0..3 {
        writeln!(input, r#"{{"name":"open","data":{number}}}"#).unwrap();
        let id = output.next().unwrap().unwrap();
        let known: Vec<String> = custom_ids(&device.listed("--pending"))
            .into_iter()
            .chain(custom_ids(&device.listed("--sent")))
            .collect();
        assert!(known.contains(&id), "{id} was printed before it was stored");
    }
    drop(input);
    assert!(emit.wait().unwrap().success());
}

#[test]
fn losing_the_agent_ends_emit_with_an_error() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::Stdio;

    let server = TestServer::start();
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    let mut emit = device.command(&["emit", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = emit.stdin.take().unwrap();
    let mut output = BufReader::new(emit.stdout.take().unwrap()).lines();
    writeln!(input, r#"{{"name":"first"}}"#).unwrap();
    output.next().unwrap().unwrap();
    agent.kill();
    writeln!(input, r#"{{"name":"second"}}"#).ok();
    let status = wait("emit ends", || emit.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let pending = device.listed("--pending");
    assert!(!pending.iter().any(|event| event["name"] == "second"));
}

#[test]
fn a_changed_configuration_is_in_force_without_a_restart() {
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 3600, "batch": {"max_interval_ms": 100}}));
    let device = Device::enrolled(&server);
    let agent = device.start_agent();
    wait("the configuration is known", || device.status()["config"]["version"].as_i64());
    server.set_config(json!({"heartbeat_interval_s": 1, "batch": {"max_interval_ms": 100}}));
    agent.emit(1);
    server.wait_for("a heartbeat at the new pace", |event| event["heartbeat_type"] == "regular");
}

#[test]
fn a_bad_value_of_the_server_is_named_and_the_good_one_beside_it_applies() {
    let server = TestServer::start();
    server.set_config(json!({"config_poll_s": 1}));
    let device = Device::enrolled(&server);
    let _agent = device.start_agent();
    server.set_config_unchecked(json!({
        "config_poll_s": 1,
        "heartbeat_interval_s": 2,
        "batch": {"max_events": 0, "max_interval_ms": 100},
    }));
    let heartbeat = server
        .wait_for("a heartbeat at the new pace", |event| event["heartbeat_type"] == "regular");
    assert_eq!(heartbeat["refused_settings"][0]["key"], "batch.max_events");
    assert_eq!(heartbeat["refused_settings"][0]["value"], 0);
    let doctor = device.run(&["doctor", "--json"]).json();
    let settings = doctor["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "settings")
        .unwrap()
        .clone();
    assert_eq!(settings["state"], "warning", "{settings}");
    assert!(settings["detail"].as_str().unwrap().contains("batch.max_events"), "{settings}");
    let effective = device.run(&["config", "show", "--json"]).expect_exit(0).json();
    let value = |name: &str| {
        let rows = effective.as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        (row["value"].clone(), row["origin"].clone())
    };
    assert_eq!(value("heartbeat_interval_s"), (json!(2), json!("server")));
    assert_eq!(value("batch.max_events"), (json!(100), json!("default")));
}
