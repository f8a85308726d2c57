use std::time::Duration;

use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, MissingKey, PauseStatus, PipelineState,
    PipelineStatus, Progress, SignalStatus, Status,
};
use devpulse_protocol::{CapabilityState, Timestamp};
use jiff::tz::TimeZone;

use super::judgement::{Judge, OLD_BACKLOG};
use super::progress::{Movements, SILENCE};
use super::*;
use crate::view::{Problem, StageName, StageState, SyncReport};

const DEADLINE: Duration = Duration::from_secs(100);
const STAGES: [StageName; 4] =
    [StageName::Captured, StageName::Stored, StageName::Sent, StageName::Acknowledged];
const STATES: [PipelineState; 8] = [
    PipelineState::Idle,
    PipelineState::Sending,
    PipelineState::BackingOff,
    PipelineState::AuthBlocked,
    PipelineState::ConfigBlocked,
    PipelineState::Revoked,
    PipelineState::Paused,
    PipelineState::Offline,
];

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn ago(seconds: u64) -> Timestamp {
    now().minus(Duration::from_secs(seconds))
}

fn signal(state: CapabilityState) -> SignalStatus {
    SignalStatus { backend: None, state, last_seen: None, detail: None }
}

/// An agent that has run for an hour and whose stages all moved a second ago.
fn healthy() -> Status {
    let served = signal(CapabilityState::Ok);
    let moved = Some(ago(1));
    Status {
        version: "0.1.0".to_owned(),
        enrolled: true,
        device_id: None,
        user_id: None,
        username: None,
        server_url: None,
        agent: AgentStatus { running: true, pid: Some(1), uptime_s: Some(3600.0) },
        pipeline: PipelineStatus {
            progress: Progress {
                captured_at: moved,
                stored_at: moved,
                sent_at: moved,
                acknowledged_at: moved,
                deadline_s: Some(DEADLINE.as_secs_f64()),
            },
            ..PipelineStatus::empty(PipelineState::Idle)
        },
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
    }
}

fn snapshot(run: Run) -> Snapshot {
    Snapshot { run, consent_awaits: false, sync: None, taken_at: ago(1), watched_since: ago(3600) }
}

fn running(status: Status) -> Snapshot {
    snapshot(Run::Running { host: Host::Here, status: Box::new(status) })
}

fn with(change: impl FnOnce(&mut Status)) -> Snapshot {
    let mut status = healthy();
    change(&mut status);
    running(status)
}

fn of(snapshot: &Snapshot) -> Standing {
    Judge::new(snapshot, now(), &TimeZone::UTC).standing()
}

fn moved(status: &mut Status, stage: StageName, at: Option<Timestamp>) {
    let progress = &mut status.pipeline.progress;
    *match stage {
        StageName::Captured => &mut progress.captured_at,
        StageName::Stored => &mut progress.stored_at,
        StageName::Sent => &mut progress.sent_at,
        StageName::Acknowledged => &mut progress.acknowledged_at,
    } = at;
}

/// The snapshot, the icon, the headline, and the button.
fn check(snapshot: &Snapshot, icon: Icon, headline: &str, action: Option<Action>) -> Standing {
    let standing = of(snapshot);
    let seen = (standing.icon, standing.headline.as_str(), standing.action);
    assert_eq!(seen, (icon, headline, action), "{standing:?}");
    standing
}

#[test]
fn an_agent_whose_stages_all_move_works() {
    check(&running(healthy()), Icon::Working, "Working", None);
}

#[test]
fn without_an_agent_the_person_learns_why() {
    let needed = Icon::ActionNeeded;
    let problem = Problem { message: "another program holds the lock".to_owned(), hint: None };
    for (run, icon, headline, action) in [
        (Run::NotEnrolled, needed, "This computer is not enrolled", Some(Action::Enroll)),
        (
            Run::ConsentAwaited,
            needed,
            "Nothing is captured before you agree",
            Some(Action::ReviewConsent),
        ),
        (Run::Starting, Icon::Syncing, "Starting", None),
        (Run::Failed { problem }, needed, "The agent does not run", Some(Action::Diagnose)),
    ] {
        check(&snapshot(run), icon, headline, action);
    }
}

