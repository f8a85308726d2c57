//! Lock, sleep and shutdown, as logind tells of them on a message bus of the test's own.
//! Where dbus-daemon is missing the tests say so and pass, unless `DEVPULSE_REQUIRE_DESKTOP`
//! is set.

#[allow(dead_code, reason = "the tests of the hooks use the rest")]
#[path = "../../crates/devpulse-capture/tests/session/bus.rs"]
mod bus;

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::agent::{Agent, Device, TestServer, wait};
use bus::{FakeLogind, PrivateBus};

/// How soon an event is durable that somebody waits for; logind waits for five seconds.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A machine that sleeps when the test says so.
struct Machine {
    logind: FakeLogind,
    bus: PrivateBus,
    runtime: Runtime,
}

impl Machine {
    fn start() -> Option<Self> {
        let bus = PrivateBus::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let logind = runtime.block_on(FakeLogind::start(&bus));
        Some(Self { logind, bus, runtime })
    }

    fn device(&self, server: &TestServer) -> Device {
        Device::enrolled(server).with("DBUS_SYSTEM_BUS_ADDRESS", &self.bus.address())
    }

    fn locks(&self, locked: bool) {
        self.runtime.block_on(self.logind.set_locked(locked));
    }

    fn sleeps(&self, begins: bool) {
        self.runtime.block_on(self.logind.prepare_for_sleep(begins));
    }

    fn shuts_down(&self) {
        self.runtime.block_on(self.logind.prepare_for_shutdown(true));
    }

    /// Waits until the inhibitors are held as given, and says how long it took.
    fn holds(&self, wanted: &[bool]) -> Duration {
        let begun = Instant::now();
        self.runtime.block_on(self.logind.inhibitors_become(wanted));
        begun.elapsed()
    }
}

fn served(device: &Device) -> Agent<'_> {
    let agent = device.start_agent();
    wait("logind is heard", || {
        let session = &device.status()["capture"]["session"];
        (session["state"] == "ok" && session["backend"] == "logind").then_some(())
    });
    agent
}

fn names(events: &[Value]) -> Vec<&str> {
    let names = ["activity_type", "heartbeat_type"];
    events.iter().filter_map(|event| names.iter().find_map(|name| event[*name].as_str())).collect()
}

#[test]
fn what_logind_tells_reaches_the_server_in_order_and_each_thing_once() {
    let Some(machine) = Machine::start() else { return };
    let server = TestServer::start();
    let device = machine.device(&server);
    let agent = served(&device);
    assert_eq!(machine.logind.inhibitors(), [true]);
    machine.locks(true);
    machine.locks(false);
    machine.sleeps(true);
    machine.holds(&[false]);
    machine.sleeps(false);
    machine.holds(&[false, true]);
    machine.shuts_down();
    machine.holds(&[false, false]);
    agent.signal("-TERM");
    let expected = [
        "started",
        "screen_locked",
        "screen_unlocked",
        "suspended",
        "woke",
        "system_shutdown",
        "final",
    ];
    assert_eq!(names(&server.events()), expected);
    for log in std::fs::read_dir(device.home().join("logs")).unwrap() {
        let log = std::fs::read_to_string(log.unwrap().path()).unwrap();
        assert!(!log.contains(" WARN "), "an end that was asked for is no trouble:\n{log}");
    }
}

#[test]
fn the_machine_is_let_go_once_its_last_event_is_on_disk_and_soon() {
    let Some(machine) = Machine::start() else { return };
    let mut server = TestServer::start();
    let device = machine.device(&server);
    server.stop();
    let agent = served(&device);
    machine.sleeps(true);
    let held = machine.holds(&[false]);
    // What is on disk outlives the process.
    agent.kill();
    assert!(held < AT_ONCE, "sleep was held up for {held:?}");
    assert_eq!(names(&device.listed("--pending")), ["started", "suspended"]);

    let agent = served(&device);
    machine.holds(&[false, true]);
    machine.locks(true);
    machine.shuts_down();
    machine.holds(&[false, false]);
    agent.kill();
    let pending = device.listed("--pending");
    let last = ["started", "screen_locked", "system_shutdown"];
    assert!(names(&pending).ends_with(&last), "{pending:?}");
}
