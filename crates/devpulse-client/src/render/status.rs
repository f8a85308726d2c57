//! `status` for people: the agent, the pipeline stage by stage, what each signal is served by.

use std::time::Duration;

use devpulse_agent::printable::printable;
use devpulse_control::{
    KeyPlace, PauseStatus, PipelineState, PipelineStatus, SignalStatus, Status,
};
use devpulse_protocol::Timestamp;

use super::{ago, bytes, seconds};

/// The whole status, its lines ended.
pub(crate) fn text(status: &Status, now: Timestamp) -> String {
    let mut lines = Vec::new();
    lines.push(field("agent", &agent(status)));
    lines.push(field("device", &device(status)));
    if let Some(place) = status.secret_store {
        lines.push(field("key", key_place(place)));
    }
    lines.extend(key_end(status, now));
    lines.push(field("delivery", &delivery(status, now)));
    if let Some(error) = &status.pipeline.last_error {
        lines.push(field("", &format!("last error: {}", printable(error))));
        if waits_for_somebody(status.pipeline.state) {
            lines.push(field("", "hint: see what to do with: devpulse-client doctor"));
        }
    }
    if let Some(pause) = &status.pause {
        lines.push(field("paused", &paused(pause, now)));
    }
    lines.push(field("settings", &settings(status, now)));
    lines.push(String::new());
    lines.extend(figures(&status.pipeline));
    lines.push(String::new());
    lines.extend(capture(status, now));
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Whether delivery goes on only once somebody has done something.
const fn waits_for_somebody(state: PipelineState) -> bool {
    matches!(
        state,
        PipelineState::AuthBlocked | PipelineState::ConfigBlocked | PipelineState::Revoked
    )
}

fn field(name: &str, value: &str) -> String {
    format!("{name:<10}{value}")
}

fn agent(status: &Status) -> String {
    let agent = &status.agent;
    if !agent.running {
        return "not running; start it with: devpulse-client run".to_owned();
    }
    let mut text = "running".to_owned();
    if let Some(uptime) = agent.uptime_s {
        text.push_str(&format!(" for {}", seconds(uptime)));
    }
    if let Some(pid) = agent.pid {
        text.push_str(&format!(", pid {pid}"));
    }
    text.push_str(&format!(", version {}", printable(&status.version)));
    text
}

fn device(status: &Status) -> String {
    if !status.enrolled {
        return "not enrolled; see: devpulse-client enroll --help".to_owned();
    }
    let known = |text: Option<&str>| printable(text.unwrap_or("?")).into_owned();
    format!(
        "{} of {} at {}",
        known(status.device_id.as_ref().map(|id| id.as_str())),
        known(status.username.as_ref().map(|name| name.as_str())),
        known(status.server_url.as_deref()),
    )
}

const fn key_place(place: KeyPlace) -> &'static str {
    match place {
        KeyPlace::Keyring => "in the system's keychain",
        KeyPlace::File => "in credentials.json, which only you can read",
        KeyPlace::Environment => "in the environment of the agent",
    }
}

/// Told in time for somebody to do something about it.
fn key_end(status: &Status, now: Timestamp) -> Option<String> {
    const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
    const AGAIN: &str = "ask your administrator, then: devpulse-client enroll --force";

    let end = status.key_expires_at?;
    if end <= now {
        return Some(field("", &format!("it ended {}; {AGAIN}", ago(end, now))));
    }
    let left = end.since(now);
    let text = format!("it ends in {}, unless the server exchanges it", super::duration(left));
    (left < SOON).then(|| field("", &text))
}

fn delivery(status: &Status, now: Timestamp) -> String {
    let pipeline = &status.pipeline;
    let mut text = match pipeline.state {
        PipelineState::Idle if pipeline.pending == 0 => "idle, nothing waits".to_owned(),
        PipelineState::Idle if status.agent.running => "idle, a batch is being filled".to_owned(),
        PipelineState::Idle => "stopped, what waits is safe".to_owned(),
        PipelineState::Sending => "sending".to_owned(),
        PipelineState::BackingOff => "waiting after a failure".to_owned(),
        PipelineState::AuthBlocked => {
            "blocked: a key is missing, or the server does not accept it".to_owned()
        }
        PipelineState::ConfigBlocked => {
            "blocked: the server refuses what only an administrator can mend".to_owned()
        }
        PipelineState::Revoked => "ended: the server has revoked this device".to_owned(),
        PipelineState::Paused => "paused".to_owned(),
        PipelineState::Offline => "offline: the server cannot be reached".to_owned(),
    };
    match pipeline.next_attempt {
        Some(next) if next > now => {
            text.push_str(&format!(", next try in {}", super::duration(next.since(now))));
        }
        Some(_) => text.push_str(", next try now"),
        None => {}
    }
    text.push_str(&match pipeline.last_success {
        Some(last) => format!("; last receipt {}", ago(last, now)),
        None => "; no receipt yet".to_owned(),
    });
    text
}