#[test]
fn a_missing_key_is_not_laid_at_the_servers_door() {
    for (missing, headline, error, remedy) in [
        (
            MissingKey::Device,
            "This computer's key is missing",
            "the keychain did not answer within 5 s",
            "for a new secret",
        ),
        (
            MissingKey::Log,
            "What waits cannot be opened",
            "what was captured before is sealed and cannot be read",
            "to put it back",
        ),
    ] {
        for last_error in [None, Some(error)] {
            let blocked = with(|status| {
                status.pipeline.state = PipelineState::AuthBlocked;
                status.pipeline.missing_key = Some(missing);
                status.pipeline.last_error = last_error.map(str::to_owned);
            });
            let action = Some(Action::Diagnose);
            let standing = check(&blocked, Icon::ActionNeeded, headline, action);
            let told = standing.cause.unwrap();
            assert!(last_error.map_or(told.contains("cannot be had"), |it| told == it), "{told}");
            assert!(standing.remedy.unwrap().ends_with(remedy));
        }
    }
}

#[test]
fn what_the_server_refuses_for_good_needs_somebody() {
    for (state, headline, action) in [
        (PipelineState::Revoked, "This computer may no longer send", Action::Enroll),
        (PipelineState::AuthBlocked, "The server does not accept this computer", Action::Diagnose),
        (PipelineState::ConfigBlocked, "The server refuses what is sent", Action::Diagnose),
    ] {
        let blocked = with(|status| status.pipeline.state = state);
        check(&blocked, Icon::ActionNeeded, headline, Some(action));
    }
}

#[test]
fn a_server_that_is_away_says_how_many_events_wait_and_until_when() {
    let away = with(|status| {
        status.pipeline.state = PipelineState::Offline;
        status.pipeline.pending = 1200;
        status.pipeline.oldest_pending_s = Some(600.0);
        status.pipeline.last_error = Some("connection refused".to_owned());
        status.pipeline.next_attempt = Some(now().plus(Duration::from_secs(90)));
    });
    let standing =
        check(&away, Icon::Offline, "The server cannot be reached", Some(Action::SyncNow));
    assert_eq!(
        standing.cause.as_deref(),
        Some(
            "connection refused; 1,200 events wait safely on this computer; \
             the next try is at 12:01"
        )
    );
    let busy = with(|status| status.pipeline.state = PipelineState::BackingOff);
    check(&busy, Icon::Offline, "The server does not take events", Some(Action::SyncNow));
}

#[test]
fn events_that_wait_for_more_than_a_day_need_somebody() {
    let old = with(|status| {
        status.pipeline.state = PipelineState::Offline;
        status.pipeline.pending = 5;
        status.pipeline.oldest_pending_s = Some(OLD_BACKLOG.as_secs_f64() + 1.0);
    });
    let needed = Icon::ActionNeeded;
    check(&old, needed, "Events have waited for long", Some(Action::SyncNow));
}

#[test]
fn a_backlog_that_goes_down_is_on_its_way() {
    let many = with(|status| {
        status.pipeline.state = PipelineState::Sending;
        status.pipeline.pending = 5000;
    });
    check(&many, Icon::Syncing, "Sending 5,000 events", None);
    let old = with(|status| {
        status.pipeline.pending = 3;
        status.pipeline.oldest_pending_s = Some(3.0 * OLD_BACKLOG.as_secs_f64());
    });
    check(&old, Icon::Syncing, "Sending 3 events", None);
    let mut asked_for = running(healthy());
    asked_for.sync = Some(SyncReport { sent: 120, pending: 380, last_error: None });
    check(&asked_for, Icon::Syncing, "Sending 120 of 500", None);
}

#[test]
fn a_backlog_that_does_not_go_down_is_not_called_sending() {
    let stuck = with(|status| {
        status.pipeline.state = PipelineState::Sending;
        status.pipeline.pending = 5000;
        moved(status, StageName::Acknowledged, Some(ago(600)));
    });
    let standing =
        check(&stuck, Icon::Offline, "The server does not confirm", Some(Action::SyncNow));
    assert!(standing.cause.unwrap().contains("confirmed nothing for 10 minutes"));
}

#[test]
fn a_pause_says_until_when() {
    let paused = with(|status| {
        status.pipeline.state = PipelineState::Paused;
        let until = now().plus(Duration::from_secs(900));
        status.pause = Some(PauseStatus { since: ago(1), until, reason: None });
    });
    check(&paused, Icon::Paused, "Paused until 12:15", Some(Action::Resume));
}

#[test]
fn a_policy_that_asks_for_more_needs_the_persons_word() {
    let mut asked = running(healthy());
    asked.consent_awaits = true;
    let action = Some(Action::ReviewConsent);
    check(&asked, Icon::ActionNeeded, "Your organisation asks for more", action);
}

