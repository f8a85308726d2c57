//! `status --prometheus`: the figures in Prometheus's text format, version 0.0.4.
//!
//! Names, types and labels are promised in `docs/metrics.md`; a test compares the two.

use std::fmt::Write as _;

use devpulse_control::{PipelineState, Status};
use devpulse_protocol::{CapabilityState, Timestamp};

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

/// All figures, each with what it means.
pub(crate) fn text(status: &Status) -> String {
    let mut page = Page(String::new());
    let pipeline = &status.pipeline;
    page.family("devpulse_build_info", "gauge", "Always 1; the version stands in the label.");
    page.sample("devpulse_build_info", &[("version", &status.version)], 1);
    page.single(
        "devpulse_enrolled",
        "gauge",
        "Whether the device is enrolled.",
        truth(status.enrolled),
    );
    page.single(
        "devpulse_agent_running",
        "gauge",
        "Whether an agent runs on this home.",
        truth(status.agent.running),
    );
    page.optional(
        "devpulse_agent_uptime_seconds",
        "Time since the agent started.",
        status.agent.uptime_s,
    );
    page.family(
        "devpulse_pipeline_state",
        "gauge",
        "1 for the state that delivery is in, 0 for the others.",
    );
    for state in STATES {
        let is_it = truth(pipeline.state == state);
        page.sample("devpulse_pipeline_state", &[("state", state.as_str())], is_it);
    }
    counters(&mut page, status);
    gauges(&mut page, status);
    capture(&mut page, status);
    page.0
}

fn counters(page: &mut Page, status: &Status) {
    let pipeline = &status.pipeline;
    for (name, help, value) in [
        ("captured", "Events that were ever committed.", pipeline.captured),
        ("delivered", "Events that the server acknowledged.", pipeline.sent),
        ("duplicate", "Delivered events that the server had before.", pipeline.duplicates),
        ("rejected", "Events that the server refused for good.", pipeline.rejected),
    ] {
        page.single(&format!("devpulse_events_{name}_total"), "counter", help, value);
    }
    let name = "devpulse_events_dropped_total";
    page.family(name, "counter", "Events that were given up, by reason.");
    for (reason, count) in &pipeline.dropped_by_reason {
        page.sample(name, &[("reason", reason)], count);
    }
    let name = "devpulse_windows_withheld_total";
    let help = "Window sessions since the agent started that a rule kept from being reported.";
    page.single(name, "counter", help, status.withheld);
}

fn gauges(page: &mut Page, status: &Status) {
    let pipeline = &status.pipeline;
    for (name, help, value) in [
        ("events_queued", "Events that wait in memory to be committed.", pipeline.queued),
        ("events_pending", "Committed events that are not acknowledged.", pipeline.pending),
        ("events_in_flight", "Pending events that are on their way.", pipeline.in_flight),
        ("events_dead_letter", "Refused events that are kept.", pipeline.dead_letter),
        ("images_pending", "Images that the server does not have yet.", pipeline.blobs_pending),
        ("wal_bytes", "Size of the event log on disk.", pipeline.wal_bytes),
    ] {
        page.single(&format!("devpulse_{name}"), "gauge", help, value);
    }
    page.optional(
        "devpulse_oldest_pending_seconds",
        "Age of the oldest pending event.",
        pipeline.oldest_pending_s,
    );
    let at = |time: Option<Timestamp>| time.map(|time| time.as_millis() as f64 / 1000.0);
    for (name, help, time) in [
        ("last_success", "When the server last acknowledged something.", pipeline.last_success),
        ("next_attempt", "When delivery is tried again.", pipeline.next_attempt),
        ("key_expires", "When the device's key ends.", status.key_expires_at),
        ("config_fetched", "When the configuration was last confirmed.", status.config.fetched_at),
        ("pause_until", "When the pause ends.", status.pause.as_ref().map(|pause| pause.until)),
    ] {
        page.optional(&format!("devpulse_{name}_timestamp_seconds"), help, at(time));
    }
    let version = status.config.version.map(|version| version as f64);
    page.optional("devpulse_config_version", "Version of the server's configuration.", version);
}

