//! Calls on the disk that fail: nothing is promised that is not there, nothing promised
//! gets lost, and the agent goes on as soon as the disk does.

use devpulse_lab::{Account, Audit, Device, FaultProxy, Oracle, TestServer};
use serde_json::json;

use crate::tracer::{self, Point};

/// How the life before ended: a kill leaves a log beside the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Former {
    Ended,
    Killed,
}

/// Forty events, one after the other, while calls of `point` fail as `error` at `when`.
fn run(former: Former, point: Point<'_>, error: &str, when: &str) -> Option<(Account, usize)> {
    if !tracer::is_there() {
        return None;
    }
    let server = TestServer::start();
    server.set_config(json!({"batch": {"max_events": 20, "max_interval_ms": 100}}));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "disk");
    // The database is there already; making it is another test.
    let agent = device.start_agent();
    match former {
        Former::Ended => drop(agent.signal("-TERM")),
        Former::Killed => agent.kill(),
    }
    let tracer = point.fail(&device.home(), error, when);
    let tracer: Vec<&str> = tracer.iter().map(String::as_str).collect();
    let mut agent = device.start_agent_under(&tracer);
    assert!(agent.ended().is_none(), "{point:?} {error}: the agent does not start");
    let mut oracle = Oracle::default();
    let mut refused = 0;
    for number in 0..40 {
        let data = json!({"number": number});
        let finished = device.run(&["emit", "disk", "--data", &data.to_string()]);
        match finished.code {
            Some(0) => oracle.promise_data(finished.stdout.trim().to_owned(), data),
            _ => refused += 1,
        }
    }
    assert!(agent.ended().is_none(), "{point:?} {error}: the agent ended");
    device.run(&["sync"]).expect_exit(0);
    agent.kill();
    let failed = tracer::interfered(&device.home());
    assert!(failed > 0, "{point:?} {error} {when}: no call failed, so nothing is proven");
    // What came between is on the disk of an agent that no fault touches.
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    let Point { calls, file } = point;
    eprintln!("{calls} of {file}: {failed} times {error}, {refused} refused; {account}");
    assert_eq!(account.faults, Vec::<String>::new());
    assert_eq!(account.ledger.dropped, 0, "nothing was lost, and nothing is told to be: {account}");
    Some((account, refused))
}

#[test]
fn a_write_that_fails_is_no_promise() {
    for (error, when) in [("EIO", "9"), ("ENOSPC", "9..14"), ("EIO", "20..40")] {
        let point = Point { calls: "pwrite64", file: "wal.db-wal" };
        if let Some((account, refused)) = run(Former::Ended, point, error, when) {
            assert_eq!(account.promised + refused, 40);
        }
    }
}

#[test]
fn a_sync_that_fails_is_no_promise() {
    for when in ["5", "5..8"] {
        let point = Point { calls: "fsync,fdatasync", file: "wal.db-wal" };
        if let Some((account, refused)) = run(Former::Ended, point, "EIO", when) {
            assert_eq!(account.promised + refused, 40);
        }
    }
}

#[test]
fn a_read_that_fails_loses_nothing() {
    for (former, file, when) in [
        (Former::Ended, "wal.db", "6"),
        (Former::Ended, "wal.db", "6..9"),
        (Former::Killed, "wal.db-wal", "2"),
        (Former::Killed, "wal.db-wal", "2..4"),
    ] {
        let point = Point { calls: "pread64", file };
        if let Some((account, refused)) = run(former, point, "EIO", when) {
            assert_eq!(account.promised + refused, 40);
        }
    }
}

#[test]
fn a_reservation_that_fails_is_no_promise() {
    let calls = "fsync,fdatasync,rename,renameat,renameat2";
    for error in ["EIO", "ENOSPC"] {
        let point = Point { calls, file: "wal.db-seq.new" };
        if let Some((account, refused)) = run(Former::Ended, point, error, "1..3") {
            assert_eq!(account.promised + refused, 40);
        }
    }
}
