//! Lock, sleep and shutdown against a real message bus, on which a logind and a screen saver
//! do what the test says.
//!
//! Without dbus-daemon the tests say that they are skipped and pass; with
//! `DEVPULSE_REQUIRE_DESKTOP` set they fail.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so")]

#[path = "session/bus.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod bus;

use std::time::{Duration, Instant};

use bus::{FakeLogind, FakeSaver, PrivateBus};
use devpulse_capture::{
    Capture, CaptureHandle, CapturePolicy, Captured, Desktop, SignalStatus, Urgency,
};
use devpulse_protocol::{ActivityType, CapabilityState, Config, EventBody};
use tokio::sync::mpsc;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

macro_rules! bus_or_skip {
    () => {
        match PrivateBus::start() {
            Some(bus) => bus,
            None => return,
        }
    };
}

struct Log {
    handle: CaptureHandle,
    events: mpsc::Receiver<Captured>,
}

impl Log {
    fn start(desktop: Desktop) -> Self {
        let (out, events) = mpsc::channel(64);
        let policy = CapturePolicy::from_config(&Config::default(), [7; 32]);
        Self { handle: Capture::start(policy, desktop, out), events }
    }

    /// Capture that has heard how things are.
    async fn serving(desktop: Desktop, state: CapabilityState) -> Self {
        let mut log = Self::start(desktop);
        log.activity(ActivityType::Started).await;
        log.session_becomes(|status| status.state == state).await;
        log
    }

    /// The next event is this activity.
    async fn activity(&mut self, expected: ActivityType) -> Captured {
        let next = timeout(DEADLINE, self.events.recv()).await;
        let captured = next.unwrap_or_else(|_| panic!("waited in vain for {expected:?}")).unwrap();
        let EventBody::Activity(activity) = &captured.body else { panic!("{captured:?}") };
        assert_eq!(activity.activity_type, expected);
        captured
    }

    async fn session_becomes(&self, wanted: impl Fn(&SignalStatus) -> bool) -> SignalStatus {
        let mut signals = self.handle.signals();
        let reached = timeout(DEADLINE, signals.wait_for(|signals| wanted(&signals.session))).await;
        let Ok(reached) = reached else { panic!("{:?}", self.handle.signals().borrow().session) };
        reached.unwrap().session.clone()
    }
}

fn system(bus: &PrivateBus) -> Desktop {
    Desktop { system_bus: Some(bus.address()), ..Desktop::default() }
}

#[tokio::test]
async fn lock_sleep_and_shutdown_are_told_once_each_and_in_order() {
    let bus = bus_or_skip!();
    let logind = FakeLogind::start(&bus).await;
    let saver = FakeSaver::start(&bus).await;
    let desktop = Desktop { session_bus: Some(bus.address()), ..system(&bus) };
    let mut log = Log::serving(desktop, CapabilityState::Ok).await;
    saver.set_active(true).await;
    log.activity(ActivityType::ScreenLocked).await;
    logind.set_locked(true).await;
    logind.ask_for_lock().await;
    logind.set_locked(false).await;
    let unlocked = log.activity(ActivityType::ScreenUnlocked).await;
    assert_eq!(unlocked.urgency, Urgency::Edge);
    saver.set_active(false).await;
    logind.prepare_for_sleep(true).await;
    log.activity(ActivityType::Suspended).await;
    logind.prepare_for_sleep(false).await;
    log.activity(ActivityType::Woke).await;
    logind.prepare_for_shutdown(true).await;
    log.activity(ActivityType::SystemShutdown).await;
    log.handle.end(ActivityType::NormalShutdown).await;
    assert!(log.events.try_recv().is_err());
}

#[tokio::test]
async fn the_machine_waits_until_the_last_event_is_durable_and_is_held_again_when_it_wakes() {
    let bus = bus_or_skip!();
    let logind = FakeLogind::start(&bus).await;
    let mut log = Log::serving(system(&bus), CapabilityState::Ok).await;
    assert_eq!(logind.inhibitors(), [true]);
    logind.prepare_for_sleep(true).await;
    let suspended = log.activity(ActivityType::Suspended).await;
    // Desktops lock while they go to sleep: that is waited for too.
    logind.set_locked(true).await;
    let locked = log.activity(ActivityType::ScreenLocked).await;
    suspended.durable.unwrap().send(()).ok();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(logind.inhibitors(), [true]);
    locked.durable.unwrap().send(()).unwrap();
    logind.inhibitors_become(&[false]).await;
    logind.prepare_for_sleep(false).await;
    log.activity(ActivityType::Woke).await;
    logind.inhibitors_become(&[false, true]).await;

    logind.prepare_for_shutdown(true).await;
    let shutdown = log.activity(ActivityType::SystemShutdown).await;
    assert_eq!(logind.inhibitors(), [false, true]);
    shutdown.durable.unwrap().send(()).unwrap();
    logind.inhibitors_become(&[false, false]).await;
}