fn paused(pause: &PauseStatus, now: Timestamp) -> String {
    let left = super::duration(pause.until.since(now));
    let reason = pause.reason.as_deref().map(|reason| format!(": {}", printable(reason)));
    format!("for another {left}, until {}{}", pause.until, reason.unwrap_or_default())
}

fn settings(status: &Status, now: Timestamp) -> String {
    match (status.config.version, status.config.fetched_at) {
        (Some(version), Some(at)) => format!("server's version {version}, {}", ago(at, now)),
        (Some(version), None) => format!("server's version {version}"),
        (None, _) => "the server's were never fetched".to_owned(),
    }
}

/// One line a figure, the numbers under each other, and what they hide beside them.
fn figures(pipeline: &PipelineStatus) -> Vec<String> {
    let mut waiting = Vec::new();
    if let Some(age) = pipeline.oldest_pending_s {
        waiting.push(format!("the oldest for {}", seconds(age)));
    }
    if pipeline.in_flight > 0 {
        waiting.push(format!("{} on their way", pipeline.in_flight));
    }
    let known = (pipeline.duplicates > 0)
        .then(|| format!("{} of them the server already had", pipeline.duplicates));
    let refused =
        (pipeline.dead_letter > 0).then(|| "see: devpulse-client events --dead".to_owned());
    let reasons: Vec<String> = pipeline
        .dropped_by_reason
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{count} {}", printable(reason)))
        .collect();
    let rows = [
        ("captured", pipeline.captured, String::new()),
        ("in memory", pipeline.queued, String::new()),
        ("pending", pipeline.pending, waiting.join(", ")),
        ("delivered", pipeline.sent, known.unwrap_or_default()),
        ("dead letters", pipeline.dead_letter, refused.unwrap_or_default()),
        ("dropped", pipeline.dropped, reasons.join(", ")),
        ("images to send", pipeline.blobs_pending, String::new()),
    ];
    let width = rows.iter().map(|(_, number, _)| number.to_string().len()).max().unwrap_or(1);
    let mut lines = vec![format!("events, in a database of {}", bytes(pipeline.wal_bytes))];
    let row =
        |(name, number, note): (&str, u64, String)| format!("  {name:<16}{number:>width$}  {note}");
    lines.extend(rows.into_iter().map(row));
    lines
}

