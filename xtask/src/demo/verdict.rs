//! Whether what the server holds is what happened.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::clock;
use super::script::{Deeds, IDLE_THRESHOLD, Rest, Stay};

/// By how many milliseconds a reported duration may differ from what was done.
const TOLERANCE: i64 = 300;

/// By how many milliseconds an idle edge may differ from the input that made it.
const IDLE_TOLERANCE: i64 = 700;

/// Shorter stays end where the demo was ended; nothing can be said about them.
const SHORTEST: i64 = 600;

/// Kinds of event that each run of the agent leads to.
const EVERY_RUN: [(&str, &str); 4] = [
    ("activity", "started"),
    ("activity", "normal_shutdown"),
    ("heartbeat", "regular"),
    ("heartbeat", "final"),
];

/// Kinds of event that a run on a desktop leads to besides.
const EVERY_DESKTOP: [(&str, &str); 2] = [("window", ""), ("screenshot", "")];

/// A stay, and what the server holds of it.
pub(super) struct Compared<'a> {
    pub(super) stay: &'a Stay,
    /// The sum of the reported durations in milliseconds; nothing where none was reported.
    pub(super) reported: Option<i64>,
}

impl Compared<'_> {
    /// For how many milliseconds the window had the focus.
    pub(super) fn done(&self) -> i64 {
        self.stay.end - self.stay.start
    }

    fn fault(&self) -> Option<String> {
        let Stay { title, .. } = self.stay;
        match self.reported {
            None => Some(format!("the window `{title}` is missing")),
            Some(reported) if (reported - self.done()).abs() > TOLERANCE => Some(format!(
                "the window `{title}` was looked at for {} ms, but {reported} ms are reported",
                self.done()
            )),
            Some(_) => None,
        }
    }
}

/// Every stay beside what was reported of it.
pub(super) fn compare<'a>(deeds: &'a Deeds, events: &[Value]) -> Vec<Compared<'a>> {
    deeds
        .stays
        .iter()
        .filter(|stay| stay.end - stay.start >= SHORTEST)
        .map(|stay| Compared { stay, reported: reported(stay, events) })
        .collect()
}

/// What is missing or wrong; nothing where the server holds what happened. Of a
/// desktop that a person used nothing is known, so that less can be asked of it.
pub(super) fn faults(deeds: Option<&Deeds>, events: &[Value]) -> Vec<String> {
    let mut faults = missing_kinds(&EVERY_RUN, events);
    if let Some(deeds) = deeds {
        faults.extend(missing_kinds(&EVERY_DESKTOP, events));
        faults.extend(compare(deeds, events).iter().filter_map(Compared::fault));
        faults.extend(deeds.rests.iter().flat_map(|rest| idle_faults(rest, events)));
    }
    faults.extend(order_faults(events));
    faults
}

fn reported(stay: &Stay, events: &[Value]) -> Option<i64> {
    let middle = |event: &Value| {
        let start = clock::parse(event["start_time"].as_str()?)?;
        Some(start.midpoint(clock::parse(event["end_time"].as_str()?)?))
    };
    let durations = events
        .iter()
        .filter(|event| event["window_title"] == stay.title && event["app_name"] == stay.app)
        .filter(|event| middle(event).is_some_and(|at| (stay.start..=stay.end).contains(&at)))
        .filter_map(|event| event["duration"].as_f64());
    durations.map(|seconds| (seconds * 1000.0).round() as i64).reduce(|sum, next| sum + next)
}

/// Which of these kinds of event has not arrived.
fn missing_kinds(kinds: &[(&str, &str)], events: &[Value]) -> Vec<String> {
    let found: BTreeSet<(&str, &str)> = events
        .iter()
        .map(|event| {
            let kind = event["event_type"].as_str().unwrap_or_default();
            let variant = event["activity_type"].as_str().or(event["heartbeat_type"].as_str());
            (kind, variant.unwrap_or_default())
        })
        .collect();
    kinds
        .iter()
        .filter(|kind| !found.contains(kind))
        .map(|(kind, variant)| format!("no {kind} event has arrived: {variant}"))
        .map(|fault| fault.trim_end_matches(": ").to_owned())
        .collect()
}

