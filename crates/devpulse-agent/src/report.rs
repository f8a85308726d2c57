//! What `status` says, from a running agent and from the files alike.

use std::time::Duration;

use devpulse_capture::{self as capture, SignalStatus as Watched, Signals, Standing};
use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, MissingKey, OpenSession, PipelineState,
    PipelineStatus, Presence, Present, Progress, SignalStatus, Status,
};
use devpulse_pipeline::lane::Obstacle;
use devpulse_pipeline::sender::SenderState;
use devpulse_pipeline::wal::Ledger;
use devpulse_protocol::{Config, Timestamp};

use crate::credentials::DeviceIdentity;
use crate::pause::Pause;
use crate::server_config::StoredServerConfig;

/// The figures of the pipeline at one moment.
#[derive(Clone, Debug)]
pub(crate) struct PipelineFigures {
    pub(crate) ledger: Ledger,
    pub(crate) oldest_pending: Option<Timestamp>,
    pub(crate) wal_bytes: u64,
    /// Events that wait for their commit.
    pub(crate) queued: u64,
    /// Why events cannot be committed at present.
    pub(crate) trouble: Option<String>,
    /// What the sender does; `None` where there is none.
    pub(crate) sender: Option<SenderState>,
}

/// Puts a status together.
pub(crate) fn status(
    identity: Option<&DeviceIdentity>,
    agent: AgentStatus,
    pipeline: PipelineStatus,
    capture: CaptureStatus,
    config: Option<&StoredServerConfig>,
) -> Status {
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        enrolled: identity.is_some(),
        device_id: identity.map(|identity| identity.device_id.clone()),
        user_id: identity.and_then(|identity| identity.user_id.clone()),
        username: identity.map(|identity| identity.username.clone()),
        server_url: identity.map(|identity| identity.server_url.as_str().to_owned()),
        agent,
        pipeline,
        pause: None,
        capture,
        config: ConfigStatus {
            version: config.and_then(|stored| stored.settings().version),
            fetched_at: config.map(|stored| stored.fetched_at),
        },
        consent: None,
        secret_store: None,
        key_expires_at: None,
        withheld: 0,
    }
}

/// The pipeline's part of a status.
pub(crate) fn pipeline(
    figures: PipelineFigures,
    is_paused: bool,
    now: Timestamp,
) -> PipelineStatus {
    let PipelineFigures { ledger, oldest_pending, wal_bytes, queued, trouble, sender } = figures;
    let blocked = sender.as_ref().and_then(|sender| sender.events.clone());
    let in_flight = sender.as_ref().map_or(0, |sender| sender.in_flight);
    let state = match &blocked {
        Some(blocked) => state_of(blocked.obstacle),
        None if ledger.revoked_since.is_some() && in_flight == 0 => PipelineState::Revoked,
        None if is_paused => PipelineState::Paused,
        None if in_flight > 0 => PipelineState::Sending,
        None => PipelineState::Idle,
    };
    PipelineStatus {
        state,
        captured: ledger.captured,
        queued,
        pending: ledger.pending,
        in_flight,
        oldest_pending_s: oldest_pending.map(|at| now.since(at).as_secs_f64()),
        sent: ledger.delivered,
        duplicates: ledger.duplicates,
        rejected: ledger.rejected,
        dead_letter: ledger.dead,
        dropped: ledger.dropped_total(),
        blobs_pending: ledger.images_pending,
        wal_bytes,
        last_success: ledger.last_success,
        last_error: trouble
            .or_else(|| blocked.as_ref().map(|blocked| blocked.cause.clone()))
            .or(ledger.last_error),
        missing_key: blocked.as_ref().and_then(|blocked| missing_key(blocked.obstacle)),
        next_attempt: blocked.map(|blocked| blocked.next_attempt),
        dropped_by_reason: ledger.dropped,
        progress: Progress::default(),
    }
}

/// The time in which an event gets from capture to its receipt when all is well, counted
/// from the last one: a heartbeat comes, its batch is due, and the request takes its time.
pub(crate) fn progress_deadline(config: &Config) -> Duration {
    const REQUEST_AND_COMMIT: Duration = Duration::from_secs(35);
    config.heartbeat_interval + config.batch.max_interval + REQUEST_AND_COMMIT
}

/// The state that an obstacle is.
pub(crate) const fn state_of(obstacle: Obstacle) -> PipelineState {
    match obstacle {
        Obstacle::BackingOff => PipelineState::BackingOff,
        Obstacle::Offline => PipelineState::Offline,
        Obstacle::AuthBlocked | Obstacle::NoKey | Obstacle::Sealed => PipelineState::AuthBlocked,
        Obstacle::ConfigBlocked => PipelineState::ConfigBlocked,
        Obstacle::Revoked => PipelineState::Revoked,
    }
}

/// The key that an obstacle is about.
const fn missing_key(obstacle: Obstacle) -> Option<MissingKey> {
    match obstacle {
        Obstacle::NoKey => Some(MissingKey::Device),
        Obstacle::Sealed => Some(MissingKey::Log),
        Obstacle::BackingOff
        | Obstacle::Offline
        | Obstacle::AuthBlocked
        | Obstacle::ConfigBlocked
        | Obstacle::Revoked => None,
    }
}

/// What goes on now, as front ends are told of it. A pause began when it was asked for,
/// whichever process was asked.
pub(crate) fn present(seen: capture::Present, pause: Option<&Pause>) -> Present {
    if let Some(pause) = pause {
        return Present { window: None, presence: Presence::Paused, since: Some(pause.since) };
    }
    let presence = match seen.standing {
        Standing::Paused => Presence::Paused,
        Standing::Suspended => Presence::Suspended,
        Standing::Locked => Presence::Locked,
        Standing::Idle => Presence::Idle,
        Standing::Active => Presence::Active,
        Standing::Unknown => Presence::Unknown,
    };
    let window = seen.window.map(|open| OpenSession {
        window_title: open.window_title,
        app_name: open.app_name,
        since: open.start_time,
    });
    Present { window, presence, since: seen.since }
}

/// Capture's part of a status.
pub(crate) fn capture(signals: &Signals) -> CaptureStatus {
    let signal = |watched: &Watched| SignalStatus {
        backend: watched.backend.clone(),
        state: watched.state,
        last_seen: watched.last_seen,
        detail: watched.detail.clone(),
    };
    CaptureStatus {
        focus: signal(&signals.focus),
        idle: signal(&signals.idle),
        session: signal(&signals.session),
        screen: signal(&signals.screen),
    }
}
