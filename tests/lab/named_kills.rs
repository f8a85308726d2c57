//! SIGKILL at named points: on the way into a call of the system, so that everything
//! before it has happened and it has not.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use devpulse_lab::{Audit, Device, Fault, FaultProxy, Oracle, Spoil, Teeth, TestServer};
use serde_json::json;

use crate::tracer::{self, Point};

/// How long to wait for a point that is reached some time after the events were taken.
const REACHED_WITHIN: Duration = Duration::from_secs(3);

/// A tracer knows a rename by its first name only.
const RENAME: &str = "rename,renameat,renameat2";

/// What flows while the agent waits for its end.
#[derive(Clone, Copy)]
struct Load {
    events: usize,
    bytes: usize,
}

const FEW: Load = Load { events: 25, bytes: 10 };
/// Enough to make the log reach the database more than once.
const MUCH: Load = Load { events: 1500, bytes: 8000 };

struct Bench {
    server: TestServer,
    proxy: FaultProxy,
    device: Device,
    oracle: Oracle,
    kills: u32,
}

impl Bench {
    fn new() -> Self {
        let server = TestServer::start();
        server.set_config(json!({
            "heartbeat_interval_s": 86400,
            "batch": {"max_events": 20, "max_interval_ms": 100},
        }));
        let proxy = FaultProxy::start(server.address());
        let device = Device::enrolled_through(&server, &proxy.url(), "named");
        Self { server, proxy, device, oracle: Oracle::default(), kills: 0 }
    }

