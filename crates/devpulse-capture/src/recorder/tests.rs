mod health;
mod power;
mod present;

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use devpulse_protocol::{CapabilityState, Config, Timestamp, Window};
use tokio::time::{Instant, advance, timeout};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::capture::{Capture, CaptureHandle};
use crate::desktop::Desktop;
use crate::hook::{
    Backends, BoxFuture, Hook, HookError, Observations, Probe, Refusal, SessionChange, WindowFacts,
};
use crate::screenshot::{Area, Frame, GrabError, ScreenGrabber, VisibleWindow};

/// A hook that says what the test tells it, until the test ends it.
struct Puppet {
    signal: Signal,
    says: mpsc::UnboundedReceiver<Observation>,
}

impl Hook for Puppet {
    fn signal(&self) -> Signal {
        self.signal
    }

    fn backend(&self) -> &'static str {
        "puppet"
    }

    fn run(
        mut self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            while let Some(Some(said)) = cancel.run_until_cancelled(self.says.recv()).await {
                out.send(said, out.now()).await;
            }
            Err(HookError::new("the strings were cut"))
        })
    }
}

fn puppet(signal: Signal) -> (Probe, mpsc::UnboundedSender<Observation>) {
    let (strings, says) = mpsc::unbounded_channel();
    let says = Mutex::new(Some(says));
    let open = move |_: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let says = says.lock().unwrap().take();
        Box::pin(async move {
            match says {
                Some(says) => Ok(Box::new(Puppet { signal, says }) as Box<dyn Hook>),
                None => Err(Refusal::Absent("there is one puppet".to_owned())),
            }
        })
    };
    (Probe { backend: "puppet", open: Arc::new(open) }, strings)
}

fn refusing(backend: &'static str, refusal: Refusal) -> Probe {
    let open = move |_: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let refusal = refusal.clone();
        Box::pin(async move { Err(refusal) })
    };
    Probe { backend, open: Arc::new(open) }
}

struct Stage {
    handle: CaptureHandle,
    events: mpsc::Receiver<Captured>,
    focus: mpsc::UnboundedSender<Observation>,
    idle: mpsc::UnboundedSender<Observation>,
    session: mpsc::UnboundedSender<Observation>,
    screen: mpsc::UnboundedSender<Observation>,
    /// Milliseconds that the machine slept.
    asleep: Arc<AtomicU64>,
    clock: Clock,
}

fn policy() -> CapturePolicy {
    let mut policy = CapturePolicy::from_config(&Config::default(), [0; 32]);
    policy.window.builtin_rules = false;
    policy
}

impl Stage {
    fn open(policy: CapturePolicy, room: usize) -> Self {
        let (focus_probe, focus) = puppet(Signal::Focus);
        let (idle_probe, idle) = puppet(Signal::Idle);
        let (session_probe, session) = puppet(Signal::Session);
        let (screen_probe, screen) = puppet(Signal::Screen);
        let backends = Backends {
            focus: vec![refusing("other", Refusal::Failed("it is asleep".to_owned())), focus_probe],
            idle: vec![idle_probe],
            session: vec![session_probe],
            screen: vec![screen_probe],
        };
        let (clock, asleep) = Clock::steady(Timestamp::from_millis(1_000_000));
        let (out, events) = mpsc::channel(room);
        let handle = Capture::start_at(clock.clone(), policy, Desktop::default(), backends, out);
        Self { handle, events, focus, idle, session, screen, asleep, clock }
    }

    async fn next(&mut self) -> Captured {
        timeout(Duration::from_secs(120), self.events.recv()).await.unwrap().unwrap()
    }

    async fn activity(&mut self) -> (ActivityType, Captured) {
        let captured = self.next().await;
        let EventBody::Activity(activity) = &captured.body else { panic!("{captured:?}") };
        (activity.activity_type, captured)
    }

    async fn window(&mut self) -> (Window, Captured) {
        let captured = self.next().await;
        let EventBody::Window(window) = &captured.body else { panic!("{captured:?}") };
        (window.clone(), captured)
    }

