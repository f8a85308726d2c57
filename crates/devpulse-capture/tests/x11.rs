//! The X11 backends against a real X server: windows are made and drawn by the tests
//! themselves, a real window manager gives them the focus.
//!
//! Without Xvfb, openbox and xrandr the tests say that they are skipped and pass; with
//! `DEVPULSE_REQUIRE_DESKTOP` set they fail.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so")]

#[path = "x11/capture_log.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod capture_log;
#[path = "x11/desktop.rs"]
mod desktop;

use std::time::{Duration, Instant};

use capture_log::{CaptureLog, policy};
use desktop::{VirtualDesktop, WindowManager};
use devpulse_capture::{CheckpointUpdate, Desktop, Figures, ScreenshotError, Signal, Urgency};
use devpulse_protocol::{
    ActivityType, CapabilityState, EventBody, HeartbeatType, ImageFormat, Rule, RuleAction,
    TitlePolicy, Trigger,
};

fn display(name: &str) -> Desktop {
    Desktop { display: Some(name.to_owned()), ..Desktop::default() }
}

const RED: [u8; 3] = [200, 30, 30];
const BLUE: [u8; 3] = [20, 40, 180];

/// How far a boundary may lie from the call that caused it.
const LATENCY: Duration = Duration::from_millis(250);

