//! The menu of the running app, chosen from as a panel does.

use std::path::Path;

use devpulse_control::ControlClient;
use serde_json::json;

use crate::organisation::{Organisation, agent, emit, enroll};
use crate::session::{APP, Session};
use crate::watcher::{Panel, Row, TrayIcon};

fn has(rows: &[Row], label: &str) -> bool {
    rows.iter().any(|row| row.is_enabled && row.label == label)
}

async fn is_paused(agent: &ControlClient) -> bool {
    agent.status().await.unwrap().pause.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_the_menu_does_what_it_says() {
    each_row_does_what_it_says("en_GB.UTF-8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_the_menu_does_what_it_says_where_no_language_is_set() {
    each_row_does_what_it_says("C").await;
}

async fn each_row_does_what_it_says(locale: &'static str) {
    let Some(session) = Session::start(&[]) else { return };
    let session = session.speaking(locale);
    let organisation = Organisation::start().await;
    // Nothing is sent for an hour, unless somebody asks for it.
    let patient = json!({
        "heartbeat_interval_s": 1,
        "batch": {"max_events": 1000, "max_interval_ms": 3_600_000},
        "screenshot": {"enabled": false},
    });
    organisation.running().admin().set_config(patient).await.unwrap();
    enroll(&session, &organisation).await;
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = session.command(Path::new(APP)).arg("--hidden").spawn().unwrap();
    let icon = panel.icon().await;
    assert_eq!(icon.pid().await, app.id());
    let agent = agent(&session).await;
    icon.wait_for("the agent", |rows| has(rows, "Sync now") && has(rows, "Pause")).await;

    synchronises(&icon, &agent, &organisation).await;
    icon.choose("For 15 minutes").await;
    icon.wait_for("the pause", |rows| has(rows, "Resume")).await;
    assert!(is_paused(&agent).await);
    icon.choose("Resume").await;
    icon.wait_for("the end of the pause", |rows| has(rows, "Pause")).await;
    assert!(!is_paused(&agent).await);

    icon.choose("Quit DevPulse").await;
    let ended = tokio::task::spawn_blocking(move || app.wait().unwrap()).await.unwrap();
    assert!(ended.success(), "the app ended by a fault: {ended}");
    agent.lost().await;
}

async fn synchronises(icon: &TrayIcon, agent: &ControlClient, organisation: &Organisation) {
    let emitted = emit(agent, 0..3).await;
    assert!(organisation.events().await.0.is_disjoint(&emitted), "they are sent unasked");
    icon.choose("Sync now").await;
    organisation.receives(&emitted).await;
}