fn capture(page: &mut Page, status: &Status) {
    const STATES: [CapabilityState; 4] = [
        CapabilityState::Ok,
        CapabilityState::Degraded,
        CapabilityState::Unavailable,
        CapabilityState::Denied,
    ];
    let name = "devpulse_signal_state";
    page.family(name, "gauge", "1 for how well a signal is served, 0 for the others.");
    for (signal, served) in status.capture.signals() {
        for state in STATES {
            let labels = [("signal", signal), ("state", word(state))];
            page.sample(name, &labels, truth(served.state == state));
        }
    }
}

const fn word(state: CapabilityState) -> &'static str {
    match state {
        CapabilityState::Ok => "ok",
        CapabilityState::Degraded => "degraded",
        CapabilityState::Unavailable => "unavailable",
        CapabilityState::Denied => "denied",
    }
}

const fn truth(value: bool) -> u64 {
    if value { 1 } else { 0 }
}

struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        if self.0.write_fmt(format_args!("{line}\n")).is_err() {
            tracing::trace!("text cannot be written");
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.line(format_args!("{name}{labels} {value}"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// A gauge that is left out where there is nothing to tell.
    fn optional(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.family(name, "gauge", help);
            self.sample(name, &[], value);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;
    use crate::render::status::tests::working;

    type Families<'a> = BTreeMap<&'a str, (&'a str, Vec<(&'a str, f64)>)>;

    /// Reads the format as strictly as Prometheus's own linter: each family once, its help
    /// and type before its samples, names and units as its naming asks for.
    fn lint(page: &str) -> Families<'_> {
        assert!(page.ends_with('\n'));
        let mut families = Families::new();
        let (mut helped, mut current) = (None, None);
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(help.ends_with('.') && !families.contains_key(name), "{line}");
                helped = Some(name);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(helped, Some(name), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                families.insert(name, (kind, Vec::new()));
                current = Some(name);
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                assert_eq!(current, Some(name), "{line}");
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                assert!(name.starts_with("devpulse_") && name.chars().all(fits), "{line}");
                let samples = &mut families.get_mut(name).unwrap().1;
                assert!(samples.iter().all(|(known, _)| *known != series), "{line} again");
                let labels = series.strip_prefix(name).unwrap();
                assert!(labels.is_empty() || labels.ends_with("\"}"), "{line}");
                samples.push((series, value.parse().unwrap()));
            }
        }
        families
    }

    fn everything() -> Status {
        let mut status = working();
        let at = Timestamp::from_millis(1_795_339_800_050);
        status.key_expires_at = Some(at);
        let pause = devpulse_control::PauseStatus { since: at, until: at, reason: None };
        status.pause = Some(pause);
        status
    }

    #[test]
    fn the_page_is_in_the_format_and_says_what_the_status_says() {
        let status = everything();
        let page = text(&status);
        let families = lint(&page);
        let value = |name: &str| families[name].1[0].1;
        assert_eq!(value("devpulse_events_captured_total"), status.pipeline.captured as f64);
        assert_eq!(value("devpulse_events_pending"), status.pipeline.pending as f64);
        assert_eq!(value("devpulse_key_expires_timestamp_seconds"), 1_795_339_800.05);
        let states = &families["devpulse_pipeline_state"].1;
        assert_eq!(states.iter().map(|(_, value)| value).sum::<f64>(), 1.0);
        assert!(page.contains("devpulse_pipeline_state{state=\"backing_off\"} 1\n"));
        assert!(page.contains("devpulse_signal_state{signal=\"screen\",state=\"degraded\"} 1\n"));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut status = working();
        status.pipeline.oldest_pending_s = None;
        let page = text(&status);
        lint(&page);
        assert!(!page.contains("oldest_pending") && !page.contains("key_expires"));
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let mut status = working();
        status.version = "1\"} 7\n\\".to_owned();
        let page = text(&status);
        assert!(page.contains("devpulse_build_info{version=\"1\\\"} 7\\n\\\\\"} 1\n"), "{page}");
    }

    #[test]
    fn the_documented_names_are_those_of_the_page() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let documented = std::fs::read_to_string(path).unwrap();
        let documented: BTreeSet<_> = documented
            .lines()
            .filter_map(|line| line.strip_prefix("| `devpulse_")?.split('`').next())
            .map(|name| format!("devpulse_{}", name.split('{').next().unwrap()))
            .collect();
        let page = text(&everything());
        let given: BTreeSet<_> = lint(&page).into_keys().map(ToOwned::to_owned).collect();
        assert_eq!(documented, given);
    }
}