fn idle_faults(rest: &Rest, events: &[Value]) -> Vec<String> {
    let threshold = IDLE_THRESHOLD.as_millis() as i64;
    let long_enough = |until: i64| until - rest.last_input > threshold + IDLE_TOLERANCE;
    let Some(next_input) = rest.next_input.filter(|next| long_enough(*next)) else {
        return Vec::new();
    };
    let near = |variant: &str, at: i64| {
        events.iter().any(|event| {
            let time = event["timestamp"].as_str().and_then(clock::parse);
            event["activity_type"] == variant
                && time.is_some_and(|time| (time - at).abs() <= IDLE_TOLERANCE)
        })
    };
    let mut faults = Vec::new();
    if !near("inactive", rest.last_input) {
        faults.push("no inactive event bears the time of the last input".to_owned());
    }
    if !near("active", next_input) {
        faults.push("no active event bears the time at which input came back".to_owned());
    }
    faults
}

/// Events of one database are numbered without a hole, and none comes twice.
fn order_faults(events: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let ids: HashSet<&str> = events.iter().filter_map(|event| event["event_id"].as_str()).collect();
    if ids.len() != events.len() {
        faults.push(format!("{} events arrived twice", events.len() - ids.len()));
    }
    let numbers: BTreeSet<i64> = events.iter().filter_map(|event| event["seq"].as_i64()).collect();
    if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
        let holes = last - first + 1 - numbers.len() as i64;
        if holes > 0 {
            faults.push(format!("{holes} events between the first and the last are missing"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deeds() -> Deeds {
        let stay = Stay { app: "Editor", title: "engine.rs".to_owned(), start: 1_000, end: 3_000 };
        let rest = Rest { last_input: 4_000, next_input: Some(8_000) };
        Deeds { stays: vec![stay], rests: vec![rest] }
    }

    fn events() -> Vec<Value> {
        let mut events = vec![
            json!({"event_type": "activity", "activity_type": "started"}),
            json!({
                "event_type": "window", "window_title": "engine.rs", "app_name": "Editor",
                "start_time": "1970-01-01T00:00:01.010Z", "end_time": "1970-01-01T00:00:02.010Z",
                "duration": 1.0,
            }),
            json!({
                "event_type": "window", "window_title": "engine.rs", "app_name": "Editor",
                "start_time": "1970-01-01T00:00:02.010Z", "end_time": "1970-01-01T00:00:03.010Z",
                "duration": 1.0,
            }),
            json!({"event_type": "screenshot"}),
            json!({"event_type": "heartbeat", "heartbeat_type": "regular"}),
            json!({
                "event_type": "activity", "activity_type": "inactive",
                "timestamp": "1970-01-01T00:00:04.050Z",
            }),
            json!({
                "event_type": "activity", "activity_type": "active",
                "timestamp": "1970-01-01T00:00:08.050Z",
            }),
            json!({"event_type": "heartbeat", "heartbeat_type": "final"}),
            json!({"event_type": "activity", "activity_type": "normal_shutdown"}),
        ];
        for (index, event) in events.iter_mut().enumerate() {
            event["event_id"] = json!(format!("id-{index}"));
            event["seq"] = json!(index + 1);
        }
        events
    }

    #[test]
    fn what_happened_and_was_reported_has_no_fault() {
        assert_eq!(faults(Some(&deeds()), &events()), Vec::<String>::new());
    }

    #[test]
    fn each_event_that_is_taken_away_is_missed() {
        for index in 0..events().len() {
            let mut events = events();
            let taken = events.remove(index);
            assert!(!faults(Some(&deeds()), &events).is_empty(), "{taken} was not missed");
        }
    }

    #[test]
    fn a_duration_beyond_the_tolerance_is_a_fault() {
        let mut events = events();
        events[1]["duration"] = json!(1.29);
        assert_eq!(faults(Some(&deeds()), &events), Vec::<String>::new());
        events[1]["duration"] = json!(1.31);
        assert_eq!(
            faults(Some(&deeds()), &events),
            ["the window `engine.rs` was looked at for 2000 ms, but 2310 ms are reported"]
        );
    }

    #[test]
    fn an_idle_edge_at_the_time_of_noticing_is_a_fault() {
        let mut events = events();
        events[5]["timestamp"] = json!("1970-01-01T00:00:06.000Z");
        assert_eq!(
            faults(Some(&deeds()), &events),
            ["no inactive event bears the time of the last input"]
        );
    }

    #[test]
    fn an_event_that_arrives_twice_is_a_fault() {
        let mut events = events();
        events.push(events[3].clone());
        assert_eq!(faults(Some(&deeds()), &events), ["1 events arrived twice"]);
    }
}
