//! One bad event, and its 999 neighbours.

use std::fmt::Write as _;

use devpulse_lab::{
    Agent, Audit, Device, Fault, FaultProxy, Oracle, Reply, Request, Teeth, TestServer, wait,
};
use serde_json::{Value, json};

/// The number of the event that is not taken.
const POISON: u64 = 617;

struct Bench {
    server: TestServer,
    proxy: FaultProxy,
    device: Device,
    oracle: Oracle,
}

impl Bench {
    /// A device that has captured a thousand events while the server was away, which come
    /// in batches of at most `max_events`.
    fn new(max_events: u64) -> Self {
        let server = TestServer::start();
        server.set_config(json!({
            "heartbeat_interval_s": 86400,
            "batch": {"max_events": max_events, "max_interval_ms": 100},
        }));
        let mut proxy = FaultProxy::start(server.address());
        let device = Device::enrolled_through(&server, &proxy.url(), "poison");
        let agent = device.start_agent();
        device.run(&["sync"]).expect_exit(0);
        proxy.shut();
        let mut oracle = Oracle::default();
        for (number, id) in emit(&agent, 0..1000).into_iter().enumerate() {
            oracle.promise_data(id, json!({"number": number}));
        }
        drop(agent);
        Self { server, proxy, device, oracle }
    }

    fn held(&self) -> usize {
        let held = self.server.events();
        held.iter().filter(|event| event["event_type"] == "custom").count()
    }

    fn batches(&self) -> usize {
        let records = self.proxy.records();
        records.iter().filter(|record| record.request.is_batch()).count()
    }

    /// Checks that the poison is the one dead letter, and that it can be sent again.
    fn expect_one_dead_letter(&self, status: u16) {
        let dead = self.device.listed("--dead");
        assert_eq!(dead.len(), 1, "{dead:?}");
        assert_eq!(dead[0]["data"]["number"], POISON);
        assert_eq!(dead[0]["status"], status);
        let reason = dead[0]["reason"].as_str().unwrap();
        assert!(reason.contains(&status.to_string()), "{reason}");
        let audit = self.oracle.audit(&Audit::of(&self.device, &self.server, &self.proxy));
        audit.expect(&Teeth { dead_letters: 1, ..Teeth::default() });
        eprintln!("{status}: {audit}; {reason}");

        self.proxy.clear();
        self.device.run(&["events", "--replay", "all"]).expect_exit(0);
        self.device.run(&["sync"]).expect_exit(0);
        let audit = self.oracle.audit(&Audit::of(&self.device, &self.server, &self.proxy));
        audit.expect(&Teeth::default());
        assert_eq!(audit.ledger.pending, 0);
    }
}

fn emit(agent: &Agent<'_>, numbers: std::ops::Range<u64>) -> Vec<String> {
    let mut lines = String::new();
    for number in numbers {
        writeln!(lines, r#"{{"name":"test","data":{{"number":{number}}}}}"#).unwrap();
    }
    let finished = agent.emit_lines(&lines).expect_exit(0);
    finished.stdout.lines().map(ToOwned::to_owned).collect()
}

fn is_poisoned(request: &Request) -> bool {
    request.events().iter().any(|event| event["data"]["number"] == POISON)
}

fn poisoned(status: u16) -> impl FnMut(&Request) -> Fault + Send + 'static {
    move |request| match is_poisoned(request) {
        true => Fault::answer(Reply::status(status)),
        false => Fault::Pass,
    }
}

#[test]
fn an_event_that_is_refused_without_a_name_costs_its_neighbours_25_requests() {
    for max_events in [100, 1000] {
        let mut bench = Bench::new(max_events);
        bench.proxy.set(poisoned(400));
        bench.proxy.reopen();
        let before = bench.batches();
        bench.device.run(&["sync"]).expect_exit(0);
        let batches = bench.batches() - before;
        assert_eq!(bench.held(), 999);
        assert!(batches <= 25, "{batches} requests, {max_events} events a batch");
        eprintln!("400, {max_events} events a batch: {batches} requests");
        bench.expect_one_dead_letter(400);
    }
}

