//! A disk that is full, by us or by others, and one that takes no writes.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use devpulse_lab::{
    Audit, Device, Fault, FaultProxy, Finished, Ledger, Oracle, Reply, SmallDisk, Teeth,
    TestServer, wait,
};
use serde_json::{Value, json};

/// Once there is room, everything goes on within this.
const GOES_ON: Duration = Duration::from_secs(10);
/// Long enough for a commit that succeeds, and for the next attempt at one that does not.
const A_WHILE: Duration = Duration::from_secs(3);

fn unavailable(proxy: &FaultProxy) {
    proxy.set(|_| Fault::answer(Reply::status(503)));
}

fn bytes_below(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Lets a thread end, also where the test has failed.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// An `emit` that is not waited for.
fn emit_one(device: &Device, name: &str) -> std::process::Child {
    device.command(&["emit", name]).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn on_a_small_disk_that_another_program_fills_nothing_is_lost_and_delivery_goes_on() {
    let Some(disk) = SmallDisk::of_mib(24) else { return };
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 3600, "batch": {"max_interval_ms": 200}}));
    let proxy = FaultProxy::start(server.address());
    let device = Device::within(disk.path());
    device.enroll_again(&server, &proxy.url(), "small-disk").expect_exit(0);
    let mut oracle = Oracle::default();
    let agent = device.start_agent();
    oracle.promise(agent.emit(200));
    device.run(&["sync"]).expect_exit(0);
    unavailable(&proxy);
    oracle.promise(agent.emit(5000));

    let is_full = AtomicBool::new(true);
    let resumed = std::thread::scope(|scope| {
        let stop = Stop(&is_full);
        scope.spawn(|| {
            while is_full.load(Ordering::SeqCst) {
                disk.fill();
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
        wait("the disk is full", || (disk.free() == 0).then_some(()));
        let mut refused = Vec::new();
        let blocked = wait("an event finds no room", || {
            let mut emit = emit_one(&device, "late");
            std::thread::park_timeout(A_WHILE);
            match emit.try_wait().unwrap() {
                Some(_) => {
                    refused.push(Finished::of(&["emit"], emit.wait_with_output().unwrap()));
                    None
                }
                None => Some(emit),
            }
        });
        for taken in refused {
            oracle.promise([taken.expect_exit(0).stdout.trim().to_owned()]);
        }
        proxy.clear();
        device.run(&["sync", "--timeout", "5"]);
        wait("what was taken is delivered while the disk is full", || {
            let ledger = Ledger::read(&device.status());
            (ledger.pending == 0).then_some(())
        });
        assert_eq!(disk.free(), 0, "the disk was not full");
        let status = device.status();
        assert!(
            status["pipeline"]["last_error"].as_str().unwrap().contains("no space"),
            "{status}"
        );
        drop(stop);
        std::thread::park_timeout(Duration::from_millis(50));
        disk.clear();
        let freed = Instant::now();
        let taken = Finished::of(&["emit"], blocked.wait_with_output().unwrap()).expect_exit(0);
        oracle.promise([taken.stdout.trim().to_owned()]);
        freed.elapsed()
    });
    assert!(resumed < GOES_ON, "it took {resumed:?}");
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    account.expect(&Teeth { resends: 1, ..Teeth::default() });
    assert_eq!(account.ledger.dropped, 0);
    eprintln!("24 MB disk, full: went on after {resumed:?}; {account}");
}

#[test]
fn an_agent_that_is_killed_on_a_full_disk_starts_again_and_delivers() {
    let Some(disk) = SmallDisk::of_mib(24) else { return };
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 3600, "batch": {"max_interval_ms": 200}}));
    let proxy = FaultProxy::start(server.address());
    let device = Device::within(disk.path());
    device.enroll_again(&server, &proxy.url(), "small-disk").expect_exit(0);
    let mut oracle = Oracle::default();
    let agent = device.start_agent();
    unavailable(&proxy);
    oracle.promise(agent.emit(3000));
    agent.kill();
    disk.fill();
    proxy.clear();
    let agent = device.start_agent();
    device.run(&["sync", "--timeout", "5"]);
    wait("what was taken is delivered while the disk is full", || {
        (server.events().len() >= 3000).then_some(())
    });
    disk.clear();
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    account.expect(&Teeth::default());
    assert_eq!(account.ledger.dropped, 0);
}

