//! A walk over a desktop: windows, a title, idleness, lock, sleep; and what has to be told of it.

use std::time::Duration;

use devpulse_capture::{CapturePolicy, Desktop, Signal};
use devpulse_protocol::{ActivityType, Timestamp};

use crate::bus::FakeLogind;
use crate::capture_log::{CaptureLog, near, policy};

/// Boundaries may be off by this much.
const TOLERANCE: Duration = Duration::from_millis(500);

/// Between two steps: longer than any debouncing.
const STEP: Duration = Duration::from_millis(700);

const IDLE: Duration = Duration::from_secs(4);

/// What a person can do on a desktop.
pub(crate) trait Person {
    /// Shows a window, which then has the focus.
    fn show(&mut self, app: &str, title: &str);
    /// Gives the window that has the focus another title.
    fn retitle(&mut self, title: &str);
    fn input(&mut self);
}

fn tour_policy() -> CapturePolicy {
    let mut policy = policy();
    policy.idle_threshold = IDLE;
    policy
}

/// Walks, and fails where something else is told than what was done, or at another time.
pub(crate) async fn walk(desktop: Desktop, logind: &FakeLogind, person: &mut dyn Person) {
    let mut log = CaptureLog::start(tour_policy(), desktop);
    for signal in [Signal::Focus, Signal::Idle, Signal::Session] {
        log.serves(signal).await;
    }
    person.input();
    let mut windows = Vec::new();
    let step = async |act: &mut dyn FnMut()| {
        let at = Timestamp::now();
        act();
        log.passes(STEP).await;
        at
    };
    for (app, title) in [("one", "first"), ("two", "second"), ("three", "third")] {
        windows.push((app, title, step(&mut || person.show(app, title)).await));
        person.input();
    }
    windows.push(("three", "renamed", step(&mut || person.retitle("renamed")).await));
    let last_input = step(&mut || person.input()).await;
    let inactive = log.activity(ActivityType::Inactive).await;
    near(inactive.at, last_input, TOLERANCE);
    let back = Timestamp::now();
    person.input();
    near(log.activity(ActivityType::Active).await.at, back, TOLERANCE);

    let locked = Timestamp::now();
    logind.set_locked(true).await;
    near(log.activity(ActivityType::ScreenLocked).await.at, locked, TOLERANCE);
    log.passes(STEP).await;
    let unlocked = Timestamp::now();
    logind.set_locked(false).await;
    near(log.activity(ActivityType::ScreenUnlocked).await.at, unlocked, TOLERANCE);
    person.input();
    log.passes(STEP).await;
    let suspended = Timestamp::now();
    logind.prepare_for_sleep(true).await;
    near(log.activity(ActivityType::Suspended).await.at, suspended, TOLERANCE);
    log.passes(STEP).await;
    let woke = Timestamp::now();
    logind.prepare_for_sleep(false).await;
    near(log.activity(ActivityType::Woke).await.at, woke, TOLERANCE);
    person.input();
    log.passes(STEP).await;
    log.handle.end(ActivityType::NormalShutdown).await;
    let ended = Timestamp::now();

    let mut expected: Vec<_> = windows
        .iter()
        .enumerate()
        .map(|(index, (app, title, from))| {
            (*app, *title, *from, windows.get(index + 1).map_or(locked, |(_, _, to)| *to))
        })
        .collect();
    expected.push(("three", "renamed", unlocked, suspended));
    expected.push(("three", "renamed", woke, ended));
    let mut told = log.all_windows();
    // What a desktop shows by itself when it starts is not part of the walk.
    let begun = expected[0].2;
    told.retain(|window| window.end_time.since(begun) > TOLERANCE);
    let names: Vec<_> = told
        .iter()
        .map(|of| {
            (of.app_name.as_deref().unwrap_or("-"), of.window_title.as_deref().unwrap_or("-"))
        })
        .collect();
    let expected_names: Vec<_> = expected.iter().map(|(app, title, ..)| (*app, *title)).collect();
    assert_eq!(names, expected_names);
    for (window, (_, _, from, to)) in told.iter().zip(expected) {
        near(window.start_time, from, TOLERANCE);
        near(window.end_time, to, TOLERANCE);
        assert!(window.pid.is_some(), "{window:?} has no process");
    }
}