macro_rules! desktop_or_skip {
    ($manager:expr) => {
        match VirtualDesktop::start($manager) {
            Some(desktop) => desktop,
            None => return,
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_are_reported_with_title_application_process_and_duration() {
    let desktop = desktop_or_skip!(WindowManager::Openbox);
    let client = desktop.client();
    let editor = client.window("Editor", "notes.txt", [0, 0, 200, 200], RED);
    let browser = client.window("Browser", "Start", [300, 0, 200, 200], BLUE);
    desktop.focus(&editor);
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.activity(ActivityType::Started).await;
    log.serves(Signal::Focus).await;

    let focused_editor = log.wall_now();
    log.passes(Duration::from_millis(1_300)).await;
    let moved = log.wall_now();
    desktop.focus(&browser);
    let (_, first) = log.window().await;
    assert_eq!(first.window_title.as_deref(), Some("notes.txt"));
    assert_eq!(first.app_name.as_deref(), Some("Editor"));
    assert_eq!(first.pid, Some(std::process::id()));
    assert!(!first.recovered);
    capture_log::near(first.end_time, moved, LATENCY);
    assert!(first.start_time.since(focused_editor) < LATENCY);

    log.passes(Duration::from_millis(1_200)).await;
    let renamed = log.wall_now();
    browser.set_title("Inbox \u{2014} \u{4f60}\u{597d}");
    let (captured, second) = log.window().await;
    assert_eq!(second.window_title.as_deref(), Some("Start"));
    assert_eq!(second.start_time, first.end_time);
    capture_log::near(second.end_time, renamed, LATENCY);
    let CheckpointUpdate::Set(open) = captured.checkpoint else { panic!("no checkpoint") };

    log.passes(Duration::from_millis(600)).await;
    log.handle.end(ActivityType::NormalShutdown).await;
    let (captured, third) = log.window().await;
    assert_eq!(captured.event_id, open.event_id);
    assert_eq!(third.window_title.as_deref(), Some("Inbox \u{2014} \u{4f60}\u{597d}"));
    assert_eq!(third.start_time, second.end_time);
    assert_eq!(captured.checkpoint, CheckpointUpdate::Clear);
    for window in [&first, &second, &third] {
        let length = window.end_time.since(window.start_time).as_secs_f64();
        assert!((length - window.duration).abs() < 1e-9, "{window:?}");
    }
    let end = log.activity(ActivityType::NormalShutdown).await;
    assert_eq!(end.urgency, Urgency::Edge);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_in_latin1_and_a_window_without_title_are_read() {
    let desktop = desktop_or_skip!(WindowManager::Openbox);
    let client = desktop.client();
    let old = client.window("Old", "", [0, 0, 100, 100], RED);
    old.set_latin1_title(b"caf\xe9");
    let bare = client.window("Bare", "", [200, 0, 100, 100], RED);
    desktop.focus(&old);
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.serves(Signal::Focus).await;
    log.passes(Duration::from_millis(100)).await;
    desktop.focus(&bare);
    assert_eq!(log.window().await.1.window_title.as_deref(), Some("caf\u{e9}"));
    log.passes(Duration::from_millis(100)).await;
    drop(bare);
    let (_, window) = log.window().await;
    assert_eq!((window.app_name.as_deref(), window.window_title), (Some("Bare"), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_that_come_and_go_at_once_do_no_harm() {
    let desktop = desktop_or_skip!(WindowManager::Openbox);
    let client = desktop.client();
    let stays = client.window("Stays", "here", [0, 0, 100, 100], RED);
    desktop.focus(&stays);
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.serves(Signal::Focus).await;
    for _ in 0..30 {
        drop(client.window("Brief", "gone", [200, 0, 100, 100], BLUE));
    }
    desktop.focus(&stays);
    log.passes(Duration::from_millis(300)).await;
    assert_eq!(log.status(Signal::Focus).state, CapabilityState::Ok);
    log.handle.end(ActivityType::NormalShutdown).await;
    let windows = log.windows_until_end().await;
    let last = windows.last().unwrap();
    assert_eq!(last.window_title.as_deref(), Some("here"));
    for pair in windows.windows(2) {
        assert!(pair[0].end_time <= pair[1].start_time);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_window_manager_the_input_focus_is_followed_and_the_signal_is_degraded() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let one = client.window("One", "one", [0, 0, 100, 100], RED);
    let two = client.window("Two", "two", [200, 0, 100, 100], BLUE);
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.serves_degraded(Signal::Focus).await;
    one.take_input_focus();
    log.passes(Duration::from_millis(300)).await;
    two.take_input_focus();
    let (_, window) = log.window().await;
    assert_eq!(window.app_name.as_deref(), Some("One"));
    log.passes(Duration::from_millis(700)).await;
    two.set_title("changed");
    let (_, window) = log.window().await;
    assert_eq!(window.window_title.as_deref(), Some("two"));

    let _manager = desktop.start_openbox();
    desktop.focus(&one);
    log.serves(Signal::Focus).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inactive_is_dated_back_to_the_last_input_and_active_follows_the_next() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let mut settings = policy();
    settings.idle_threshold = Duration::from_secs(1);
    client.input();
    let mut log = CaptureLog::start(settings.clone(), desktop.desktop());
    log.serves(Signal::Idle).await;
    for _ in 0..3 {
        log.passes(Duration::from_millis(100)).await;
        client.input();
        let last_input = log.wall_now();
        let away = log.activity(ActivityType::Inactive).await;
        capture_log::near(away.at, last_input, LATENCY);
        assert!(log.wall_now().since(last_input) >= Duration::from_millis(900));
        log.passes(Duration::from_millis(200)).await;
        let back = log.wall_now();
        client.input();
        capture_log::near(log.activity(ActivityType::Active).await.at, back, LATENCY);
    }
    let last_input = log.wall_now();
    settings.idle_threshold = Duration::from_secs(3600);
    log.handle.apply(settings.clone());
    log.passes(Duration::from_millis(1_500)).await;
    log.nothing();
    settings.idle_threshold = Duration::from_secs(1);
    log.handle.apply(settings.clone());
    capture_log::near(log.activity(ActivityType::Inactive).await.at, last_input, LATENCY);
    settings.idle_threshold = Duration::from_secs(3600);
    log.handle.apply(settings);
    log.passes(Duration::from_millis(300)).await;
    log.nothing();
    client.input();
    log.activity(ActivityType::Active).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_is_away_at_the_start_is_reported_with_the_time_they_left() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    client.input();
    let before = Instant::now();
    let mut settings = policy();
    settings.idle_threshold = Duration::from_secs(1);
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let mut log = CaptureLog::start(settings, desktop.desktop());
    let started = log.activity(ActivityType::Started).await;
    let away = log.activity(ActivityType::Inactive).await;
    assert!(started.at.since(away.at) >= Duration::from_millis(1_000));
    capture_log::near(away.at, log.wall_now().minus(before.elapsed()), LATENCY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_monitor_is_captured_as_it_looks_and_the_same_picture_is_not_sent_twice() {
    let desktop = desktop_or_skip!(WindowManager::None);
    desktop.split_monitors();
    let client = desktop.client();
    let left = client.window("Left", "left", [0, 0, 640, 600], RED);
    let _right = client.window("Right", "right", [640, 0, 640, 600], BLUE);
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.activity(ActivityType::Started).await;
    log.serves(Signal::Screen).await;

    let answered = log.handle.screenshot().await.unwrap();
    let mut firsts = Vec::new();
    for (index, colour) in [RED, BLUE].into_iter().enumerate() {
        let (captured, shot) = log.screenshot().await;
        assert_eq!(shot, answered[index]);
        assert_eq!((shot.monitor_index as usize, shot.monitor_count), (index, 2));
        assert_eq!((shot.width, shot.height), (640, 600));
        assert_eq!((shot.format, shot.trigger), (ImageFormat::Webp, Trigger::Manual));
        assert_eq!(shot.duplicate_of, None);
        let image = captured.image.unwrap();
        assert_eq!(image.sha256_hex, shot.screenshot_hash);
        assert_eq!(image.bytes.len() as u64, shot.size_bytes);
        assert_eq!(image.media_type, "image/webp");
        capture_log::all_pixels_are(&image.bytes, colour);
        firsts.push((captured.event_id, shot));
    }

    left.fill(BLUE);
    log.handle.screenshot().await.unwrap();
    let (captured, changed) = log.screenshot().await;
    assert_eq!(changed.duplicate_of, None);
    capture_log::all_pixels_are(&captured.image.unwrap().bytes, BLUE);
    let (captured, same) = log.screenshot().await;
    assert!(captured.image.is_none());
    assert_eq!(same.duplicate_of, Some(firsts[1].0));
    assert_eq!(same.screenshot_hash, firsts[1].1.screenshot_hash);
    assert_eq!(same.size_bytes, firsts[1].1.size_bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_policy_holds_for_the_next_picture() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let _window = client.window("Window", "window", [0, 0, 640, 600], RED);
    let mut settings = policy();
    let mut log = CaptureLog::start(settings.clone(), desktop.desktop());
    log.serves(Signal::Screen).await;
    settings.screenshot.format = ImageFormat::Png;
    settings.screenshot.max_width = 320;
    log.handle.apply(settings.clone());
    let shot = log.handle.screenshot().await.unwrap().remove(0);
    assert_eq!((shot.format, shot.width, shot.height), (ImageFormat::Png, 320, 150));
    settings.screenshot.format = ImageFormat::Jpeg;
    log.handle.apply(settings.clone());
    assert_eq!(log.handle.screenshot().await.unwrap()[0].format, ImageFormat::Jpeg);

    settings.screenshot.interval = Duration::from_secs(1);
    settings.screenshot.jitter = 0.0;
    log.handle.apply(settings.clone());
    while log.screenshot().await.1.trigger != Trigger::Periodic {}
    settings.screenshot.enabled = false;
    log.handle.apply(settings);
    let refused = log.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Policy));
    log.forget();
    log.passes(Duration::from_millis(1_500)).await;
    log.nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rule_hides_is_hidden_in_titles_and_in_pictures() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let open = client.window("Open", "open", [0, 0, 1280, 600], BLUE);
    let secret = client.window("Vault", "passwords", [100, 100, 200, 200], RED);
    let mut settings = policy();
    settings.window.rules =
        vec![Rule { app: Some("^Vault$".into()), title: None, action: RuleAction::AppOnly }];
    settings.screenshot.format = ImageFormat::Png;
    let mut log = CaptureLog::start(settings.clone(), desktop.desktop());
    log.serves_degraded(Signal::Focus).await;
    log.serves(Signal::Screen).await;
    secret.take_input_focus();
    log.passes(Duration::from_millis(300)).await;
    log.handle.screenshot().await.unwrap();
    let pixels = capture_log::png_pixels(&log.screenshot().await.0.image.unwrap().bytes);
    assert!(!pixels.contains(&RED));
    assert_eq!(pixels.iter().filter(|pixel| **pixel != BLUE).count(), 200 * 200);

    settings.window.rules.clear();
    settings.window.title_policy = TitlePolicy::Hash;
    log.handle.apply(settings);
    let (_, window) = log.window().await;
    assert_eq!((window.app_name.as_deref(), window.window_title), (Some("Vault"), None));
    log.handle.screenshot().await.unwrap();
    let pixels = capture_log::png_pixels(&log.screenshot().await.0.image.unwrap().bytes);
    assert_eq!(pixels.iter().filter(|pixel| **pixel == RED).count(), 200 * 200);
    open.take_input_focus();
    let hashed = log.window().await.1.window_title.unwrap();
    assert_eq!(hashed.len(), 64);
    assert!(hashed.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_display_makes_hooks_unavailable_and_its_return_brings_them_back() {
    let mut desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let window = client.window("One", "one", [0, 0, 100, 100], RED);
    window.take_input_focus();
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.serves_degraded(Signal::Focus).await;
    for signal in [Signal::Idle, Signal::Screen] {
        log.serves(signal).await;
    }
    log.passes(Duration::from_millis(200)).await;
    desktop.kill_server();
    let (_, window) = log.window().await;
    assert_eq!(window.window_title.as_deref(), Some("one"));
    for signal in [Signal::Focus, Signal::Idle, Signal::Screen] {
        log.unavailable(signal).await;
    }
    let refused = log.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Unavailable(_)), "{refused}");
    log.handle.heartbeat(HeartbeatType::Regular, Figures::default()).await;
    let states = log.heartbeat().await.1.capabilities;
    assert_eq!(states["focus"], CapabilityState::Unavailable);

    desktop.restart_server();
    log.serves_degraded(Signal::Focus).await;
    log.serves(Signal::Screen).await;
    let client = desktop.client();
    let _window = client.window("Two", "two", [0, 0, 100, 100], RED);
    log.handle.screenshot().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_screen_is_said_to_be_black_and_not_sent() {
    let desktop = desktop_or_skip!(WindowManager::None);
    desktop.split_monitors();
    let client = desktop.client();
    let _black = client.window("Black", "black", [0, 0, 1280, 600], [0, 0, 0]);
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.activity(ActivityType::Started).await;
    log.serves(Signal::Screen).await;
    let refused = log.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Black), "{refused}");
    log.serves_degraded(Signal::Screen).await;
    log.nothing_but_windows();

    let _window = client.window("Window", "window", [640, 0, 640, 600], RED);
    let shot = log.handle.screenshot().await.unwrap().remove(0);
    assert_eq!((shot.monitor_index, shot.monitor_count), (1, 2));
    let detail = log.status(Signal::Screen).detail.unwrap();
    assert!(detail.starts_with("1 of 2 monitors"), "{detail}");
    let _other = client.window("Window", "window", [0, 0, 640, 600], BLUE);
    assert_eq!(log.handle.screenshot().await.unwrap().len(), 2);
    log.serves(Signal::Screen).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitors_that_stand_upright_or_lie_apart_are_captured_where_they_are() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let _left = client.window("Left", "left", [0, 0, 400, 600], RED);
    let _right = client.window("Right", "right", [400, 0, 880, 600], BLUE);
    desktop.set_monitors(&["300/80x600/160+0+0", "200/80x100/40+1080+500"]);
    let mut settings = policy();
    settings.screenshot.format = ImageFormat::Png;
    let mut log = CaptureLog::start(settings, desktop.desktop());
    log.serves(Signal::Screen).await;
    log.handle.screenshot().await.unwrap();
    let expected = [([300, 600], RED), ([200, 100], BLUE)];
    for ([width, height], colour) in expected {
        let (captured, shot) = log.screenshot().await;
        assert_eq!([shot.width, shot.height], [width, height]);
        let pixels = capture_log::png_pixels(&captured.image.unwrap().bytes);
        assert!(pixels.iter().all(|pixel| *pixel == colour));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_focus_is_captured_where_the_policy_says_so() {
    let desktop = desktop_or_skip!(WindowManager::Openbox);
    let client = desktop.client();
    let one = client.window("One", "one", [0, 0, 400, 400], RED);
    let two = client.window("Two", "two", [500, 0, 400, 400], BLUE);
    let mut settings = policy();
    settings.screenshot.triggers = vec![Trigger::WindowChange];
    let mut log = CaptureLog::start(settings, desktop.desktop());
    log.serves(Signal::Focus).await;
    log.serves(Signal::Screen).await;
    desktop.focus(&one);
    desktop.focus(&two);
    desktop.focus(&one);
    assert_eq!(log.screenshot().await.1.trigger, Trigger::WindowChange);
    log.passes(Duration::from_millis(700)).await;
    log.nothing_but_windows();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_display_that_hangs_holds_nothing_up() {
    let desktop = desktop_or_skip!(WindowManager::None);
    let client = desktop.client();
    let window = client.window("One", "one", [0, 0, 100, 100], RED);
    window.take_input_focus();
    let mut log = CaptureLog::start(policy(), desktop.desktop());
    log.serves_degraded(Signal::Focus).await;
    log.serves(Signal::Screen).await;
    log.passes(Duration::from_millis(200)).await;
    desktop.stop_server();
    let asked = Instant::now();
    let refused = log.handle.screenshot().await;
    assert!(refused.is_err());
    assert!(asked.elapsed() < Duration::from_secs(6));
    log.handle.heartbeat(HeartbeatType::Regular, Figures::default()).await;
    let (captured, _) = log.heartbeat().await;
    assert!(matches!(captured.checkpoint, CheckpointUpdate::Set(_)));
    desktop.wake_server();
    log.handle.screenshot().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_display_capture_starts_and_says_what_is_missing() {
    for (desktop, reason) in [
        (Desktop::default(), "DISPLAY is not set"),
        (Desktop { wayland_display: Some("wayland-0".into()), ..display(":0") }, "Wayland display"),
        (display("nonsense"), "no X display"),
        (display(":65000"), "no X display"),
        (display(":59000"), "does not answer"),
    ] {
        let mut log = CaptureLog::start(policy(), desktop);
        let started = log.activity(ActivityType::Started).await;
        assert_eq!(started.urgency, Urgency::Edge);
        for signal in [Signal::Focus, Signal::Idle, Signal::Screen] {
            log.unavailable_because(signal, reason).await;
        }
        log.unavailable_because(Signal::Session, "no system bus").await;
        log.handle.heartbeat(HeartbeatType::Final, Figures::default()).await;
        let (captured, heartbeat) = log.heartbeat().await;
        assert_eq!(captured.checkpoint, CheckpointUpdate::Clear);
        assert!(matches!(captured.body, EventBody::Heartbeat(_)));
        assert_eq!(heartbeat.capabilities.len(), 4);
    }
}