#[test]
fn what_the_cap_takes_is_told_by_gaps_that_are_delivered() {
    let server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 3600,
        "limits": {"max_disk_mb": 16},
        "batch": {"max_interval_ms": 200},
    }));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "capped");
    let mut oracle = Oracle::default();
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    unavailable(&proxy);
    for first in (0..1200).step_by(100) {
        let lines: String = (first..first + 100)
            .map(|number| {
                let data = json!({"number": number, "content": "x".repeat(30_000)});
                format!("{}\n", json!({"name": "large", "data": data}))
            })
            .collect();
        let taken = agent.emit_lines(&lines).expect_exit(0);
        oracle.promise(taken.stdout.lines().map(ToOwned::to_owned));
        let used = bytes_below(&device.home()) >> 20;
        // Beside the cap: the ballast of 16 MiB, the log of 8, and what a group adds.
        assert!(used <= 16 + 16 + 8 + 3, "{used} MiB after {first} events");
    }
    proxy.clear();
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    account.expect(&Teeth { resends: 1, ..Teeth::default() });
    let dropped = account.ledger.dropped;
    assert!(dropped > 300, "36 MB fit into 16: {dropped} dropped");
    let gaps: Vec<Value> =
        server.events().into_iter().filter(|event| event["event_type"] == "gap").collect();
    let told: u64 = gaps.iter().map(|gap| gap["count"].as_u64().unwrap()).sum();
    assert_eq!(told, dropped);
    assert!(gaps.iter().all(|gap| gap["reason"] == "disk_cap"), "{gaps:?}");
    let kept: HashSet<u64> =
        server.events().iter().filter_map(|event| event["data"]["number"].as_u64()).collect();
    assert!((1100..1200).all(|number| kept.contains(&number)), "the newest had to go");
    eprintln!("16 MB cap: {dropped} of 1200 given up, told by {} gaps", gaps.len());
}

#[test]
fn on_a_disk_that_takes_no_writes_nothing_is_touched_and_all_is_delivered_afterwards() {
    let Some(disk) = SmallDisk::of_mib(64) else { return };
    let server = TestServer::start();
    let proxy = FaultProxy::start(server.address());
    let device = Device::within(disk.path());
    device.enroll_again(&server, &proxy.url(), "read-only").expect_exit(0);
    let mut oracle = Oracle::default();
    let agent = device.start_agent();
    unavailable(&proxy);
    oracle.promise(agent.emit(300));
    agent.kill();
    proxy.clear();
    assert!(disk.set_read_only(), "somebody has a file open");
    let refused = device.run(&["run"]).expect_exit(1);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    assert!(Ledger::read(&device.status()).pending >= 300);
    assert!(device.listed("--pending").len() >= 300);
    let refused = device.run(&["sync", "--timeout", "2"]);
    assert_ne!(refused.code, Some(0));
    assert!(disk.set_writable());
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    assert_eq!(account.faults, Vec::<String>::new());
}

#[test]
fn an_agent_whose_disk_turns_read_only_holds_events_back_and_goes_on_when_it_turns_back() {
    if !Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: there is no strace that could refuse the writes");
        return;
    }
    let server = TestServer::start();
    server.set_config(json!({"heartbeat_interval_s": 3600, "batch": {"max_interval_ms": 200}}));
    let proxy = FaultProxy::start(server.address());
    let device = Device::enrolled_through(&server, &proxy.url(), "turns-read-only");
    let mut oracle = Oracle::default();
    let agent = device.start_agent();
    oracle.promise(agent.emit(100));
    let mut tracer = Command::new("strace")
        .args(["-qq", "-f", "-o", "/dev/null"])
        .args(["-e", "trace=pwrite64,fdatasync,fsync,ftruncate"])
        .args(["-e", "inject=pwrite64,fdatasync,fsync,ftruncate:error=EROFS"])
        .args(["-p", &agent.pid().to_string()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let traced = format!("/proc/{}/status", agent.pid());
    wait("the tracer is there", || {
        let status = fs::read_to_string(&traced).unwrap();
        status
            .lines()
            .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
            .then_some(())
    });
    let mut emit = emit_one(&device, "late");
    wait("the trouble is told", || {
        device.status()["pipeline"]["last_error"]
            .as_str()
            .filter(|error| error.contains("the event log"))
            .map(drop)
    });
    assert_eq!(emit.try_wait().unwrap(), None, "an event was taken that cannot be stored");
    tracer.kill().unwrap();
    tracer.wait().unwrap();
    let back = Instant::now();
    let taken = Finished::of(&["emit"], emit.wait_with_output().unwrap()).expect_exit(0);
    assert!(back.elapsed() < GOES_ON, "it took {:?}", back.elapsed());
    oracle.promise([taken.stdout.trim().to_owned()]);
    device.run(&["sync"]).expect_exit(0);
    drop(agent);
    let account = oracle.audit(&Audit::of(&device, &server, &proxy));
    assert_eq!(account.faults, Vec::<String>::new());
    assert_eq!(account.ledger.dropped, 0);
}