    /// One life that ends at the `nth` time that the point is reached; `false` where it
    /// is not reached.
    fn life(&mut self, point: Point<'_>, nth: u32, load: Load) -> bool {
        let tracer = point.kill(&self.device.home(), nth);
        let tracer: Vec<&str> = tracer.iter().map(String::as_str).collect();
        let mut agent = self.device.start_agent_under(&tracer);
        if agent.ended().is_none() {
            let mut lines = String::new();
            for number in 0..load.events {
                let padding = "x".repeat(load.bytes);
                writeln!(lines, r#"{{"name":"named","data":[{number},"{padding}"]}}"#).unwrap();
            }
            // It ends with an error where the agent was killed meanwhile.
            let finished = agent.emit_lines(&lines);
            self.oracle.promise(finished.stdout.lines().map(ToOwned::to_owned));
        }
        let begun = Instant::now();
        while agent.ended().is_none() && begun.elapsed() < REACHED_WITHIN {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let is_reached = agent.ended().is_some();
        agent.kill();
        self.kills += u32::from(is_reached);
        is_reached
    }

    /// Starts without the tracer, delivers everything, and compares.
    fn settle(&self, name: &str, teeth: &Teeth) {
        let agent = self.device.start_agent();
        self.device.run(&["sync"]).expect_exit(0);
        drop(agent);
        let account = self.oracle.audit(&Audit::of(&self.device, &self.server, &self.proxy));
        eprintln!("{name}: {} kills; {account}", self.kills);
        assert_eq!(account.faults, Vec::<String>::new(), "{name}: {account}");
        assert_eq!(account.ledger.dropped, 0, "{name}: {account}");
        assert!(self.kills > 0, "{name}: nobody was killed");
        assert!(account.resends >= teeth.resends, "{name}: {account}");
        assert!(account.repeated >= teeth.repeated, "{name}: {account}");
    }
}

/// A life for each of the first times that the point is reached, on one home.
fn killed_at(name: &str, point: Point<'_>, times: impl IntoIterator<Item = u32>, load: Load) {
    if !tracer::is_there() {
        return;
    }
    let mut bench = Bench::new();
    for nth in times {
        if !bench.life(point, nth, load) {
            break;
        }
    }
    bench.settle(name, &Teeth::default());
}

#[test]
fn a_kill_while_events_are_written() {
    let point = Point { calls: "pwrite64", file: "wal.db-wal" };
    killed_at("append", point, [1, 2, 3, 5, 8, 13, 21, 34], FEW);
}

#[test]
fn a_kill_while_a_commit_is_synced() {
    let point = Point { calls: "fsync,fdatasync", file: "wal.db-wal" };
    killed_at("commit", point, 1..=8, FEW);
}

#[test]
fn a_kill_while_the_log_is_moved_into_the_database() {
    let point = Point { calls: "pwrite64", file: "wal.db" };
    killed_at("checkpoint, write", point, [1, 2, 50, 400, 900], MUCH);
    let point = Point { calls: "fsync,fdatasync", file: "wal.db" };
    killed_at("checkpoint, sync", point, 1..=4, MUCH);
}

#[test]
fn a_kill_while_places_are_reserved() {
    let load = Load { events: 1100, bytes: 10 };
    for (name, point) in [
        ("reservation, sync", Point { calls: "fsync,fdatasync", file: "wal.db-seq.new" }),
        ("reservation, rename", Point { calls: RENAME, file: "wal.db-seq.new" }),
    ] {
        killed_at(name, point, [1, 1, 1, 2], load);
    }
}

/// The server has the batch and the receipt was read; the client does not get to write
/// it down.
#[test]
fn a_kill_while_an_acknowledgement_is_written() {
    if !tracer::is_there() {
        return;
    }
    let mut bench = Bench::new();
    // What waits from a life without a server.
    bench.proxy.shut();
    let agent = bench.device.start_agent();
    bench.oracle.promise(agent.emit(200));
    agent.kill();
    bench.proxy.reopen();
    let idle = Load { events: 0, bytes: 0 };
    for calls in ["pwrite64", "fsync,fdatasync"] {
        for nth in 1..=12 {
            let taken = |bench: &Bench| bench.server.events().len();
            let before = taken(&bench);
            if !bench.life(Point { calls, file: "wal.db-wal" }, nth, idle) {
                break;
            }
            let after = taken(&bench);
            eprintln!("acknowledge: {calls} {nth}: the server went from {before} to {after}");
        }
    }
    bench.settle("acknowledge", &Teeth { resends: 1, repeated: 1, ..Teeth::default() });
}

/// Nobody has started before: every call that makes the database is cut short in turn.
#[test]
fn a_kill_while_the_database_is_made() {
    if !tracer::is_there() {
        return;
    }
    for (calls, file) in [
        ("openat", "wal.db"),
        ("pwrite64", "wal.db"),
        ("fsync,fdatasync", "wal.db"),
        ("openat", "wal.db-wal"),
        ("pwrite64", "wal.db-wal"),
        (RENAME, "wal.db-seq.new"),
    ] {
        for nth in 1..=3 {
            let mut bench = Bench::new();
            if !bench.life(Point { calls, file }, nth, FEW) {
                break;
            }
            bench.settle(&format!("schema, {calls} of {file}, {nth}"), &Teeth::default());
        }
    }
}

/// Every sync and rename of an enrollment, and every write of its answer, cut short in
/// turn: the next try enrolls.
#[test]
fn a_kill_while_credentials_are_stored() {
    if !tracer::is_there() {
        return;
    }
    let server = TestServer::start();
    let mut kills = 0;
    for calls in ["fsync,fdatasync", RENAME, "fchmod,chmod", "mkdir"] {
        for nth in 1..100 {
            let device = Device::new();
            let secret = server.secret();
            let url = server.url();
            let enroll =
                ["enroll", "--username", "ada", "--server", &url, "--enrollment-secret", &secret];
            let tracer = Point { calls, file: "" }.kill(&device.home(), nth);
            let tracer: Vec<&str> = tracer.iter().map(String::as_str).collect();
            let traced = device.command_under(&tracer, &enroll).output().unwrap();
            if traced.status.success() {
                break;
            }
            assert_eq!(traced.status.code(), None, "{traced:?}");
            kills += 1;
            let again = device.enroll_again(&server, &url, "named");
            assert_eq!(again.code, Some(0), "{calls} {nth}: {again:?}");
            let agent = device.start_agent();
            let ids = agent.emit(3);
            device.run(&["sync"]).expect_exit(0);
            let held = server.events();
            assert!(ids.iter().all(|id| held.iter().any(|event| event["event_id"] == **id)));
        }
    }
    eprintln!("credentials: {kills} kills");
    assert!(kills > 2, "{kills} kills");
}

/// The answer to a batch is lost, and the agent is killed before it sends it again.
#[test]
fn a_kill_between_a_lost_answer_and_the_next_try() {
    let bench = Bench::new();
    bench.proxy.set(|request| match request.is_batch() {
        true => Fault::After(Spoil::Reset),
        false => Fault::Pass,
    });
    let mut oracle = Oracle::default();
    for _ in 0..5 {
        let before = bench.server.events().len();
        let agent = bench.device.start_agent();
        oracle.promise(agent.emit(7));
        devpulse_lab::wait("the server has the batch", || {
            let records = bench.proxy.records();
            (bench.server.events().len() > before || records.len() > 8).then_some(())
        });
        agent.kill();
    }
    bench.proxy.clear();
    let agent = bench.device.start_agent();
    bench.device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&bench.device, &bench.server, &bench.proxy));
    account.expect(&Teeth { resends: 4, repeated: 4, ..Teeth::default() });
}
