//! What a person is told although no window is open: only what needs them, and each thing
//! once until it went away and came back.

use std::collections::HashSet;
use std::time::Duration;

use devpulse_control::{MissingKey, PipelineState, Status};
use devpulse_protocol::{CapabilityState, Timestamp};
use tauri::{AppHandle, Runtime};
use tauri_plugin_notification::NotificationExt as _;

use crate::standing::{Icon, OLD_BACKLOG, Run, Snapshot, standing};
use crate::text::{self, cause, headline, remedy};

/// Hooks have to deliver once before they are taken.
const HOOKS_SETTLE: Duration = Duration::from_secs(30);
/// A key that ends within this time is not renewed by itself any more: servers do that sooner.
const KEY_ENDS: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Something that needs the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// The device has to be enrolled.
    EnrollmentNeeded,
    /// Nothing is captured before the person agrees.
    ConsentNeeded,
    /// A wider policy waits for the person's word.
    ConsentWider,
    /// The device may not send any more.
    Revoked,
    /// The server does not accept the device's key.
    NotAccepted,
    /// The key that the device proves itself with is not found.
    NoKey,
    /// The key that opens what waits is not found.
    Sealed,
    /// The device's key ends soon.
    KeyEnds,
    /// A signal is forbidden, or the focus cannot be watched.
    PermissionMissing,
    /// Events have waited for more than a day.
    BacklogOld,
    /// The agent does not run.
    AgentFailed,
}

impl Notice {
    const ALL: [Self; 11] = [
        Self::EnrollmentNeeded,
        Self::ConsentNeeded,
        Self::ConsentWider,
        Self::Revoked,
        Self::NotAccepted,
        Self::NoKey,
        Self::Sealed,
        Self::KeyEnds,
        Self::PermissionMissing,
        Self::BacklogOld,
        Self::AgentFailed,
    ];

    /// Its title and what it says at `now`.
    #[must_use]
    pub fn text(self, snapshot: &Snapshot, now: Timestamp) -> (&'static str, String) {
        let of_key = |missing| {
            let [title, cause, remedy] = text::no_key(missing);
            (title, cause, remedy)
        };
        let (title, cause, remedy) = match self {
            Self::EnrollmentNeeded => (headline::NOT_ENROLLED, cause::NOT_ENROLLED, remedy::ENROLL),
            Self::ConsentNeeded => {
                (headline::CONSENT_AWAITED, cause::CONSENT_AWAITED, remedy::CONSENT)
            }
            Self::ConsentWider => {
                (headline::CONSENT_WIDER, cause::CONSENT_WIDER, remedy::CONSENT_WIDER)
            }
            Self::Revoked => (headline::REVOKED, cause::REVOKED, remedy::REVOKED),
            Self::NotAccepted => of_key(None),
            Self::NoKey => of_key(Some(MissingKey::Device)),
            Self::Sealed => of_key(Some(MissingKey::Log)),
            Self::KeyEnds => {
                let end = snapshot.status().and_then(|status| status.key_expires_at);
                let left = end.map(|end| end.since(now)).unwrap_or_default();
                let cause = text::key_ends(left);
                return (headline::KEY_ENDS, text::sentences(&cause, remedy::KEY_ENDS));
            }
            Self::PermissionMissing => (headline::DENIED, cause::DENIED_SOME, remedy::FOCUS),
            Self::BacklogOld => (headline::OLD_BACKLOG, cause::OLD_BACKLOG, remedy::NETWORK),
            Self::AgentFailed => (headline::FAILED, cause::FAILED, remedy::OPEN),
        };
        (title, text::sentences(cause, remedy))
    }
}

/// Whether a cause is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    There,
    Gone,
    /// The snapshot does not tell; what was known stays.
    Unknown,
}

/// What the person was told.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    told: HashSet<Notice>,
}

