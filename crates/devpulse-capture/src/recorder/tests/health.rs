use super::*;

/// A hundred and twenty sittings of two monitors fill the hour.
const SITTINGS: u8 = 120;

fn screen(stage: &Stage) -> (CapabilityState, String) {
    let screen = stage.handle.signals().borrow().screen.clone();
    (screen.state, screen.detail.unwrap_or_default())
}

/// Windows, one after the other, until the recorder has seen them all.
async fn windows_change(stage: &mut Stage, count: u64) {
    for window in 0..count {
        stage.focus(window, "window");
    }
    stage.focus(10_000, "last");
    let mut open = None;
    while open != Some("last".to_owned()) {
        stage.handle.heartbeat(HeartbeatType::Regular, Figures::default()).await;
        while let Ok(captured) = stage.events.try_recv() {
            if let Some(session) = captured.checkpoint.session() {
                open = session.window_title.clone();
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_hour_holds_so_many_images_and_the_signal_says_when_there_are_enough() {
    let (mut stage, film) = with_camera(policy()).await;
    for sitting in 1..=SITTINGS {
        expose(&film, &[sitting, sitting]);
        assert_eq!(stage.handle.screenshot().await.unwrap().len(), 2);
        while stage.events.try_recv().is_ok() {}
    }
    let refused = stage.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Enough(240)), "{refused}");
    let (state, detail) = screen(&stage);
    assert_eq!(state, CapabilityState::Degraded);
    assert!(detail.contains("240 images"), "{detail}");
}

#[tokio::test]
async fn pictures_that_stand_still_while_windows_change_are_not_reported() {
    let (mut stage, film) = with_camera(policy()).await;
    expose(&film, &[7, 8]);
    stage.handle.screenshot().await.unwrap();
    windows_change(&mut stage, 20).await;
    for _ in 2..10 {
        expose(&film, &[7, 8]);
        stage.handle.screenshot().await.unwrap();
        while stage.events.try_recv().is_ok() {}
    }
    assert_eq!(screen(&stage).0, CapabilityState::Ok);
    expose(&film, &[7, 8]);
    let refused = stage.handle.screenshot().await.unwrap_err();
    assert!(matches!(refused, ScreenshotError::Frozen), "{refused}");
    assert!(stage.events.try_recv().is_err());
    assert_eq!(screen(&stage).0, CapabilityState::Degraded);

    expose(&film, &[7, 9]);
    stage.handle.screenshot().await.unwrap();
    assert_eq!(screen(&stage), (CapabilityState::Ok, String::new()));
}

#[tokio::test]
async fn a_black_monitor_is_left_out() {
    let (mut stage, film) = with_camera(policy()).await;
    expose(&film, &[0, 9]);
    let shots = stage.handle.screenshot().await.unwrap();
    assert_eq!(shots.iter().map(|shot| shot.monitor_index).collect::<Vec<_>>(), [1]);
    assert!(matches!(stage.next().await.body, EventBody::Screenshot(_)));
    expose(&film, &[0, 0]);
    assert!(matches!(stage.handle.screenshot().await, Err(ScreenshotError::Black)));
    assert!(stage.events.try_recv().is_err());
    assert!(screen(&stage).1.starts_with("2 of 2 monitors"));
}

#[tokio::test]
async fn an_unlocked_screen_is_captured_where_the_policy_says_so_and_a_locked_one_never() {
    let mut settings = policy();
    settings.screenshot.triggers = vec![Trigger::Unlock, Trigger::Periodic];
    settings.screenshot.interval = Duration::from_millis(200);
    let (mut stage, film) = with_camera(settings).await;
    stage.session.send(Observation::Session(SessionChange::Locked)).unwrap();
    assert_eq!(stage.activity().await.0, ActivityType::ScreenLocked);
    expose(&film, &[1, 2]);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(stage.events.try_recv().is_err());
    let mut only_unlock = policy();
    only_unlock.screenshot.triggers = vec![Trigger::Unlock];
    stage.handle.apply(only_unlock);
    stage.session.send(Observation::Session(SessionChange::Unlocked)).unwrap();
    assert_eq!(stage.activity().await.0, ActivityType::ScreenUnlocked);
    let captured = stage.next().await;
    let EventBody::Screenshot(shot) = &captured.body else { panic!("{captured:?}") };
    assert_eq!(shot.trigger, Trigger::Unlock);
}
