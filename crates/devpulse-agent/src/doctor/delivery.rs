//! The disk and the event log.

use devpulse_control::PipelineStatus;

use super::Check;
use super::facts::{AgentFact, Facts};

const MIB: u64 = 1024 * 1024;
/// Less free space than this is worth a warning.
const LITTLE_FREE: u64 = 512 * MIB;
/// With less free space than this nothing is certain.
const NOTHING_FREE: u64 = 64 * MIB;

pub(super) fn disk(facts: &Facts) -> Check {
    const NAME: &str = "disk";

    let disk = &facts.disk;
    if let Some(complaint) = &disk.complaint {
        return Check::failed(NAME, complaint.cause.clone(), complaint.remedy.clone());
    }
    let limit = disk.limit / MIB;
    let free =
        disk.free.map_or("an unknown amount".to_owned(), |free| format!("{} MiB", free / MIB));
    let used = disk.used.map_or("an unknown part".to_owned(), |used| format!("{} MiB", used / MIB));
    let detail = format!("{free} free; DevPulse takes {used} of the {limit} MiB that it may");
    let remedy = "make room on the disk";
    match (disk.free, disk.used) {
        (Some(free), _) if free < NOTHING_FREE => {
            Check::failed(NAME, detail, Some(remedy.to_owned()))
        }
        (Some(free), _) if free < LITTLE_FREE => Check::warning(NAME, detail, remedy),
        (_, Some(used)) if used > disk.limit => Check::warning(
            NAME,
            detail,
            "see that events can be sent; the oldest are given up beyond this",
        ),
        (None, None) => Check::unknown(NAME, detail),
        _ => Check::ok(NAME, detail),
    }
}

pub(super) fn event_log(facts: &Facts) -> Check {
    const NAME: &str = "event_log";

    let pipeline = match &facts.status {
        Ok(status) => &status.pipeline,
        Err(complaint) => {
            let known = !matches!(facts.agent, AgentFact::Unusable(_));
            return if known {
                Check::failed(NAME, complaint.cause.clone(), complaint.remedy.clone())
            } else {
                Check::unknown(NAME, "it is looked at once the agent answers")
            };
        }
    };
    if !adds_up(pipeline) {
        return Check::failed(
            NAME,
            format!("its counters do not add up: {}", figures(pipeline)),
            Some("keep a copy of the home, and tell whoever maintains DevPulse".to_owned()),
        );
    }
    if pipeline.dropped > 0 {
        let reasons: Vec<_> = pipeline
            .dropped_by_reason
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        return Check::warning(
            NAME,
            format!("{} ({})", figures(pipeline), reasons.join(", ")),
            "see that events can be sent and that the disk has room",
        );
    }
    if pipeline.dead_letter > 0 {
        return Check::warning(
            NAME,
            figures(pipeline),
            "see why the server refused them with: devpulse-client events --dead",
        );
    }
    Check::ok(NAME, figures(pipeline))
}

/// Whether every event that was captured is somewhere.
fn adds_up(pipeline: &PipelineStatus) -> bool {
    let somewhere = pipeline.sent + pipeline.pending + pipeline.dead_letter + pipeline.dropped;
    pipeline.captured == somewhere
}

fn figures(pipeline: &PipelineStatus) -> String {
    format!(
        "{} captured: {} delivered, {} waiting, {} refused by the server, {} given up",
        pipeline.captured, pipeline.sent, pipeline.pending, pipeline.dead_letter, pipeline.dropped
    )
}