impl Notices {
    /// Notifies of what is due. A desktop that shows no notifications is logged and no more:
    /// the icon says the same.
    pub fn give<R: Runtime>(&mut self, app: &AppHandle<R>, snapshot: &Snapshot, is_open: bool) {
        let now = Timestamp::now();
        for notice in self.due(snapshot, now, is_open) {
            let (title, body) = notice.text(snapshot, now);
            if let Err(error) = app.notification().builder().title(title).body(body).show() {
                tracing::info!(%error, ?notice, "the notification is not shown");
            }
        }
    }

    /// What the person has to be told. Where the window is open they see it there.
    pub fn due(&mut self, snapshot: &Snapshot, now: Timestamp, is_open: bool) -> Vec<Notice> {
        let mut due = Vec::new();
        for notice in Notice::ALL {
            match presence(notice, snapshot, now) {
                Presence::There if self.told.insert(notice) && !is_open => due.push(notice),
                Presence::There | Presence::Unknown => {}
                Presence::Gone => {
                    self.told.remove(&notice);
                }
            }
        }
        due
    }
}

fn presence(notice: Notice, snapshot: &Snapshot, now: Timestamp) -> Presence {
    let without_agent = match snapshot.run {
        Run::NotEnrolled => Notice::EnrollmentNeeded,
        Run::ConsentAwaited => Notice::ConsentNeeded,
        Run::Failed { .. } => Notice::AgentFailed,
        Run::Starting => return Presence::Unknown,
        Run::Running { ref status, .. } => return with_agent(notice, snapshot, status, now),
    };
    if notice == without_agent {
        return Presence::There;
    }
    match (&snapshot.run, notice) {
        // A device that is not enrolled has none of the other troubles.
        (Run::NotEnrolled, _) => Presence::Gone,
        (_, Notice::EnrollmentNeeded) => Presence::Gone,
        _ => Presence::Unknown,
    }
}

fn with_agent(notice: Notice, snapshot: &Snapshot, status: &Status, now: Timestamp) -> Presence {
    let state = status.pipeline.state;
    let is_blocked = state == PipelineState::AuthBlocked;
    let missing = status.pipeline.missing_key;
    let known = |is_there| if is_there { Presence::There } else { Presence::Gone };
    match notice {
        Notice::EnrollmentNeeded => known(!status.enrolled),
        Notice::ConsentNeeded | Notice::AgentFailed => Presence::Gone,
        Notice::ConsentWider => known(snapshot.consent_awaits),
        Notice::Revoked => known(state == PipelineState::Revoked),
        Notice::NotAccepted => known(is_blocked && missing.is_none()),
        Notice::NoKey => known(is_blocked && missing == Some(MissingKey::Device)),
        Notice::Sealed => known(is_blocked && missing == Some(MissingKey::Log)),
        Notice::KeyEnds => key_end(status.key_expires_at, now),
        Notice::PermissionMissing => permission(status),
        Notice::BacklogOld => {
            let limit = OLD_BACKLOG.as_secs_f64();
            let is_old = status.pipeline.oldest_pending_s.is_some_and(|age| age > limit);
            let is_held_up =
                matches!(standing(snapshot, now).icon, Icon::ActionNeeded | Icon::Offline);
            match (is_old, is_held_up) {
                (false, _) => Presence::Gone,
                (true, true) => Presence::There,
                (true, false) => Presence::Unknown,
            }
        }
    }
}

/// A key that has ended is no longer one that is about to: the server then says so itself.
fn key_end(end: Option<Timestamp>, now: Timestamp) -> Presence {
    match end {
        Some(end) if end <= now => Presence::Unknown,
        Some(end) if end.since(now) <= KEY_ENDS => Presence::There,
        Some(_) | None => Presence::Gone,
    }
}

fn permission(status: &Status) -> Presence {
    if status.agent.uptime_s.is_some_and(|uptime| uptime < HOOKS_SETTLE.as_secs_f64()) {
        return Presence::Unknown;
    }
    let capture = &status.capture;
    let is_denied =
        capture.signals().iter().any(|(_, signal)| signal.state == CapabilityState::Denied);
    let is_blind = capture.focus.state == CapabilityState::Unavailable;
    if is_denied || is_blind { Presence::There } else { Presence::Gone }
}

#[cfg(test)]
mod tests;