#[test]
fn a_focus_that_cannot_be_watched_and_any_permission_that_is_missing_are_told() {
    for state in [CapabilityState::Unavailable, CapabilityState::Denied] {
        let unseen = with(|status| {
            status.capture.focus = SignalStatus {
                detail: Some("the compositor tells nobody".to_owned()),
                ..signal(state)
            };
        });
        let standing = of(&unseen);
        assert_eq!(standing.icon, Icon::ActionNeeded);
        assert_eq!(standing.cause.as_deref(), Some("the compositor tells nobody"));
    }
    let denied = with(|status| status.capture.screen = signal(CapabilityState::Denied));
    check(&denied, Icon::ActionNeeded, "A permission is missing", Some(Action::Diagnose));
    let absent = with(|status| status.capture.session = signal(CapabilityState::Unavailable));
    check(&absent, Icon::Working, "Working", None);
}

#[test]
fn hooks_have_half_a_minute_to_deliver_first() {
    let young = with(|status| {
        status.agent.uptime_s = Some(5.0);
        status.capture.focus = signal(CapabilityState::Unavailable);
    });
    check(&young, Icon::Working, "Working", None);
}

#[test]
fn a_disk_that_takes_no_events_is_told_at_once() {
    let full = with(|status| {
        moved(status, StageName::Captured, Some(ago(5)));
        moved(status, StageName::Stored, Some(ago(60)));
        status.pipeline.last_error = Some("database or disk is full".to_owned());
    });
    let standing =
        check(&full, Icon::ActionNeeded, "Events cannot be stored", Some(Action::Diagnose));
    assert_eq!(standing.cause.as_deref(), Some("database or disk is full"));
}

#[test]
fn a_late_stage_is_named_after_it_had_its_time() {
    for (stage, headline) in [
        (StageName::Captured, "Nothing is captured"),
        (StageName::Stored, "Events cannot be stored"),
        (StageName::Sent, "The server does not confirm"),
        (StageName::Acknowledged, "The server does not confirm"),
    ] {
        let late = with(|status| moved(status, stage, Some(ago(101))));
        assert_eq!(of(&late).headline, headline);
        let never = with(|status| moved(status, stage, None));
        assert_eq!(of(&never).headline, headline);
        let in_time = with(|status| moved(status, stage, Some(ago(100))));
        assert_eq!(of(&in_time).icon, Icon::Working);
    }
}

#[test]
fn nothing_is_late_just_after_a_sleep_or_a_start() {
    let sleep = STAGES.map(|stage| (stage, Some(ago(8 * 3600))));
    let mut woken = with(|status| {
        for (stage, at) in sleep {
            moved(status, stage, at);
        }
    });
    woken.watched_since = ago(3);
    check(&woken, Icon::Syncing, "Looking at the agent", None);
    let begun = with(|status| {
        status.agent.uptime_s = Some(1.0);
        moved(status, StageName::Acknowledged, None);
    });
    check(&begun, Icon::Syncing, "Starting", None);
}

#[test]
fn nothing_is_known_from_an_old_look() {
    let mut old = running(healthy());
    old.taken_at = now().minus(SILENCE + Duration::from_secs(1));
    check(&old, Icon::Syncing, "Looking at the agent", None);
}

#[test]
fn texts_from_elsewhere_cannot_command_a_terminal() {
    let rude = with(|status| {
        status.pipeline.state = PipelineState::AuthBlocked;
        status.pipeline.last_error = Some("\u{1b}[2Jgone\u{202e}".to_owned());
    });
    assert_eq!(of(&rude).cause.as_deref(), Some("\\u{1b}[2Jgone\\u{202e}"));
}

