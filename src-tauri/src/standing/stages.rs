//! The pipeline stage by stage, as the Status screen shows it.

use std::time::Duration;

use devpulse_agent::printable::printable;
use devpulse_control::{PipelineState, PipelineStatus, Status};
use devpulse_protocol::Timestamp;

use super::progress::Movements;
use crate::text;
use crate::view::{Stage, StageName, StageState};

/// The stages in the order of an event's way.
#[must_use]
pub fn stages(status: &Status, now: Timestamp) -> Vec<Stage> {
    let movements = Movements::of(status);
    let pipeline = &status.pipeline;
    let counts = [
        (StageName::Captured, pipeline.captured + pipeline.queued),
        (StageName::Stored, pipeline.captured),
        (StageName::Sent, pipeline.sent + pipeline.rejected + pipeline.in_flight),
        (StageName::Acknowledged, pipeline.sent),
    ];
    let stage = |(name, count)| {
        let (state, detail) = judge(name, status, &movements, now);
        let moved_at = movements.moved_at(name).map(|at| at.to_string());
        Stage { name, state, moved_at, count, detail }
    };
    counts.map(stage).into()
}

fn judge(
    name: StageName,
    status: &Status,
    movements: &Movements,
    now: Timestamp,
) -> (StageState, Option<String>) {
    if let Some(obstacle) = obstacle(name, &status.pipeline) {
        return (StageState::Blocked, Some(obstacle));
    }
    if movements.is_in_time(name, now) {
        return (StageState::Moving, None);
    }
    let uptime = status.agent.uptime_s.unwrap_or(f64::INFINITY);
    let is_young = uptime <= movements.deadline().as_secs_f64();
    let moved_at = movements.moved_at(name);
    if is_young || !is_due(name, movements) {
        return (StageState::Resting, moved_at.is_none().then(|| text::not_yet(name).to_owned()));
    }
    let age: Option<Duration> = moved_at.map(|at| now.since(at));
    (StageState::Late, Some(text::late(name, age)))
}

/// What stands in the way of delivery; capture and storage know no such state.
fn obstacle(name: StageName, pipeline: &PipelineStatus) -> Option<String> {
    let is_delivery = matches!(name, StageName::Sent | StageName::Acknowledged);
    let otherwise = match pipeline.state {
        PipelineState::Offline => text::headline::OFFLINE,
        PipelineState::BackingOff => text::headline::BACKING_OFF,
        PipelineState::AuthBlocked => text::no_key(pipeline.missing_key)[0],
        PipelineState::ConfigBlocked => text::headline::CONFIG_BLOCKED,
        PipelineState::Revoked => text::headline::REVOKED,
        PipelineState::Idle | PipelineState::Sending | PipelineState::Paused => return None,
    };
    let detail = pipeline.last_error.as_deref().map(printable);
    is_delivery.then(|| detail.map_or(otherwise.to_owned(), std::borrow::Cow::into_owned))
}

/// Whether the stage before it moved since. Heartbeats always come, so capture is always due.
fn is_due(name: StageName, movements: &Movements) -> bool {
    let before = match name {
        StageName::Captured => return true,
        StageName::Stored => StageName::Captured,
        StageName::Sent => StageName::Stored,
        StageName::Acknowledged => StageName::Sent,
    };
    match (movements.moved_at(before), movements.moved_at(name)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(before), Some(own)) => before > own,
    }
}