#[tokio::test]
async fn a_disk_that_hangs_holds_the_machine_for_four_seconds_and_no_longer() {
    let bus = bus_or_skip!();
    let logind = FakeLogind::start(&bus).await;
    let mut log = Log::serving(system(&bus), CapabilityState::Ok).await;
    let asked = Instant::now();
    logind.prepare_for_sleep(true).await;
    let _never_durable = log.activity(ActivityType::Suspended).await;
    logind.inhibitors_become(&[false]).await;
    let held = asked.elapsed();
    assert!(
        (Duration::from_millis(3_900)..Duration::from_millis(4_800)).contains(&held),
        "{held:?}"
    );
}

#[tokio::test]
async fn an_agent_that_starts_behind_a_lock_says_so() {
    let bus = bus_or_skip!();
    let logind = FakeLogind::start(&bus).await;
    logind.set_locked(true).await;
    let desktop = Desktop { session_id: Some("1".to_owned()), ..system(&bus) };
    let mut log = Log::serving(desktop, CapabilityState::Ok).await;
    log.activity(ActivityType::ScreenLocked).await;
    logind.set_locked(false).await;
    log.activity(ActivityType::ScreenUnlocked).await;
}

#[tokio::test]
async fn a_bus_that_restarts_is_found_again() {
    let mut bus = bus_or_skip!();
    let logind = FakeLogind::start(&bus).await;
    let mut log = Log::serving(system(&bus), CapabilityState::Ok).await;
    drop(logind);
    bus.stop();
    let lost = log.session_becomes(|status| status.state == CapabilityState::Unavailable).await;
    assert!(lost.detail.is_some());
    bus.start_again();
    let logind = FakeLogind::start(&bus).await;
    log.session_becomes(|status| status.state == CapabilityState::Ok).await;
    assert_eq!(logind.inhibitors(), [true]);
    logind.set_locked(true).await;
    log.activity(ActivityType::ScreenLocked).await;
}

#[tokio::test]
async fn without_logind_the_screen_saver_tells_of_locks_until_logind_is_there() {
    let bus = bus_or_skip!();
    let saver = FakeSaver::start(&bus).await;
    let desktop = Desktop { session_bus: Some(bus.address()), ..system(&bus) };
    let mut log = Log::serving(desktop, CapabilityState::Degraded).await;
    let status = log.handle.signals().borrow().session.clone();
    assert_eq!(status.backend.as_deref(), Some("screensaver"));
    assert!(status.detail.is_some_and(|detail| detail.contains("logind does not serve")));
    saver.set_active(true).await;
    log.activity(ActivityType::ScreenLocked).await;
    saver.set_active(false).await;
    log.activity(ActivityType::ScreenUnlocked).await;

    let logind = FakeLogind::start(&bus).await;
    let status = log.session_becomes(|status| status.state == CapabilityState::Ok).await;
    assert_eq!(status.backend.as_deref(), Some("logind"));
    logind.prepare_for_sleep(true).await;
    log.activity(ActivityType::Suspended).await;
}

#[tokio::test]
async fn what_is_missing_is_said_plainly() {
    let nothing = Log::start(Desktop::default());
    nothing.session_becomes(|status| reason(status).contains("no system bus")).await;

    let bus = bus_or_skip!();
    let no_logind = Log::start(system(&bus));
    no_logind.session_becomes(|status| reason(status).contains("logind does not run")).await;
    let gone = Desktop { system_bus: Some("unix:path=/nowhere".into()), ..Desktop::default() };
    let no_bus = Log::start(gone);
    no_bus.session_becomes(|status| reason(status).contains("does not answer")).await;

    let _logind = FakeLogind::start(&bus).await;
    let session_bus = Some("unix:path=/nowhere".into());
    let half = Log::start(Desktop { session_bus, ..system(&bus) });
    let status = half.session_becomes(|status| reason(status).contains("session bus")).await;
    assert_eq!(status.state, CapabilityState::Degraded);
}

fn reason(status: &SignalStatus) -> String {
    status.detail.clone().unwrap_or_default()
}

#[tokio::test]
async fn nobody_but_logind_is_believed() {
    let bus = bus_or_skip!();
    let logind = FakeLogind::start(&bus).await;
    let mut log = Log::serving(system(&bus), CapabilityState::Ok).await;
    bus.pretend_to_shut_down().await;
    logind.set_locked(true).await;
    log.activity(ActivityType::ScreenLocked).await;
}