/// Every state with every age of every stage, on every kind of watch.
fn everything() -> impl Iterator<Item = Snapshot> {
    let ages = [None, Some(0), Some(100), Some(101)];
    let watches = [(3600, 3600.0), (5, 3600.0), (3600, 5.0)];
    let waits = [(0, None), (3, Some(400.0)), (5000, Some(100_000.0))];
    let marks = (0..16_u8).map(|mark| (mark & 1 != 0, mark & 2 != 0, mark & 4 != 0, mark & 8 != 0));
    let stages = (0..256_usize)
        .map(move |number| [1, 4, 16, 64].map(|place| ages[number / place % 4].map(ago)));
    stages.flat_map(move |stages| {
        let marks = marks.clone();
        STATES.into_iter().flat_map(move |state| {
            let marks = marks.clone();
            watches.into_iter().flat_map(move |(watched, uptime)| {
                let marks = marks.clone();
                waits.into_iter().flat_map(move |(pending, oldest)| {
                    marks.clone().map(move |(asked, fault, unseen, wider)| {
                        let mut snapshot = with(|status| {
                            for (stage, at) in STAGES.into_iter().zip(stages) {
                                moved(status, stage, at);
                            }
                            status.agent.uptime_s = Some(uptime);
                            status.pipeline.state = state;
                            status.pipeline.pending = pending;
                            status.pipeline.oldest_pending_s = oldest;
                            status.pipeline.last_error = fault.then(|| "a fault".to_owned());
                            if unseen {
                                status.capture.focus = signal(CapabilityState::Unavailable);
                            }
                        });
                        snapshot.watched_since = ago(watched);
                        snapshot.consent_awaits = wider;
                        snapshot.sync =
                            asked.then_some(SyncReport { sent: 1, pending, last_error: None });
                        snapshot
                    })
                })
            })
        })
    })
}

#[test]
fn over_the_whole_range_green_is_earned_and_everything_else_explains_itself() {
    let mut icons = std::collections::HashMap::new();
    for snapshot in everything() {
        let standing = of(&snapshot);
        *icons.entry(standing.icon).or_insert(0_u32) += 1;
        let status = snapshot.status().unwrap();
        let movements = Movements::of(status);
        if standing.icon == Icon::Working {
            assert_eq!(movements.first_late(now()), None, "{snapshot:?}");
            let free = [PipelineState::Idle, PipelineState::Sending];
            assert!(free.contains(&status.pipeline.state), "{snapshot:?}");
            assert!(!snapshot.consent_awaits, "{snapshot:?}");
        } else {
            assert!(standing.cause.is_some(), "{standing:?} for {snapshot:?}");
        }
        if standing.icon == Icon::ActionNeeded {
            assert!(standing.remedy.is_some() && standing.action.is_some(), "{standing:?}");
        }
        let texts = [Some(&standing.headline), standing.cause.as_ref(), standing.remedy.as_ref()];
        for text in texts.into_iter().flatten() {
            assert!(!text.is_empty() && !text.ends_with('.'), "{text:?}");
        }
    }
    assert_eq!(icons.len(), 5, "every icon is reached: {icons:?}");
}

#[test]
fn what_it_means_stays_the_same_until_the_moment_that_is_named() {
    let seconds = Duration::from_secs;
    for state in STATES {
        let mut snapshot = with(|status| {
            status.pipeline.state = state;
            status.pipeline.next_attempt = Some(now().plus(seconds(70)));
            moved(status, StageName::Sent, Some(ago(40)));
        });
        snapshot.watched_since = ago(50);
        let mut at = now();
        while let Some(change) = changes_at(&snapshot, at) {
            let judge = |at| Judge::new(&snapshot, at, &TimeZone::UTC).standing();
            assert_eq!(judge(at).icon, judge(change).icon, "{state} from {at} to {change}");
            assert_eq!(judge(at).headline.is_empty(), judge(change).headline.is_empty());
            at = change.plus(Duration::from_millis(1));
        }
        assert!(at > now().plus(SILENCE - seconds(2)), "{state} is looked at until {at}");
    }
}

#[test]
fn the_status_screen_names_the_stage_that_is_late_and_lets_the_others_rest() {
    let late = with(|status| {
        for stage in [StageName::Stored, StageName::Sent, StageName::Acknowledged] {
            moved(status, stage, Some(ago(500)));
        }
    });
    let states = |snapshot: &Snapshot| -> Vec<_> {
        stages(snapshot.status().unwrap(), now()).iter().map(|stage| stage.state).collect()
    };
    use StageState::{Blocked, Late, Moving, Resting};
    assert_eq!(states(&late), [Moving, Late, Resting, Resting]);
    assert_eq!(states(&running(healthy())), [Moving; 4]);
    let offline = with(|status| status.pipeline.state = PipelineState::Offline);
    assert_eq!(states(&offline), [Moving, Moving, Blocked, Blocked]);
}

#[test]
fn the_status_screen_counts_what_went_through_each_stage() {
    let busy = with(|status| {
        status.pipeline.captured = 100;
        status.pipeline.queued = 3;
        status.pipeline.sent = 70;
        status.pipeline.rejected = 2;
        status.pipeline.in_flight = 10;
    });
    let counts: Vec<_> =
        stages(busy.status().unwrap(), now()).iter().map(|stage| stage.count).collect();
    assert_eq!(counts, [103, 100, 82, 70]);
}