#[test]
fn an_event_that_fails_the_server_each_time_does_not_hold_up_the_others() {
    let mut bench = Bench::new(100);
    bench.proxy.set(poisoned(500));
    bench.proxy.reopen();
    let before = bench.batches();
    let agent = bench.device.start_agent();
    let mut sync = bench.device.command(&["sync", "--timeout", "55"]).spawn().unwrap();
    wait("the neighbours are delivered", || (bench.held() >= 999).then_some(()));
    let batches = bench.batches() - before;
    // Each other event that is accepted is a reason to try this one again.
    let mut number = 1000;
    wait("the event is condemned", || {
        std::thread::park_timeout(std::time::Duration::from_millis(300));
        for id in emit(&agent, number..number + 1) {
            bench.oracle.promise_data(id, json!({"number": number}));
        }
        number += 1;
        let status = bench.device.status();
        (status["pipeline"]["dead_letter"] == 1).then_some(())
    });
    sync.kill().unwrap();
    sync.wait().unwrap();
    drop(agent);
    bench.device.run(&["sync"]).expect_exit(0);
    eprintln!("500: {batches} requests until the other 999 were delivered");
    assert!(batches <= 29, "{batches} requests");
    bench.expect_one_dead_letter(500);
}

#[test]
fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let mut bench = Bench::new(1000);
    const LIMIT: usize = 64 * 1024;
    bench.proxy.set(|request| match request.is_batch() && request.body.len() > LIMIT {
        true => Fault::answer(Reply::status(413)),
        false => Fault::Pass,
    });
    bench.proxy.reopen();
    let before = bench.batches();
    bench.device.run(&["sync"]).expect_exit(0);
    let batches = bench.batches() - before;
    let audit = bench.oracle.audit(&Audit::of(&bench.device, &bench.server, &bench.proxy));
    audit.expect(&Teeth::default());
    let bytes: usize = bench.server.events().iter().map(|event| event.to_string().len()).sum();
    eprintln!("413 above {LIMIT} bytes: {batches} requests for {bytes} bytes");
    assert!(batches <= 4 * bytes.div_ceil(LIMIT), "{batches} requests");
}

#[test]
fn a_weaker_encoding_is_used_where_the_server_does_not_take_the_best() {
    let mut bench = Bench::new(100);
    let before = bench.proxy.records().len();
    bench.proxy.set(|request| match request.header("content-encoding") {
        Some("zstd") => Fault::answer(Reply::status(415)),
        _ => Fault::Pass,
    });
    bench.proxy.reopen();
    bench.device.run(&["sync"]).expect_exit(0);
    let audit = bench.oracle.audit(&Audit::of(&bench.device, &bench.server, &bench.proxy));
    audit.expect(&Teeth { resends: 1, ..Teeth::default() });
    let encodings: Vec<Option<String>> = bench.proxy.records()[before..]
        .iter()
        .filter(|record| record.request.is_batch() && record.served.is_some())
        .map(|record| record.request.header("content-encoding").map(ToOwned::to_owned))
        .collect();
    assert!(!encodings.is_empty());
    assert!(encodings.iter().all(|encoding| encoding.as_deref() == Some("gzip")), "{encodings:?}");
}

#[test]
fn a_token_that_has_ended_is_renewed_once_and_nobody_notices() {
    let mut bench = Bench::new(100);
    bench.proxy.reopen();
    let agent = bench.device.start_agent();
    bench.device.run(&["sync"]).expect_exit(0);
    let before = bench.proxy.records().len();
    bench.server.expire_tokens();
    let ids = emit(&agent, 1000..1010);
    wait("the events are delivered", || (bench.held() >= 1010).then_some(()));
    let asked: Vec<(String, Option<u16>)> = bench.proxy.records()[before..]
        .iter()
        .map(|record| (record.request.path.clone(), record.answered))
        .collect();
    let tokens = asked.iter().filter(|(path, _)| path.ends_with("/token")).count();
    assert_eq!(tokens, 1, "{asked:?}");
    let held = bench.server.events();
    let is_held = |id: &Value| held.iter().filter(|event| event["event_id"] == *id).count() == 1;
    assert!(ids.into_iter().all(|id| is_held(&Value::String(id))));
}
