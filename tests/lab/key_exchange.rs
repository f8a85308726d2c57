//! SIGKILL at each point of an exchange of the key: the device works by itself afterwards.

use devpulse_lab::{Audit, Device, Fault, FaultProxy, Oracle, Record, Request, Spoil};
use devpulse_lab::{TestServer, Trouble, wait};
use serde_json::{Value, json};

use crate::tracer::{self, Point};

struct Bench {
    server: TestServer,
    proxy: FaultProxy,
    device: Device,
    oracle: Oracle,
    former: String,
}

fn credentials(device: &Device) -> Value {
    let text = std::fs::read_to_string(device.home().join("credentials.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The key that a request for a token bears.
fn key_of(request: &Request) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    body["api_key"].as_str().filter(|_| request.is_token()).map(ToOwned::to_owned)
}

impl Bench {
    fn new() -> Self {
        let server = TestServer::start();
        server.set_config(json!({
            "heartbeat_interval_s": 86400, "config_poll_s": 86400,
            "batch": {"max_events": 20, "max_interval_ms": 100},
        }));
        let proxy = FaultProxy::start(server.address());
        let device = Device::enrolled_through(&server, &proxy.url(), "exchange");
        let former = credentials(&device)["api_key"].as_str().unwrap().to_owned();
        let id = device.status()["device_id"].as_str().unwrap().to_owned();
        server.rotate_key(&id);
        Self { server, proxy, device, oracle: Oracle::default(), former }
    }

    /// A life under a rule of the network that ends when a request came to what it says.
    fn killed_when(
        &mut self,
        rule: impl FnMut(&Request) -> Fault + Send + 'static,
        reached: impl Fn(&Record) -> bool,
    ) {
        self.proxy.set(rule);
        let agent = self.device.start_agent();
        wait("the point is reached", || self.proxy.records().iter().any(&reached).then_some(()));
        self.oracle.promise(agent.emit(50));
        agent.kill();
        self.proxy.clear();
    }

    /// A life that ends on the way into the `nth` time that the credentials are replaced.
    fn killed_at_replacement(&mut self, nth: u32) {
        let point = Point { calls: "rename,renameat,renameat2", file: "credentials.json" };
        let tracer = point.kill(&self.device.home(), nth);
        let tracer: Vec<&str> = tracer.iter().map(String::as_str).collect();
        let mut agent = self.device.start_agent_under(&tracer);
        wait("the agent is killed", || agent.ended());
    }

    /// Starts again, and compares.
    fn settle(mut self, name: &str) {
        let agent = self.device.start_agent();
        self.oracle.promise(agent.emit(50));
        self.device.run(&["sync"]).expect_exit(0);
        wait("the key is exchanged", || {
            let kept = credentials(&self.device);
            let ordered = self.server.devices()[0]["key_rotation_ordered"].as_bool().unwrap();
            let is_new = kept["api_key"] != self.former.as_str() && kept.get("next").is_none();
            (is_new && !ordered).then_some(())
        });
        self.oracle.promise(agent.emit(50));
        self.device.run(&["sync"]).expect_exit(0);
        drop(agent);
        let account = self.oracle.audit(&Audit::of(&self.device, &self.server, &self.proxy));
        eprintln!("{name}: {account}");
        assert_eq!(account.faults, Vec::<String>::new(), "{name}: {account}");
        assert_eq!(account.ledger.dropped, 0, "{name}");
    }
}

#[test]
fn a_kill_before_the_next_key_is_known() {
    let mut bench = Bench::new();
    let lost = |request: &Request| match request.is_key() {
        true => Fault::After(Spoil::Reset),
        false => Fault::Pass,
    };
    bench.killed_when(lost, |record| record.request.is_key() && record.served == Some(200));
    bench.settle("the key was issued, its answer was lost");
}

#[test]
fn a_kill_while_the_next_key_is_stored() {
    if !tracer::is_there() {
        return;
    }
    let mut bench = Bench::new();
    bench.killed_at_replacement(1);
    assert_eq!(credentials(&bench.device).get("next"), None);
    bench.settle("the next key was not stored");
}

#[test]
fn a_kill_before_the_next_key_is_used() {
    let mut bench = Bench::new();
    let former = bench.former.clone();
    let is_next =
        move |request: &Request| key_of(request).is_some_and(|key| key != former.as_str());
    let held = is_next.clone();
    let hang = move |request: &Request| match held(request) {
        true => Fault::Before(Trouble::Hang),
        false => Fault::Pass,
    };
    bench.killed_when(hang, move |record| is_next(&record.request));
    assert!(credentials(&bench.device)["next"]["api_key"].is_string());
    bench.settle("the next key was stored and not used");
}

#[test]
fn a_kill_after_the_next_key_was_used_and_its_token_lost() {
    let mut bench = Bench::new();
    let former = bench.former.clone();
    let is_next =
        move |request: &Request| key_of(request).is_some_and(|key| key != former.as_str());
    let lost = is_next.clone();
    let reset = move |request: &Request| match lost(request) {
        true => Fault::After(Spoil::Reset),
        false => Fault::Pass,
    };
    bench.killed_when(reset, move |record| is_next(&record.request) && record.served == Some(200));
    assert_eq!(credentials(&bench.device)["api_key"], bench.former.as_str());
    bench.settle("the next key was in force, and the device did not know");
}

#[test]
fn a_kill_while_the_next_key_takes_its_place() {
    if !tracer::is_there() {
        return;
    }
    let mut bench = Bench::new();
    bench.killed_at_replacement(2);
    let kept = credentials(&bench.device);
    assert!(kept["next"]["api_key"].is_string() && kept["api_key"] == bench.former.as_str());
    bench.settle("the next key was in force, and was not written down");
}
