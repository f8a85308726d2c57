//! The same walk over four real desktops gives the same events: X11 with openbox, Sway, KWin and
//! GNOME Shell. And what happens when a compositor dies.
//!
//! The compositors come with no usual set of packages: their tests run where
//! `DEVPULSE_REQUIRE_WAYLAND` is set, and say elsewhere that they are skipped.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so")]

#[path = "session/bus.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod bus;
#[path = "x11/capture_log.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod capture_log;
#[path = "desktops/client.rs"]
mod client;
#[path = "desktops/compositor.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod compositor;
#[path = "desktops/film.rs"]
mod film;
#[path = "desktops/gnome.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod gnome;
#[path = "desktops/tour.rs"]
mod tour;
#[path = "x11/desktop.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod x11_desktop;

use std::time::{Duration, Instant};

use bus::{FakeLogind, FakeSessionManager, PrivateBus};
use capture_log::{CaptureLog, near, policy};
use client::Client;
use compositor::{Compositor, Kind};
use devpulse_capture::{Desktop, Signal};
use devpulse_protocol::{GapReason, InhibitorRule, Rule, RuleAction, Timestamp};
use film::Viewer;
use tour::Person;
use x11_desktop::{TestWindow, VirtualDesktop, WindowManager};

/// A bus, and a compositor that uses it.
macro_rules! desktop_or_skip {
    ($kind:expr) => {
        desktop_or_skip!($kind, [1280, 800])
    };
    ($kind:expr, $size:expr) => {{
        if compositor::ran_anew(&[]) {
            return;
        }
        let Some(bus) = PrivateBus::start() else { return };
        let Some(compositor) = Compositor::start($kind, &bus.address(), $size).await else {
            return;
        };
        (bus, compositor)
    }};
}

/// What the environment of a session on it says.
fn desktop(compositor: &Compositor, bus: &PrivateBus) -> Desktop {
    let sway = compositor.kind() == Kind::Sway;
    Desktop {
        wayland_display: Some(compositor::DISPLAY.to_owned()),
        runtime_dir: Some(compositor.runtime_dir().to_owned()),
        sway_socket: sway.then(|| compositor.sway_socket()),
        session_bus: Some(compositor.session_bus().to_owned()),
        system_bus: Some(bus.address()),
        ..Desktop::default()
    }
}

async fn connected(compositor: &Compositor) -> Client {
    let input = match compositor.kind() {
        Kind::Gnome | Kind::PlainGnome => Some(gnome::input(compositor.session_bus()).await),
        Kind::Sway | Kind::KWin | Kind::StrictKWin => None,
    };
    Client::connect(&compositor.socket(), input).await
}

/// Somebody at a Wayland desktop.
struct AtWayland(Client, usize);

impl Person for AtWayland {
    fn show(&mut self, app: &str, title: &str) {
        self.1 = self.0.window(app, title, [90, 20, 160]);
    }

    fn retitle(&mut self, title: &str) {
        self.0.set_title(self.1, title);
    }

    fn input(&mut self) {
        self.0.input();
    }
}

/// Somebody at an X11 desktop.
struct AtX11<'a>(&'a x11_desktop::Client, Vec<TestWindow<'a>>);

impl Person for AtX11<'_> {
    fn show(&mut self, app: &str, title: &str) {
        self.1.push(self.0.window(app, title, [10, 10, 300, 200], [90, 20, 160]));
    }

    fn retitle(&mut self, title: &str) {
        self.1.last().unwrap().set_title(title);
    }

    fn input(&mut self) {
        self.0.input();
    }
}

