//! The app beside an agent that runs already, and what is left to do when that ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use devpulse_agent::Agent;
use devpulse_protocol::ActivityType;
use devpulse_server::EventQuery;
use serde_json::Value;

use crate::organisation::{Organisation, agent, enroll};
use crate::session::{APP, DEADLINE, Session};
use crate::watcher::Panel;
use crate::window::{front, until, window_process, xdotool};

/// What the server holds of this type.
async fn stored(organisation: &Organisation, event_type: &str) -> Vec<Value> {
    let events = organisation.running().admin().events(EventQuery::default()).await.unwrap();
    let events = events.iter().map(|text| serde_json::from_str(text).unwrap());
    events.filter(|event: &Value| event["event_type"] == event_type).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_runs_already_is_watched_and_nothing_is_captured_twice() {
    let Some(session) = Session::start(&[]) else { return };
    let organisation = Organisation::start().await;
    let settings = enroll(&session, &organisation).await;
    // As `devpulse-client run` does it.
    let headless = Agent::start(settings, session.desktop()).await.unwrap();
    let running = agent(&session).await;
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = session.command(Path::new(APP)).spawn().unwrap();
    let icon = panel.icon().await;
    let can_pause = |rows: &[crate::watcher::Row]| rows.iter().any(|row| row.label == "Pause");
    icon.wait_for("the agent", can_pause).await;
    until("the window in front", || front(&session) == "DevPulse").await;
    xdotool(&session, &["key", "alt+F4"]);
    until("the end of the window", || window_process(&session).is_none()).await;

    let begun = Instant::now();
    let windows = loop {
        let windows = stored(&organisation, "window").await;
        if !windows.is_empty() {
            break windows;
        }
        assert!(begun.elapsed() < DEADLINE, "the window is not reported");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let starts: BTreeSet<_> = windows.iter().map(|window| window["start_time"].as_str()).collect();
    assert_eq!(starts.len(), windows.len(), "a window is reported twice: {windows:#?}");
    let activities = stored(&organisation, "activity").await;
    let started = activities.iter().filter(|event| event["activity_type"] == "started");
    assert_eq!(started.count(), 1, "two agents started: {activities:#?}");

    assert_eq!(agent(&session).await.agent().pid, std::process::id());

    headless.stop(ActivityType::NormalShutdown).await;
    running.lost().await;
    assert_eq!(agent(&session).await.agent().pid, app.id());
    app.kill().unwrap();
    app.wait().unwrap();
}