fn capture(status: &Status, now: Timestamp) -> Vec<String> {
    let signals = status.capture.signals();
    let backend =
        |signal: &SignalStatus| printable(signal.backend.as_deref().unwrap_or("-")).into_owned();
    let width =
        signals.iter().map(|(_, signal)| backend(signal).chars().count()).max().unwrap_or(1);
    let mut lines = vec!["capture".to_owned()];
    for (name, signal) in signals {
        let seen = signal.last_seen.map_or_else(|| "-".to_owned(), |seen| ago(seen, now));
        let detail = printable(signal.detail.as_deref().unwrap_or_default());
        lines.push(format!(
            "  {name:<9}{:<13}{:<width$}  {seen:<14}  {detail}",
            signal.state.as_str(),
            backend(signal),
        ));
    }
    lines
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use devpulse_control::{AgentStatus, CaptureStatus, ConfigStatus};
    use devpulse_protocol::{CapabilityState, DeviceId, UserId, Username};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_763_803_800_000)
    }

    fn before(seconds: u64) -> Option<Timestamp> {
        Some(now().minus(Duration::from_secs(seconds)))
    }

    /// What a busy agent says.
    pub(crate) fn working() -> Status {
        let signal = |state, backend: &str, detail: Option<&str>| SignalStatus {
            backend: Some(backend.to_owned()),
            state,
            last_seen: before(2),
            detail: detail.map(str::to_owned),
        };
        Status {
            version: "0.1.0".to_owned(),
            enrolled: true,
            device_id: Some(DeviceId::new("d-17")),
            user_id: Some(UserId::new("u-4")),
            username: Some(Username::new("anna")),
            server_url: Some("https://devpulse.example.com".to_owned()),
            agent: AgentStatus { running: true, pid: Some(4242), uptime_s: Some(11_520.5) },
            pipeline: PipelineStatus {
                captured: 12_345,
                pending: 120,
                in_flight: 100,
                oldest_pending_s: Some(4.2),
                sent: 12_219,
                duplicates: 7,
                rejected: 2,
                dead_letter: 2,
                dropped: 4,
                dropped_by_reason: [("disk_cap".to_owned(), 4), ("damaged".to_owned(), 0)].into(),
                blobs_pending: 1,
                wal_bytes: 1_258_291,
                last_success: before(3),
                last_error: Some("connection \x1b[31mrefused".to_owned()),
                next_attempt: Some(now().plus(Duration::from_secs(12))),
                ..PipelineStatus::empty(PipelineState::BackingOff)
            },
            pause: None,
            capture: CaptureStatus {
                focus: signal(CapabilityState::Ok, "x11", None),
                idle: signal(CapabilityState::Ok, "x11-sync", None),
                session: SignalStatus {
                    backend: None,
                    state: CapabilityState::Unavailable,
                    last_seen: None,
                    detail: Some("no system bus".to_owned()),
                },
                screen: signal(CapabilityState::Degraded, "x11-shm", Some("slow")),
            },
            config: ConfigStatus { version: Some(7), fetched_at: before(120) },
            consent: None,
            secret_store: Some(KeyPlace::Keyring),
            key_expires_at: None,
            withheld: 0,
        }
    }

    #[test]
    fn a_working_agent_is_shown_stage_by_stage() {
        let expected = "\
agent     running for 3 h 12 min, pid 4242, version 0.1.0
device    d-17 of anna at https://devpulse.example.com
key       in the system's keychain
delivery  waiting after a failure, next try in 12 s; last receipt 3 s ago
          last error: connection \\u{1b}[31mrefused
settings  server's version 7, 2 min ago

events, in a database of 1.2 MiB
  captured        12345
  in memory           0
  pending           120  the oldest for 4 s, 100 on their way
  delivered       12219  7 of them the server already had
  dead letters        2  see: devpulse-client events --dead
  dropped             4  4 disk_cap
  images to send      1

capture
  focus    ok           x11       2 s ago
  idle     ok           x11-sync  2 s ago
  session  unavailable  -         -               no system bus
  screen   degraded     x11-shm   2 s ago         slow
";
        assert_eq!(text(&working(), now()), expected);
    }

    #[test]
    fn a_device_that_is_not_enrolled_is_told_how_to_begin() {
        let status = Status {
            enrolled: false,
            agent: AgentStatus::default(),
            pipeline: PipelineStatus::empty(PipelineState::Idle),
            capture: CaptureStatus::unavailable("no agent is running"),
            config: ConfigStatus::default(),
            consent: None,
            secret_store: None,
            key_expires_at: None,
            withheld: 0,
            ..working()
        };
        let text = super::text(&status, now());
        assert!(text.starts_with(
            "agent     not running; start it with: devpulse-client run\n\
             device    not enrolled; see: devpulse-client enroll --help\n\
             delivery  idle, nothing waits; no receipt yet\n\
             settings  the server's were never fetched\n"
        ));
    }

    #[test]
    fn what_waits_for_a_stopped_agent_is_told_to_be_safe() {
        let mut status = working();
        status.agent = AgentStatus::default();
        status.pipeline.state = PipelineState::Idle;
        status.pipeline.next_attempt = None;
        let text = super::text(&status, now());
        assert!(text.contains("delivery  stopped, what waits is safe; last receipt 3 s ago"));
    }

    #[test]
    fn a_pause_is_told_with_what_is_left_of_it_and_its_reason() {
        let mut status = working();
        status.pipeline.state = PipelineState::Paused;
        let reason = Some("a \x1b[2Jcall".to_owned());
        let until = now().plus(Duration::from_secs(1530));
        status.pause = Some(PauseStatus { since: now(), until, reason });
        let text = text(&status, now());
        let expected =
            "paused    for another 25 min, until 2025-11-22T09:55:30.000Z: a \\u{1b}[2Jcall";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("delivery  paused"), "{text}");
    }
}