async fn walk_on(kind: Kind) {
    let (bus, compositor) = desktop_or_skip!(kind);
    let logind = FakeLogind::start(&bus).await;
    let mut person = AtWayland(connected(&compositor).await, 0);
    tour::walk(desktop(&compositor, &bus), &logind, &mut person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_x11_is_told_as_it_was() {
    let Some(bus) = PrivateBus::start() else { return };
    let Some(x11) = VirtualDesktop::start(WindowManager::Openbox) else { return };
    let logind = FakeLogind::start(&bus).await;
    let client = x11.client();
    tour::walk(on_x11(&x11, &bus), &logind, &mut AtX11(&client, Vec::new())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_sway_is_told_as_it_was() {
    walk_on(Kind::Sway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_kwin_is_told_as_it_was() {
    walk_on(Kind::KWin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_gnome_is_told_as_it_was() {
    walk_on(Kind::Gnome).await;
}

/// Each signal is served by the backend that belongs there, and a screenshot shows the screen.
async fn serves(kind: Kind, backends: [&str; 4]) {
    let (bus, compositor) = desktop_or_skip!(kind);
    let _logind = FakeLogind::start(&bus).await;
    let mut client = connected(&compositor).await;
    client.window("one", "first", [200, 30, 30]);
    let mut log = CaptureLog::start(policy(), desktop(&compositor, &bus));
    for (signal, backend) in Signal::ALL.into_iter().zip(backends) {
        log.serves(signal).await;
        assert_eq!(log.status(signal).backend.as_deref(), Some(backend));
    }
    log.handle.screenshot().await.unwrap();
    let (captured, screenshot) = log.screenshot().await;
    assert_eq!([screenshot.width, screenshot.height], [1280, 800]);
    let image = captured.image.unwrap();
    let image = webp::Decoder::new(&image.bytes).decode().unwrap();
    let red = |pixel: &[u8]| pixel[0].abs_diff(200) < 12 && pixel[1] < 50 && pixel[2] < 50;
    assert!(image.chunks_exact(3).filter(|pixel| red(pixel)).count() > 400 * 300 / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn sway_is_served_by_its_own_backends() {
    serves(Kind::Sway, ["sway", "kde-idle", "logind", "wlr-screencopy"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kwin_is_served_by_its_own_backends() {
    serves(Kind::KWin, ["kwin-script", "ext-idle-notify", "logind", "kwin-screenshot2"]).await;
}

/// Without its own socket Sway is a compositor like any other: windows without processes, and
/// masks as large as monitors.
#[tokio::test(flavor = "multi_thread")]
async fn a_compositor_that_nobody_knows_is_heard_by_its_list_of_windows() {
    let (bus, compositor) = desktop_or_skip!(Kind::Sway);
    let _logind = FakeLogind::start(&bus).await;
    let mut client = connected(&compositor).await;
    client.window("one", "first", [200, 30, 30]);
    let desktop = Desktop { sway_socket: None, ..desktop(&compositor, &bus) };
    let mut log = CaptureLog::start(policy(), desktop);
    for (signal, backend) in
        [(Signal::Focus, "wlr-foreign-toplevel"), (Signal::Screen, "wlr-screencopy")]
    {
        log.serves_degraded(signal).await;
        assert_eq!(log.status(signal).backend.as_deref(), Some(backend));
    }
    log.passes(Duration::from_millis(700)).await;
    client.window("two", "second", [30, 200, 30]);
    let (_, window) = log.window().await;
    assert_eq!(window.app_name.as_deref(), Some("one"));
    assert_eq!(window.window_title.as_deref(), Some("first"));
    assert_eq!(window.pid, None);
}

/// A compositor that offers X11 too, as most do: what X11 says of focus and input is not what
/// the person does.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_wayland_display_x11_is_asked_nothing() {
    let Some(x11) = VirtualDesktop::start(WindowManager::Openbox) else { return };
    let client = x11.client();
    let _window = client.window("one", "first", [10, 10, 300, 200], [200, 30, 30]);
    let gone = Some("/nonexistent/wayland-1".to_owned());
    let log = CaptureLog::start(policy(), Desktop { wayland_display: gone, ..x11.desktop() });
    for signal in [Signal::Focus, Signal::Idle, Signal::Screen] {
        log.unavailable_because(signal, "the Wayland display").await;
    }
}

/// The colours of a screenshot: how much of it is red, green and masked.
async fn colours(log: &mut CaptureLog) -> [usize; 3] {
    log.handle.screenshot().await.unwrap();
    let (captured, _) = log.screenshot().await;
    let image = captured.image.unwrap();
    let image = webp::Decoder::new(&image.bytes).decode().unwrap();
    let count = |colour: [u8; 3]| {
        let alike = |pixel: &[u8]| pixel.iter().zip(colour).all(|(of, to)| of.abs_diff(to) < 12);
        image.chunks_exact(3).filter(|pixel| alike(pixel)).count()
    };
    [count([200, 30, 30]), count([30, 200, 30]), count([96, 96, 96])]
}

/// A window that a rule drops is masked: where it lies while another has the focus, and the
/// whole monitor while it has it, because its menus may be anywhere.
async fn hides(kind: Kind) {
    let (bus, compositor) = desktop_or_skip!(kind);
    let mut policy = policy();
    policy.window.rules =
        vec![Rule { app: Some("^secret$".to_owned()), title: None, action: RuleAction::Drop }];
    let mut client = connected(&compositor).await;
    client.window("open", "first", [30, 200, 30]);
    client.window("secret", "second", [200, 30, 30]);
    let mut log = CaptureLog::start(policy, desktop(&compositor, &bus));
    log.serves(Signal::Screen).await;
    assert_eq!(colours(&mut log).await, [0, 0, 1280 * 800]);
    client.window("open", "third", [30, 200, 30]);
    let [red, green, masked] = colours(&mut log).await;
    assert_eq!(red, 0);
    assert!(green > 10_000, "{green}");
    assert!(masked > 10_000, "{masked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_sway_that_a_rule_drops_is_in_no_screenshot() {
    hides(Kind::Sway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_kwin_that_a_rule_drops_is_in_no_screenshot() {
    hides(Kind::KWin).await;
}

/// The compositor dies and comes back; then so does capture.
async fn comes_back(kind: Kind) {
    let (bus, mut compositor) = desktop_or_skip!(kind);
    let _logind = FakeLogind::start(&bus).await;
    let mut client = connected(&compositor).await;
    client.window("one", "first", [200, 30, 30]);
    let mut log = CaptureLog::start(policy(), desktop(&compositor, &bus));
    let mut watched = vec![Signal::Focus, Signal::Idle];
    if kind != Kind::Gnome {
        watched.push(Signal::Screen);
    }
    for signal in watched.clone() {
        log.serves(signal).await;
    }
    log.passes(Duration::from_secs(1)).await;
    let died = Timestamp::now();
    compositor.kill();
    for signal in watched.clone() {
        log.unavailable(signal).await;
    }
    let (ended, window) = log.window().await;
    assert_eq!(window.app_name.as_deref(), Some("one"));
    near(ended.at, died, Duration::from_millis(500));
    log.passes(Duration::from_secs(3)).await;
    compositor.run().await;
    let back = Instant::now();
    let mut client = connected(&compositor).await;
    client.window("two", "second", [30, 200, 30]);
    for signal in watched {
        log.serves(signal).await;
    }
    let took = back.elapsed();
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    eprintln!("{kind:?}: capture was back after {took:?}");
    let gap = log.gap().await;
    assert_eq!(gap.reason, GapReason::FocusUnobserved);
    near(gap.from_time.unwrap(), died, Duration::from_millis(500));
    assert!(gap.to_time.unwrap().since(died) >= Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn capture_comes_back_after_sway_was_killed_and_the_gap_is_told() {
    comes_back(Kind::Sway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capture_comes_back_after_kwin_was_killed_and_the_gap_is_told() {
    comes_back(Kind::KWin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn capture_comes_back_after_gnome_was_killed_and_the_gap_is_told() {
    comes_back(Kind::Gnome).await;
}

/// What is measured is not how fast pixels are copied.
const SMALL: [u32; 2] = [320, 200];

/// Descriptors, threads and resident kilobytes of this process.
fn held() -> [u64; 3] {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count() as u64;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    [count("/proc/self/fd"), count("/proc/self/task"), resident]
}

/// For the first hundred the built-in rules are in force, so that the windows are listed too.
async fn stays_flat(desktop: Desktop) {
    let mut policy = policy();
    policy.screenshot.max_width = 320;
    let mut log = CaptureLog::start(policy.clone(), desktop);
    log.serves(Signal::Screen).await;
    let mut after_some = None;
    for taken in 0..540 {
        if taken == 100 {
            policy.window.builtin_rules = false;
            log.handle.apply(policy.clone());
        }
        log.handle.screenshot().await.unwrap();
        log.forget();
        if taken == 40 {
            after_some = Some(held());
        }
    }
    let (before, after) = (after_some.unwrap(), held());
    eprintln!("descriptors, threads, KiB: {before:?} after 40 captures, {after:?} after 540");
    assert!(after[0] <= before[0] + 2, "{before:?} became {after:?}");
    assert!(after[1] <= before[1] + 4, "{before:?} became {after:?}");
    assert!(after[2] <= before[2] + 8 * 1024, "{before:?} became {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_screenshots_of_sway_leave_nothing_behind() {
    let (bus, compositor) = desktop_or_skip!(Kind::Sway, SMALL);
    let mut client = connected(&compositor).await;
    client.window("one", "first", [200, 30, 30]);
    stays_flat(desktop(&compositor, &bus)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_screenshots_of_kwin_leave_nothing_behind() {
    let (bus, compositor) = desktop_or_skip!(Kind::KWin, SMALL);
    let mut client = connected(&compositor).await;
    client.window("one", "first", [200, 30, 30]);
    stays_flat(desktop(&compositor, &bus)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_screenshots_of_x11_leave_nothing_behind() {
    let Some(x11) = VirtualDesktop::start(WindowManager::Openbox) else { return };
    x11.set_monitors(&["320/170x200/160+0+0"]);
    let client = x11.client();
    let _window = client.window("one", "first", [10, 10, 300, 200], [200, 30, 30]);
    stays_flat(x11.desktop()).await;
}

/// A window of a compositor shows the film.
impl Viewer for AtWayland {
    async fn film(&mut self, runs: bool) {
        self.0.film(runs);
    }

    async fn input(&mut self) {
        self.0.input();
    }
}

/// A program asks logind to keep the screen awake.
struct AsksLogind<'a>(&'a x11_desktop::Client, FakeLogind);

impl Viewer for AsksLogind<'_> {
    async fn film(&mut self, runs: bool) {
        self.1.block(if runs { "sleep:idle" } else { "sleep" }).await;
    }

    async fn input(&mut self) {
        self.0.input();
    }
}

/// A program, or the portal for it, asks the session manager to keep the screen awake.
struct AsksSession<'a>(&'a x11_desktop::Client, FakeSessionManager);

impl Viewer for AsksSession<'_> {
    async fn film(&mut self, runs: bool) {
        self.1.inhibit(runs).await;
    }

    async fn input(&mut self) {
        self.0.input();
    }
}

fn on_x11(x11: &VirtualDesktop, bus: &PrivateBus) -> Desktop {
    Desktop { system_bus: Some(bus.address()), session_bus: Some(bus.address()), ..x11.desktop() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_is_there_by_the_word_of_logind_and_not_where_the_policy_says_so() {
    let Some(bus) = PrivateBus::start() else { return };
    let Some(x11) = VirtualDesktop::start(WindowManager::Openbox) else { return };
    let client = x11.client();
    let mut viewer = AsksLogind(&client, FakeLogind::start(&bus).await);
    film::counts(on_x11(&x11, &bus), &mut viewer).await;
    film::does_not_count(on_x11(&x11, &bus), &mut viewer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_is_there_by_the_word_of_the_session_manager() {
    let Some(bus) = PrivateBus::start() else { return };
    let Some(x11) = VirtualDesktop::start(WindowManager::Openbox) else { return };
    let _logind = FakeLogind::start(&bus).await;
    let client = x11.client();
    let mut viewer = AsksSession(&client, FakeSessionManager::start(&bus).await);
    film::counts(on_x11(&x11, &bus), &mut viewer).await;
}

async fn listens(kind: Kind) {
    let (bus, compositor) = desktop_or_skip!(kind);
    let _logind = FakeLogind::start(&bus).await;
    let mut viewer = AtWayland(connected(&compositor).await, 0);
    viewer.0.window("player", "a film", [90, 20, 160]);
    let desktop = self::desktop(&compositor, &bus);
    film::counts(desktop.clone(), &mut viewer).await;
    let log = CaptureLog::start(film::rule(InhibitorRule::Ignored), desktop);
    log.serves_degraded(Signal::Idle).await;
    let detail = log.status(Signal::Idle).detail.unwrap();
    assert!(detail.contains("although the policy"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_is_there_by_the_word_of_sway() {
    listens(Kind::Sway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_is_there_by_the_word_of_kwin() {
    listens(Kind::KWin).await;
}
