use std::time::Duration;

use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, PauseStatus, PipelineStatus, Status,
};

use super::*;
use crate::standing::Host;
use crate::view::SyncReport;

const RULE: PauseRule = PauseRule { allowed: true, max_minutes: 480 };

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn status(state: PipelineState) -> Status {
    Status {
        version: "0.1.0".to_owned(),
        enrolled: true,
        device_id: None,
        user_id: None,
        username: None,
        server_url: None,
        agent: AgentStatus { running: true, pid: Some(1), uptime_s: Some(3600.0) },
        pipeline: PipelineStatus::empty(state),
        pause: None,
        capture: CaptureStatus::unavailable("a test"),
        config: ConfigStatus::default(),
        consent: None,
        secret_store: None,
        key_expires_at: None,
        withheld: 0,
    }
}

fn running(status: Status) -> Snapshot {
    let run = Run::Running { host: Host::Here, status: Box::new(status) };
    Snapshot { run, ..Snapshot::starting(now()) }
}

fn menu_of(snapshot: &Snapshot, pause: PauseRule) -> Vec<Row> {
    Menu::of(snapshot, MenuRules::of(pause), now()).0
}

/// The rows as a person reads them; what cannot be chosen stands in brackets.
fn read(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .map(|row| match row {
            Row::Line(label) | Row::Item { label, action: None } => format!("[{label}]"),
            Row::Item { label, .. } => label.clone(),
            Row::Submenu { label, rows } => format!("{label}: {}", read(rows).join(", ")),
            Row::Separator => "-".to_owned(),
        })
        .collect()
}

#[test]
fn a_running_agent_can_be_opened_synced_paused_and_quit() {
    let snapshot = running(status(PipelineState::Offline));
    let headline = format!("[{}]", standing(&snapshot, now()).headline);
    assert_eq!(
        read(&menu_of(&snapshot, RULE)),
        [
            headline.as_str(),
            "-",
            "Open DevPulse",
            "Sync now",
            "Pause: For 15 minutes, For 1 hour, For 8 hours (the longest allowed)",
            "-",
            "Quit DevPulse",
        ]
    );
}

#[test]
fn no_pause_is_offered_that_the_policy_does_not_allow() {
    let snapshot = running(status(PipelineState::Idle));
    let pauses = |max_minutes| {
        let rows = menu_of(&snapshot, PauseRule { allowed: true, max_minutes });
        read(&rows)[4].clone()
    };
    assert_eq!(pauses(10), "Pause: For 10 minutes (the longest allowed)");
    assert_eq!(pauses(15), "Pause: For 15 minutes (the longest allowed)");
    assert_eq!(pauses(60), "Pause: For 15 minutes, For 1 hour (the longest allowed)");
    let forbidden = menu_of(&snapshot, PauseRule { allowed: false, max_minutes: 60 });
    assert_eq!(read(&forbidden)[4], "[Pause (not allowed by your organisation)]");
    assert_eq!(read(&forbidden).last().unwrap(), "Quit DevPulse");
}

#[test]
fn a_pause_can_be_ended_even_where_pausing_is_forbidden_by_now() {
    let until = now().plus(Duration::from_secs(60));
    let pause = Some(PauseStatus { since: now(), until, reason: None });
    let snapshot = running(Status { pause, ..status(PipelineState::Paused) });
    let rows = menu_of(&snapshot, PauseRule { allowed: false, max_minutes: 60 });
    assert!(
        rows.contains(&Row::Item { label: "Resume".to_owned(), action: Some(TrayAction::Resume) })
    );
}

#[test]
fn while_everything_is_sent_the_row_counts() {
    let mut snapshot = running(status(PipelineState::Sending));
    snapshot.sync = Some(SyncReport { sent: 120, pending: 380, last_error: None });
    assert_eq!(read(&menu_of(&snapshot, RULE))[3], "[Sending 120 of 500]");
}

#[test]
fn there_is_nothing_to_sync_or_pause_without_an_agent() {
    for run in [Run::NotEnrolled, Run::ConsentAwaited, Run::Starting] {
        let snapshot = Snapshot { run, ..Snapshot::starting(now()) };
        let rows = read(&menu_of(&snapshot, RULE));
        assert_eq!(rows[2..], ["Open DevPulse", "[Sync now]", "-", "Quit DevPulse"]);
    }
    let revoked = running(status(PipelineState::Revoked));
    assert_eq!(read(&menu_of(&revoked, RULE))[3], "[Sync now]");
}

#[test]
fn opening_shows_what_has_to_be_done() {
    let open = |run| open(&Snapshot { run, ..Snapshot::starting(now()) }, now());
    assert_eq!(open(Run::NotEnrolled), TrayAction::Open(Some(Screen::Wizard)));
    assert_eq!(open(Run::ConsentAwaited), TrayAction::Open(Some(Screen::Wizard)));
    assert_eq!(open(Run::Starting), TrayAction::Open(None));
}

#[test]
fn where_quitting_is_withheld_there_is_no_such_row() {
    let rules = MenuRules { pause: RULE, quit: QuitRule::Withheld };
    let menu = Menu::of(&running(status(PipelineState::Idle)), rules, now());
    assert!(read(&menu.0).iter().all(|row| !row.contains("Quit")));
}

#[test]
fn the_administrators_policy_withholds_quitting() {
    use devpulse_agent::home::Home;
    use devpulse_agent::managed::{Given, Managed, ManagedValue};
    use devpulse_agent::settings::{Settings, Sources};

    let rules = |managed| {
        let sources = Sources { managed, ..Sources::none(Home::at("/home/ada/.devpulse")) };
        MenuRules::under(&Settings::load(&sources).unwrap())
    };
    assert_eq!(rules(Managed::default()).quit, QuitRule::Allowed);
    let value = ManagedValue {
        name: "app.quit_allowed".to_owned(),
        given: Given::Typed(false.into()),
        line: None,
    };
    let managed = Managed { values: vec![value], fault: None };
    assert_eq!(rules(managed).quit, QuitRule::Withheld);
}

#[test]
fn every_row_is_known_again_by_its_id() {
    for action in [
        TrayAction::Open(None),
        TrayAction::SyncNow,
        TrayAction::Pause { minutes: 15 },
        TrayAction::Resume,
        TrayAction::Quit,
    ] {
        assert_eq!(TrayAction::of_id(&action.id()), Some(action));
    }
    assert_eq!(TrayAction::of_id("row-0"), None);
    assert_eq!(TrayAction::of_id("pause-"), None);
}
