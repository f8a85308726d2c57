use super::*;

impl Stage {
    fn session(&self, change: SessionChange) {
        self.session.send(Observation::Session(change)).unwrap();
    }

    fn machine_sleeps(&self, seconds: u64) {
        self.asleep.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    async fn began(policy: CapturePolicy) -> Self {
        let mut stage = Self::open(policy, 32);
        stage.activity().await;
        stage.session(SessionChange::Unlocked);
        stage.idle.send(Observation::Input).unwrap();
        stage.focus(1, "one");
        stage.passes(10).await;
        stage
    }

    fn wall(&self) -> Timestamp {
        self.clock.now().wall
    }

    fn nothing(&mut self) {
        assert!(self.events.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_session_ends_at_sleep_and_another_begins_when_the_machine_wakes() {
    let mut stage = Stage::began(policy()).await;
    stage.session(SessionChange::Suspending);
    assert_eq!(stage.window().await.0.duration, 10.0);
    let (activity, asleep) = stage.activity().await;
    assert_eq!((activity, asleep.urgency), (ActivityType::Suspended, Urgency::Edge));
    let refused = stage.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Suspended));
    stage.machine_sleeps(3_600);
    stage.session(SessionChange::Woke);
    let (activity, woke) = stage.activity().await;
    assert_eq!(activity, ActivityType::Woke);
    assert_eq!(woke.at.since(asleep.at), Duration::from_secs(3_600));
    stage.passes(5).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    let (window, _) = stage.window().await;
    assert_eq!((window.start_time, window.duration), (woke.at, 5.0));
}

#[tokio::test(start_paused = true)]
async fn sleep_that_nobody_tells_of_is_seen_when_the_next_thing_happens() {
    let mut stage = Stage::began(policy()).await;
    stage.machine_sleeps(4);
    stage.handle.heartbeat(HeartbeatType::Regular, Figures::default()).await;
    assert!(matches!(stage.next().await.body, EventBody::Heartbeat(_)));
    let before = stage.wall();
    stage.machine_sleeps(1_000);
    stage.focus(2, "two");
    let (window, _) = stage.window().await;
    assert_eq!((window.duration, window.end_time), (10.0, before));
    let (activity, asleep) = stage.activity().await;
    assert_eq!((activity, asleep.at), (ActivityType::Suspended, before));
    let (activity, woke) = stage.activity().await;
    assert_eq!(activity, ActivityType::Woke);
    assert_eq!(woke.at, before.plus(Duration::from_secs(1_000)));
    stage.session(SessionChange::Woke);
    stage.passes(5).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    let (window, _) = stage.window().await;
    assert_eq!((window.window_title.as_deref(), window.duration), (Some("two"), 5.0));
    assert_eq!(stage.activity().await.0, ActivityType::NormalShutdown);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_shuts_down_says_so_once_and_the_agents_own_end_adds_nothing() {
    let mut stage = Stage::began(policy()).await;
    stage.session(SessionChange::ShuttingDown);
    assert_eq!(stage.window().await.0.duration, 10.0);
    assert_eq!(stage.activity().await.0, ActivityType::SystemShutdown);
    stage.focus(2, "two");
    stage.idle.send(Observation::Quiet { since: stage.clock.now() }).unwrap();
    stage.passes(2).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    stage.handle.heartbeat(HeartbeatType::Final, Figures::default()).await;
    assert!(matches!(stage.next().await.body, EventBody::Heartbeat(_)));
    stage.nothing();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_is_called_off_starts_capture_again() {
    let mut stage = Stage::began(policy()).await;
    stage.session(SessionChange::ShuttingDown);
    stage.window().await;
    stage.activity().await;
    stage.session(SessionChange::ShutdownCancelled);
    assert_eq!(stage.activity().await.0, ActivityType::Started);
    stage.passes(5).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    assert_eq!(stage.window().await.0.duration, 5.0);
    assert_eq!(stage.activity().await.0, ActivityType::NormalShutdown);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_only_asked_for_ends_with_the_next_window() {
    let mut stage = Stage::began(policy()).await;
    stage.session(SessionChange::LockAsked);
    stage.window().await;
    assert_eq!(stage.activity().await.0, ActivityType::ScreenLocked);
    stage.focus(1, "one, renamed behind the lock");
    stage.passes(60).await;
    stage.nothing();
    stage.focus(2, "two");
    assert_eq!(stage.activity().await.0, ActivityType::ScreenUnlocked);
    stage.passes(5).await;
    stage.handle.end(ActivityType::NormalShutdown).await;
    assert_eq!(stage.window().await.0.window_title.as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_by_the_last_event_that_follows() {
    let (clock, _) = Clock::steady(Timestamp::from_millis(1_000_000));
    let (reports, report_receiver) = mpsc::channel(8);
    let (_commands, command_receiver) = mpsc::channel(8);
    let (out, mut events) = mpsc::channel(8);
    let (_policy_sender, policy_receiver) = watch::channel(policy());
    let board = crate::signals::StatusEntry::board();
    let entry = crate::signals::StatusEntry::new(Signal::Screen, board.clone());
    let recorder = Recorder::new(
        clock.clone(),
        policy_receiver,
        watch::Sender::new(policy().idle_rule()),
        board.subscribe(),
        entry,
        Arc::default(),
        out,
    );
    tokio::spawn(recorder.run(report_receiver, command_receiver));
    let board = crate::signals::StatusEntry::board();
    let observations = Observations::new(
        "puppet",
        clock.clone(),
        reports,
        crate::signals::StatusEntry::new(Signal::Session, board),
        watch::channel(policy().idle_rule()).1,
    );
    let facts = WindowFacts { window: 1, title: None, app_name: None, pid: None };
    observations.send(Observation::Window(facts), observations.now()).await;
    advance(Duration::from_secs(3)).await;
    let suspending = Observation::Session(SessionChange::Suspending);
    let durable = observations.send_durably(suspending.clone(), observations.now()).await;
    events.recv().await.unwrap();
    assert!(events.recv().await.unwrap().durable.is_none());
    let suspended = events.recv().await.unwrap();
    tokio::pin!(durable);
    assert!(timeout(Duration::from_secs(1), &mut durable).await.is_err());
    suspended.durable.unwrap().send(()).unwrap();
    timeout(Duration::from_secs(1), durable).await.unwrap();

    let again = observations.send_durably(suspending, observations.now()).await;
    timeout(Duration::from_secs(1), again).await.unwrap();
    assert!(events.try_recv().is_err());
}
