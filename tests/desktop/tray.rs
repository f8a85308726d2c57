use crate::program::{Program, tray_alone};
use crate::session::Session;
use crate::watcher::{Panel, Row};

fn reads(rows: &[Row], first: &str) -> bool {
    rows.first().is_some_and(|row| row.label == first)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_reads_each_state_and_hears_what_is_chosen() {
    let Some(session) = Session::start(&[]) else { return };
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = Program::start(&session, &tray_alone());
    let icon = panel.icon().await;
    assert_eq!(icon.pid().await, app.id());
    app.expect("shown true").await;

    app.say("not enrolled");
    icon.wait_for("the wizard's state", |rows| reads(rows, "This computer is not enrolled")).await;
    assert_eq!(icon.tooltip().await, "This computer is not enrolled");
    let rows = icon.menu().await;
    let first_enabled = rows.iter().find(|row| row.is_enabled && !row.label.is_empty()).unwrap();
    assert_eq!(first_enabled.label, "Open DevPulse");
    icon.choose("Open DevPulse").await;
    app.expect("Open(Some(Wizard))").await;

    app.say("working");
    icon.wait_for("work", |rows| reads(rows, "Working")).await;
    assert_eq!(
        icon.labels().await,
        ["Working", "Open DevPulse", "Sync now", "Pause", "Quit DevPulse"]
    );
    icon.click().await;
    app.expect("Open(None)").await;
    icon.choose("Sync now").await;
    app.expect("SyncNow").await;
    icon.choose("For 15 minutes").await;
    app.expect("Pause { minutes: 15 }").await;

    app.say("paused");
    icon.wait_for("the pause", |rows| rows.iter().any(|row| row.label == "Resume")).await;
    icon.choose("Resume").await;
    app.expect("Resume").await;

    app.say("syncing");
    let counts =
        |rows: &[Row]| rows.iter().any(|row| row.label == "Sending 120 of 500" && !row.is_enabled);
    icon.wait_for("a count", |rows| counts(&rows[1..])).await;
    icon.choose("Quit DevPulse").await;
    app.expect("Quit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_has_an_icon_of_its_own() {
    let Some(session) = Session::start(&[]) else { return };
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = Program::start(&session, &tray_alone());
    let icon = panel.icon().await;
    let mut icons = Vec::new();
    for (state, first) in [
        ("working", "Working"),
        ("syncing", "Sending 120 of 500"),
        ("offline", "The server cannot be reached"),
        ("paused", "Paused until"),
        ("not enrolled", "This computer is not enrolled"),
    ] {
        app.say(state);
        let is_shown = |rows: &[Row]| rows.first().is_some_and(|row| row.label.starts_with(first));
        icon.wait_for(state, is_shown).await;
        let (width, pixels) = icon.pixels().await;
        assert_eq!(width, 48);
        assert!(!icons.contains(&pixels), "{state} looks like another state");
        icons.push(pixels);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_panel_the_window_is_asked_for_once_and_a_late_one_gets_the_icon() {
    let Some(session) = Session::start(&[]) else { return };
    let mut panel = Panel::start(session.bus(), false).await;
    let mut app = Program::start(&session, &tray_alone());
    app.say("working");
    app.expect("OpenWithoutTray").await;
    panel.come().await;
    let icon = panel.icon().await;
    app.expect("shown true").await;
    icon.wait_for("work", |rows| reads(rows, "Working")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_goes_and_comes_back_gets_the_icon_again() {
    let Some(session) = Session::start(&[]) else { return };
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = Program::start(&session, &tray_alone());
    panel.icon().await;
    app.expect("shown true").await;
    panel.go().await;
    app.expect("shown false").await;
    panel.come().await;
    let icon = panel.icon().await;
    app.expect("shown true").await;
    app.say("offline");
    icon.wait_for("the state", |rows| reads(rows, "The server cannot be reached")).await;
}
