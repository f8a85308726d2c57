//! Kills at random instants, with events flowing.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use crate::agent::{Device, TestServer};

/// Enough to meet every stage of an event's way more than once; the soak does thousands.
const ROUNDS: u64 = 25;

#[test]
fn what_was_acknowledged_before_a_kill_arrives_once() {
    kill_again_and_again(&TestServer::start());
}

#[test]
fn what_was_acknowledged_before_a_kill_arrives_once_over_https() {
    kill_again_and_again(&TestServer::start_over("https"));
}

#[test]
fn what_was_acknowledged_before_a_kill_arrives_once_over_grpcs() {
    kill_again_and_again(&TestServer::start_over("grpcs"));
}

fn kill_again_and_again(server: &TestServer) {
    server.set_config(json!({"batch": {"max_events": 20, "max_interval_ms": 100}}));
    let device = Device::enrolled(server);
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let agent = device.start_agent();
        let mut emit = device.command(&["emit", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = emit.stdin.take().unwrap();
        let output = BufReader::new(emit.stdout.take().unwrap());
        let writing = std::thread::spawn(move || {
            for number in 0.. {
                if writeln!(input, r#"{{"name":"kill","data":{number}}}"#).is_err() {
                    return;
                }
            }
        });
        let (tell, first) = mpsc::channel();
        let reading = std::thread::spawn(move || {
            let ids = output.lines().map_while(Result::ok);
            // Nobody may be waiting any more.
            ids.inspect(|_| tell.send(()).unwrap_or_default()).collect::<Vec<_>>()
        });
        // Every fourth round may end before anything was taken.
        if round % 4 != 0 {
            first.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        // Spread over the life of a group commit and of a batch.
        std::thread::park_timeout(Duration::from_millis(5 + (round * 37) % 190));
        agent.kill();
        emit.wait().unwrap();
        writing.join().unwrap();
        acknowledged.extend(reading.join().unwrap());
    }
    let _agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);

    let mut stored = HashSet::new();
    for event in server.events() {
        let id = event["event_id"].as_str().unwrap().to_owned();
        assert!(stored.insert(id), "stored twice: {event}");
    }
    let missing: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(missing.is_empty(), "{} of {} are missing", missing.len(), acknowledged.len());
    assert!(acknowledged.len() as u64 > ROUNDS, "the agent was killed before it took anything");
    let pipeline = &device.status()["pipeline"];
    let count = |name: &str| pipeline[name].as_u64().unwrap();
    assert_eq!(count("dropped") + count("dead_letter") + count("pending"), 0);
    assert_eq!(count("captured"), count("sent"));
    eprintln!(
        "{ROUNDS} kills: {} acknowledged, {} stored, {} resent",
        acknowledged.len(),
        stored.len(),
        count("duplicates")
    );
}
