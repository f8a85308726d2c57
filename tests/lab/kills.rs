//! SIGKILL at random instants, with events flowing and answers getting lost.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Duration;

use devpulse_lab::{
    Audit, Device, Fault, FaultProxy, Ledger, Oracle, Request, Spoil, Teeth, TestServer, wait,
};
use serde_json::{Value, json};

/// Kills in a run, where `DEVPULSE_LAB_KILLS` does not say otherwise.
const ROUNDS: u64 = 100;
/// One in so many answers to a batch gets lost.
const LOST: u64 = 9;

#[test]
fn what_was_acknowledged_before_a_kill_arrives_once() {
    let rounds = std::env::var("DEVPULSE_LAB_KILLS").ok().and_then(|text| text.parse().ok());
    let rounds: u64 = rounds.unwrap_or(ROUNDS);
    let server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 1,
        "batch": {"max_events": 200, "max_interval_ms": 100},
    }));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "kills");
    let mut number = 0;
    proxy.set(move |request: &Request| {
        number += u64::from(request.is_batch());
        match request.is_batch() && number.is_multiple_of(LOST) {
            true => Fault::After(Spoil::Reset),
            false => Fault::Pass,
        }
    });
    let mut oracle = Oracle::default();
    let mut instants = Instants(0x5eed);
    for round in 0..rounds {
        one_life(&device, &mut oracle, round, &mut instants);
    }
    proxy.clear();
    let last = device.start_agent();
    device.run(&["sync", "--timeout", "600"]).expect_exit(0);
    drop(last);
    let audit = Audit::of(&device, &server, &proxy);
    let account = oracle.audit(&audit);
    eprintln!("{rounds} kills: {account}");
    let few = usize::try_from(rounds / 20).unwrap();
    account.expect(&Teeth { resends: few, repeated: few, ..Teeth::default() });
    assert_eq!(account.ledger, Ledger { captured: account.held as u64, ..account.ledger });
    assert!(account.promised as u64 > rounds, "the agent was killed before it took anything");
    expect_no_hole(&audit.held);
}

/// Starts the agent, lets events flow, and kills it at an instant between its start and
/// its fourth batch. Whatever `emit` printed is promised.
fn one_life(device: &Device, oracle: &mut Oracle, round: u64, instants: &mut Instants) {
    let agent = device.spawn_agent();
    if round % 5 == 4 {
        // While it opens its log.
        std::thread::park_timeout(instants.below(60));
        return agent.kill();
    }
    wait("the agent answers", || device.answers().then_some(()));
    let mut emit = device.command(&["emit", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = emit.stdin.take().unwrap();
    let output = BufReader::new(emit.stdout.take().unwrap());
    let writing = std::thread::spawn(move || {
        for number in 0..400 {
            if writeln!(input, r#"{{"name":"kill","data":[{round},{number}]}}"#).is_err() {
                return;
            }
            std::thread::park_timeout(Duration::from_micros(500));
        }
    });
    let reading =
        std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
    std::thread::park_timeout(instants.below(300));
    agent.kill();
    emit.wait().unwrap();
    writing.join().unwrap();
    for (number, id) in reading.join().unwrap().into_iter().enumerate() {
        oracle.promise_data(id, json!([round, number]));
    }
}

/// Every place of the sequence is taken: nothing was committed and lost.
fn expect_no_hole(held: &[Value]) {
    let mut places: Vec<u64> = held.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
}

/// Instants that look random and are the same in every run.
struct Instants(u64);

impl Instants {
    fn below(&mut self, milliseconds: u64) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.0 >> 33) % (milliseconds * 1000))
    }
}
