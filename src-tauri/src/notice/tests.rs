use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, MissingKey, PipelineStatus, SignalStatus,
};

use super::*;
use crate::standing::Host;
use crate::view::Problem;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn snapshot(run: Run) -> Snapshot {
    Snapshot { run, ..Snapshot::starting(now()) }
}

fn running(change: impl FnOnce(&mut Status)) -> Snapshot {
    let served =
        SignalStatus { backend: None, state: CapabilityState::Ok, last_seen: None, detail: None };
    let mut status = Status {
        version: "0.1.0".to_owned(),
        enrolled: true,
        device_id: None,
        user_id: None,
        username: None,
        server_url: None,
        agent: AgentStatus { running: true, pid: Some(1), uptime_s: Some(3600.0) },
        pipeline: PipelineStatus::empty(PipelineState::Idle),
        pause: None,
        capture: CaptureStatus {
            focus: served.clone(),
            idle: served.clone(),
            session: served.clone(),
            screen: served,
        },
        config: ConfigStatus::default(),
        consent: None,
        secret_store: None,
        key_expires_at: None,
        withheld: 0,
    };
    change(&mut status);
    snapshot(Run::Running { host: Host::Here, status: Box::new(status) })
}

fn revoked() -> Snapshot {
    running(|status| status.pipeline.state = PipelineState::Revoked)
}

/// A device whose key still has so long.
fn key_for(days: u64) -> Snapshot {
    running(|status| status.key_expires_at = Some(now().plus(Duration::from_secs(days * 86_400))))
}

fn locked_out(missing: Option<MissingKey>) -> Snapshot {
    running(|status| {
        status.pipeline.state = PipelineState::AuthBlocked;
        status.pipeline.missing_key = missing;
    })
}

fn failed() -> Snapshot {
    let problem = Problem { message: "the disk is gone".to_owned(), hint: None };
    snapshot(Run::Failed { problem })
}

#[test]
fn each_cause_is_told() {
    let wider = Snapshot { consent_awaits: true, ..running(|_| ()) };
    for (snapshot, notice) in [
        (snapshot(Run::NotEnrolled), Notice::EnrollmentNeeded),
        (snapshot(Run::ConsentAwaited), Notice::ConsentNeeded),
        (wider, Notice::ConsentWider),
        (revoked(), Notice::Revoked),
        (locked_out(None), Notice::NotAccepted),
        (locked_out(Some(MissingKey::Device)), Notice::NoKey),
        (locked_out(Some(MissingKey::Log)), Notice::Sealed),
        (key_for(2), Notice::KeyEnds),
        (
            running(|status| status.capture.screen.state = CapabilityState::Denied),
            Notice::PermissionMissing,
        ),
        (
            running(|status| {
                status.pipeline.state = PipelineState::Offline;
                status.pipeline.oldest_pending_s = Some(100_000.0);
            }),
            Notice::BacklogOld,
        ),
        (failed(), Notice::AgentFailed),
    ] {
        assert_eq!(Notices::default().due(&snapshot, now(), false), [notice]);
        let (title, body) = notice.text(&snapshot, now());
        assert!(!title.is_empty() && body.ends_with('.'), "{title}: {body}");
    }
}

#[test]
fn a_key_that_is_about_to_end_is_told_once_with_the_time_that_is_left() {
    let mut notices = Notices::default();
    assert_eq!(notices.due(&key_for(4), now(), false), [], "a server may still renew it");
    assert_eq!(notices.due(&key_for(2), now(), false), [Notice::KeyEnds]);
    let (title, body) = Notice::KeyEnds.text(&key_for(2), now());
    assert_eq!(title, "This computer's key ends soon");
    assert!(body.starts_with("It ends in 2 days unless the server renews it;"), "{body}");
    assert_eq!(notices.due(&key_for(1), now(), false), []);
    assert_eq!(notices.due(&key_for(0), now(), false), [], "it ended");
    assert_eq!(notices.due(&key_for(90), now(), false), [], "it was renewed");
    assert_eq!(notices.due(&key_for(2), now(), false), [Notice::KeyEnds]);
}

#[test]
fn a_key_that_ended_before_the_start_is_told_as_the_server_puts_it() {
    let ended = running(|status| {
        status.key_expires_at = Some(now());
        status.pipeline.state = PipelineState::AuthBlocked;
    });
    assert_eq!(Notices::default().due(&ended, now(), false), [Notice::NotAccepted]);
}

#[test]
fn nothing_is_told_while_all_is_well_or_nothing_is_known() {
    for quiet in [running(|_| ()), snapshot(Run::Starting)] {
        assert_eq!(Notices::default().due(&quiet, now(), false), []);
    }
}

#[test]
fn a_cause_is_told_once_until_it_went_away_and_came_back() {
    let mut notices = Notices::default();
    assert_eq!(notices.due(&revoked(), now(), false), [Notice::Revoked]);
    assert_eq!(notices.due(&revoked(), now(), false), []);
    assert_eq!(notices.due(&running(|_| ()), now(), false), []);
    assert_eq!(notices.due(&revoked(), now(), false), [Notice::Revoked]);
}

#[test]
fn an_agent_that_fails_again_and_again_is_told_once() {
    let mut notices = Notices::default();
    assert_eq!(notices.due(&failed(), now(), false), [Notice::AgentFailed]);
    for _ in 0..3 {
        assert_eq!(notices.due(&snapshot(Run::Starting), now(), false), []);
        assert_eq!(notices.due(&failed(), now(), false), []);
    }
    notices.due(&running(|_| ()), now(), false);
    assert_eq!(notices.due(&failed(), now(), false), [Notice::AgentFailed]);
}

#[test]
fn what_the_open_window_shows_is_not_told_again_when_it_is_closed() {
    let mut notices = Notices::default();
    assert_eq!(notices.due(&snapshot(Run::NotEnrolled), now(), true), []);
    assert_eq!(notices.due(&snapshot(Run::NotEnrolled), now(), false), []);
}

#[test]
fn an_old_backlog_that_is_on_its_way_is_no_cause() {
    let draining = running(|status| {
        status.pipeline.state = PipelineState::Sending;
        status.pipeline.oldest_pending_s = Some(100_000.0);
    });
    assert_eq!(Notices::default().due(&draining, now(), false), []);
}
