use devpulse_protocol::{Rule, RuleAction};

use super::*;
use crate::present::Standing;

async fn look(stage: &Stage) -> (Option<String>, Standing, Option<i64>) {
    settle().await;
    let present = stage.handle.present().await.unwrap();
    let title = present.window.and_then(|open| open.window_title);
    (title, present.standing, present.since.map(|at| (at.as_millis() - 1_000_000) / 1000))
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_is_told_as_it_would_be_reported_and_nothing_is_captured_for_it() {
    let mut settings = policy();
    settings.window.rules =
        vec![Rule { app: None, title: Some("secret".to_owned()), action: RuleAction::Drop }];
    let mut stage = Stage::open(settings, 16);
    stage.activity().await;
    assert_eq!(look(&stage).await, (None, Standing::Unknown, None));
    stage.focus(1, "one");
    stage.passes(2).await;
    stage.idle.send(Observation::Input).unwrap();
    stage.passes(5).await;
    assert_eq!(look(&stage).await, (Some("one".to_owned()), Standing::Active, Some(2)));
    stage.focus(2, "a secret");
    assert_eq!(look(&stage).await.0, None);
    assert_eq!(stage.window().await.0.window_title.as_deref(), Some("one"));
    assert!(stage.events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_hides_the_person_is_told_with_its_time_until_it_ends() {
    let mut stage = Stage::open(policy(), 16);
    stage.activity().await;
    stage.focus(1, "one");
    stage.idle.send(Observation::Input).unwrap();
    let tell = |change| stage.session.send(Observation::Session(change)).unwrap();
    tell(SessionChange::Unlocked);
    stage.passes(10).await;
    tell(SessionChange::Locked);
    assert_eq!(look(&stage).await, (None, Standing::Locked, Some(10)));
    stage.passes(10).await;
    tell(SessionChange::Suspending);
    assert_eq!(look(&stage).await, (None, Standing::Suspended, Some(20)));
    stage.handle.pause().await;
    assert_eq!(look(&stage).await, (None, Standing::Paused, Some(20)));
    stage.handle.resume().await;
    tell(SessionChange::Woke);
    assert_eq!(look(&stage).await.1, Standing::Locked);
    tell(SessionChange::Unlocked);
    let (title, standing, since) = look(&stage).await;
    assert_eq!((title.as_deref(), standing, since), (Some("one"), Standing::Active, Some(0)));
}