    fn focus(&self, window: u64, title: &str) {
        let facts = WindowFacts {
            window,
            title: Some(title.to_owned()),
            app_name: Some("App".to_owned()),
            pid: Some(1),
        };
        self.focus.send(Observation::Window(facts)).unwrap();
    }

    /// Lets everything happen that is due, then time pass.
    async fn passes(&self, seconds: u64) {
        settle().await;
        advance(Duration::from_secs(seconds)).await;
        settle().await;
    }
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_bears_the_figures_the_capabilities_and_the_open_session() {
    let mut stage = Stage::open(policy(), 16);
    assert_eq!(stage.activity().await.0, ActivityType::Started);
    stage.focus(1, "one");
    stage.passes(60).await;
    let figures = Figures { pending: 7, dropped: 2, ..Figures::default() };
    stage.handle.heartbeat(HeartbeatType::Regular, figures).await;
    let captured = stage.next().await;
    let EventBody::Heartbeat(heartbeat) = &captured.body else { panic!("{captured:?}") };
    assert_eq!((heartbeat.pending, heartbeat.dropped), (7, 2));
    assert_eq!(heartbeat.capabilities["focus"], CapabilityState::Ok);
    assert_eq!(heartbeat.capabilities["idle"], CapabilityState::Unavailable);
    let open = captured.checkpoint.session().unwrap();
    assert_eq!(open.window_title.as_deref(), Some("one"));
    assert_eq!(open.duration_s, 60.0);

    stage.handle.end(ActivityType::UserInterrupt).await;
    let (window, captured) = stage.window().await;
    assert_eq!(captured.event_id, open.event_id);
    assert_eq!(window.duration, 60.0);
    assert_eq!(captured.checkpoint, CheckpointUpdate::Clear);
    assert_eq!(stage.activity().await.0, ActivityType::UserInterrupt);
    stage.focus(2, "two");
    stage.handle.heartbeat(HeartbeatType::Final, Figures::default()).await;
    let last = stage.next().await;
    assert!(matches!(last.body, EventBody::Heartbeat(_)));
    assert_eq!((last.urgency, last.checkpoint), (Urgency::Edge, CheckpointUpdate::Clear));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_dropped_while_nobody_takes_events() {
    let mut stage = Stage::open(policy(), 1);
    for window in 0..200 {
        stage.focus(window, "w");
        stage.passes(1).await;
    }
    stage.focus(5_000, "last");
    assert_eq!(stage.activity().await.0, ActivityType::Started);
    let mut previous_end = None;
    for _ in 0..200 {
        let (window, _) = stage.window().await;
        if let Some(end) = previous_end {
            assert_eq!(window.start_time, end);
        }
        previous_end = Some(window.end_time);
    }
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_never_names_a_session_that_has_ended_unreported() {
    let mut settings = policy();
    settings.window.min_duration = Duration::from_secs(90);
    let mut stage = Stage::open(settings, 16);
    stage.activity().await;
    stage.session.send(Observation::Session(SessionChange::Unlocked)).unwrap();
    stage.focus(1, "one");
    stage.passes(100).await;
    stage.handle.heartbeat(HeartbeatType::Regular, Figures::default()).await;
    assert!(stage.next().await.checkpoint.session().is_some());
    stage.focus(2, "two");
    assert!(matches!(stage.window().await.1.checkpoint, CheckpointUpdate::Clear));
    stage.passes(95).await;
    stage.handle.heartbeat(HeartbeatType::Regular, Figures::default()).await;
    let two = stage.next().await.checkpoint.session().unwrap().clone();
    assert_eq!(two.window_title.as_deref(), Some("two"));
    let mut stricter = policy();
    stricter.window.min_duration = Duration::from_secs(3_600);
    stage.handle.apply(stricter);
    stage.focus(3, "three");
    stage.passes(1).await;
    stage.session.send(Observation::Session(SessionChange::Locked)).unwrap();
    let (activity, captured) = stage.activity().await;
    assert_eq!(activity, ActivityType::ScreenLocked);
    assert_eq!(captured.checkpoint, CheckpointUpdate::Clear);
}

#[tokio::test(start_paused = true)]
async fn a_lock_closes_the_session_and_the_unlock_opens_another() {
    let mut stage = Stage::open(policy(), 16);
    stage.activity().await;
    stage.focus(1, "one");
    stage.session.send(Observation::Session(SessionChange::Unlocked)).unwrap();
    stage.passes(10).await;
    stage.session.send(Observation::Session(SessionChange::Locked)).unwrap();
    assert_eq!(stage.window().await.0.duration, 10.0);
    let (activity, captured) = stage.activity().await;
    assert_eq!((activity, captured.urgency), (ActivityType::ScreenLocked, Urgency::Edge));
    let refused = stage.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Locked));
    stage.passes(10).await;
    stage.session.send(Observation::Session(SessionChange::Unlocked)).unwrap();
    assert_eq!(stage.activity().await.0, ActivityType::ScreenUnlocked);
    stage.passes(5).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    assert_eq!(stage.window().await.0.duration, 5.0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_captures_nothing_and_its_end_says_how_things_stand() {
    let mut stage = Stage::open(policy(), 16);
    stage.activity().await;
    stage.idle.send(Observation::Input).unwrap();
    stage.focus(1, "one");
    stage.passes(10).await;
    stage.handle.pause().await;
    assert_eq!(stage.window().await.0.duration, 10.0);
    assert_eq!(stage.activity().await.0, ActivityType::Paused);
    stage.focus(2, "two");
    let since = Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000) };
    stage.idle.send(Observation::Quiet { since }).unwrap();
    stage.passes(10).await;
    assert!(matches!(stage.handle.screenshot().await, Err(ScreenshotError::Paused)));
    stage.handle.resume().await;
    assert_eq!(stage.activity().await.0, ActivityType::Unpaused);
    assert_eq!(stage.activity().await.0, ActivityType::Inactive);
    stage.passes(10).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    let window = stage.window().await.0;
    assert_eq!((window.window_title.as_deref(), window.duration), (Some("two"), 10.0));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_dies_is_said_to_be_gone_and_its_session_ends() {
    let mut stage = Stage::open(policy(), 16);
    stage.activity().await;
    stage.focus(1, "one");
    stage.passes(10).await;
    let before = stage.handle.signals().borrow().focus.clone();
    assert_eq!((before.backend.as_deref(), before.detail), (Some("puppet"), None));
    let (strings, _) = mpsc::unbounded_channel();
    drop(std::mem::replace(&mut stage.focus, strings));
    assert_eq!(stage.window().await.0.duration, 10.0);
    let status = stage.handle.signals().borrow().focus.clone();
    assert_eq!(status.state, CapabilityState::Unavailable);
    assert_eq!(status.detail.as_deref(), Some("the strings were cut"));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_delivers_nothing_is_not_taken() {
    let stage = Stage::open(policy(), 16);
    let started = Instant::now();
    let mut signals = stage.handle.signals();
    let refused = signals
        .wait_for(|signals| signals.session.detail.as_deref() == Some("puppet told nothing"))
        .await
        .unwrap()
        .session
        .clone();
    assert_eq!((refused.state, refused.backend), (CapabilityState::Unavailable, None));
    assert!(started.elapsed() < Duration::from_secs(6));
}

/// Two monitors of one grey pixel, each picture of which waits for the test to send its grey.
struct Camera {
    film: Mutex<mpsc::UnboundedReceiver<u8>>,
}

impl ScreenGrabber for Camera {
    fn monitors(&self) -> Result<Vec<Area>, GrabError> {
        Ok(vec![Area { x: 0, y: 0, width: 1, height: 1 }; 2])
    }

    fn grab(&self, _: Area) -> Result<Frame, GrabError> {
        let grey = self.film.lock().unwrap().blocking_recv();
        let grey = grey.ok_or_else(|| GrabError::new("the film has ended"))?;
        Ok(Frame { width: 1, height: 1, rgb: vec![grey; 3] })
    }

    fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError> {
        Err(GrabError::new("the camera sees no windows"))
    }
}

async fn with_camera(policy: CapturePolicy) -> (Stage, mpsc::UnboundedSender<u8>) {
    let mut stage = Stage::open(policy, 16);
    stage.activity().await;
    let (film, rest) = mpsc::unbounded_channel();
    let camera = Camera { film: Mutex::new(rest) };
    stage.screen.send(Observation::Screens(Arc::new(camera))).unwrap();
    let mut signals = stage.handle.signals();
    signals.wait_for(|signals| signals.screen.state == CapabilityState::Ok).await.unwrap();
    (stage, film)
}

fn expose(film: &mpsc::UnboundedSender<u8>, greys: &[u8]) {
    for grey in greys {
        film.send(*grey).unwrap();
    }
}

#[tokio::test]
async fn screens_that_hang_are_given_up_and_taken_again_later() {
    let (mut stage, film) = with_camera(policy()).await;
    let started = Instant::now();
    let refused = stage.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::TimedOut(_)));
    assert!(started.elapsed() < Duration::from_secs(7));
    expose(&film, &[1, 2, 3, 4]);
    assert_eq!(stage.handle.screenshot().await.unwrap().len(), 2);
    assert!(stage.next().await.image.is_some());
    assert!(stage.next().await.image.is_some());
    assert!(stage.events.try_recv().is_err());
}

#[tokio::test]
async fn the_same_picture_of_the_same_monitor_names_the_event_that_carries_it() {
    let (mut stage, film) = with_camera(policy()).await;
    expose(&film, &[1, 2, 1, 1]);
    stage.handle.screenshot().await.unwrap();
    stage.handle.screenshot().await.unwrap();
    let (first, second) = (stage.next().await, stage.next().await);
    let (third, fourth) = (stage.next().await, stage.next().await);
    let EventBody::Screenshot(same) = &third.body else { panic!("{third:?}") };
    assert_eq!((same.duplicate_of, third.image), (Some(first.event_id), None));
    let EventBody::Screenshot(other) = &fourth.body else { panic!("{fourth:?}") };
    assert_eq!(other.duplicate_of, None);
    assert_ne!(fourth.image, second.image);
}

#[tokio::test]
async fn images_stop_at_once_when_the_policy_forbids_them() {
    let (mut stage, film) = with_camera(policy()).await;
    let handle = stage.handle.clone();
    let running = tokio::spawn(async move { handle.screenshot().await });
    settle().await;
    let mut forbidding = policy();
    forbidding.screenshot.enabled = false;
    stage.handle.apply(forbidding);
    expose(&film, &[1, 2]);
    assert!(matches!(running.await.unwrap(), Err(ScreenshotError::Policy)));
    assert!(stage.events.try_recv().is_err());
}

#[tokio::test]
async fn a_picture_that_was_begun_before_the_lock_is_thrown_away() {
    let (mut stage, film) = with_camera(policy()).await;
    let handle = stage.handle.clone();
    let running = tokio::spawn(async move { handle.screenshot().await });
    settle().await;
    stage.session.send(Observation::Session(SessionChange::Locked)).unwrap();
    assert!(matches!(running.await.unwrap(), Err(ScreenshotError::Locked)));
    expose(&film, &[1, 2]);
    assert_eq!(stage.activity().await.0, ActivityType::ScreenLocked);
    assert!(stage.events.try_recv().is_err());
}

#[tokio::test]
async fn no_picture_is_taken_when_hidden_windows_cannot_be_found() {
    let mut settings = policy();
    settings.window.rules = vec![devpulse_protocol::Rule {
        app: Some("Vault".to_owned()),
        title: None,
        action: devpulse_protocol::RuleAction::Drop,
    }];
    let (mut stage, film) = with_camera(settings).await;
    expose(&film, &[1, 2]);
    assert!(matches!(stage.handle.screenshot().await, Err(ScreenshotError::Grab(_))));
    assert!(stage.events.try_recv().is_err());
}

#[tokio::test]
async fn two_who_ask_at_once_get_a_picture_each() {
    let (stage, film) = with_camera(policy()).await;
    let asking = [stage.handle.clone(), stage.handle.clone()]
        .map(|handle| tokio::spawn(async move { handle.screenshot().await }));
    settle().await;
    expose(&film, &[1, 2, 3, 4]);
    for asked in asking {
        assert_eq!(asked.await.unwrap().unwrap().len(), 2);
    }
}
