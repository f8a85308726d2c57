use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> Timestamp {
    format!("2026-11-22T{text}Z").parse().unwrap()
}

fn bounds() -> DayBounds {
    DayBounds { date: "2026-11-22".to_owned(), from: at("00:00:00"), to: at("18:00:00") }
}

fn event(timestamp: &str, body: &Value) -> Event {
    let mut event = json!({
        "event_id": "019aa000-0000-7000-8000-000000000001", "epoch": "00000000000000ff", "seq": 1,
        "timestamp": format!("2026-11-22T{timestamp}.000Z"), "username": "anna", "client_id": "d",
    });
    event.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}

fn window(app: &str, from: &str, to: &str) -> Event {
    let (start, end) = (at(from), at(to));
    let body = json!({
        "event_type": "window", "window_title": "a title", "app_name": app, "pid": 1,
        "start_time": start, "end_time": end, "duration": end.since(start).as_secs_f64(),
    });
    event(to, &body)
}

fn activity(timestamp: &str, activity_type: &str) -> Event {
    event(timestamp, &json!({"event_type": "activity", "activity_type": activity_type}))
}

fn day(events: &[Event], open: Option<OpenWindow>) -> Today {
    let mut day = Day::new(bounds());
    for event in events {
        day.take(event, Whereabouts::Delivered);
    }
    day.finish(open)
}

fn bands(events: &[Event]) -> Vec<(BandKind, String, String)> {
    let clock = |time: &str| time[11..19].to_owned();
    let bands = day(events, None).bands;
    bands.into_iter().map(|band| (band.kind, clock(&band.start), clock(&band.end))).collect()
}

fn band(kind: BandKind, from: &str, to: &str) -> (BandKind, String, String) {
    (kind, from.to_owned(), to.to_owned())
}

#[test]
fn time_is_added_up_by_application_with_what_is_open_now() {
    let open = OpenWindow { app: "mail".to_owned(), title: None, since: at("17:00:00") };
    let events = [
        window("code", "09:00:00", "10:00:00"),
        window("mail", "10:00:00", "10:10:00"),
        window("code", "10:10:00", "10:40:00"),
    ];
    let today = day(&events, Some(open));
    let times: Vec<_> = today
        .applications
        .iter()
        .map(|time| (time.app.as_str(), time.seconds, time.visits))
        .collect();
    assert_eq!(times, [("code", 5_400.0, 2), ("mail", 4_200.0, 2)]);
    assert!(today.spans[3].is_open && !today.spans[3].is_delivered);
    assert!(today.spans[0].is_delivered);
    assert_eq!(today.active_s, 9_600.0);
}

#[test]
fn what_lies_outside_the_day_does_not_count() {
    let mut early = Day::new(DayBounds { from: at("09:30:00"), ..bounds() });
    early.take(&window("code", "09:00:00", "10:00:00"), Whereabouts::Here);
    early.take(&window("code", "08:00:00", "09:00:00"), Whereabouts::Here);
    let today = early.finish(None);
    assert_eq!(today.spans.len(), 1);
    assert_eq!(today.spans[0].seconds, 1_800.0);
    assert_eq!(today.spans[0].start, "2026-11-22T09:30:00.000Z");
}

#[test]
fn idle_and_locked_times_are_bands_and_no_active_time() {
    let events = [
        window("code", "09:00:00", "11:00:00"),
        activity("09:30:00", "inactive"),
        activity("10:00:00", "screen_locked"),
        activity("10:30:00", "screen_unlocked"),
        activity("10:30:00", "active"),
    ];
    assert_eq!(
        bands(&events),
        [
            band(BandKind::Idle, "09:30:00", "10:30:00"),
            band(BandKind::Locked, "10:00:00", "10:30:00"),
        ]
    );
    let today = day(&events, None);
    assert_eq!((today.idle_s, today.locked_s, today.active_s), (3_600.0, 1_800.0, 3_600.0));
}

#[test]
fn what_is_still_open_lasts_until_now() {
    let events = [activity("09:00:00", "started"), activity("17:00:00", "paused")];
    assert_eq!(bands(&events), [band(BandKind::Paused, "17:00:00", "18:00:00")]);
}

#[test]
fn the_time_between_two_runs_of_the_agent_is_off() {
    let events = [
        activity("09:00:00", "started"),
        activity("10:00:00", "inactive"),
        activity("11:00:00", "normal_shutdown"),
        activity("12:00:00", "started"),
    ];
    assert_eq!(
        bands(&events),
        [band(BandKind::Idle, "10:00:00", "11:00:00"), band(BandKind::Off, "11:00:00", "12:00:00"),]
    );
}

#[test]
fn a_run_that_was_cut_is_off_since_its_last_sign() {
    let heartbeat = json!({
        "event_type": "heartbeat", "heartbeat_type": "regular", "pending": 0,
        "oldest_pending_s": null, "dropped": 0, "capabilities": {},
    });
    let events = [
        activity("09:00:00", "started"),
        event("10:00:00", &heartbeat),
        activity("12:00:00", "started"),
    ];
    assert_eq!(bands(&events), [band(BandKind::Off, "10:00:00", "12:00:00")]);
}

#[test]
fn a_pause_outlasts_the_agent() {
    let events = [
        activity("09:00:00", "paused"),
        activity("09:10:00", "normal_shutdown"),
        activity("09:20:00", "started"),
        activity("09:30:00", "unpaused"),
    ];
    assert_eq!(
        bands(&events),
        [
            band(BandKind::Paused, "09:00:00", "09:30:00"),
            band(BandKind::Off, "09:10:00", "09:20:00"),
        ]
    );
}

#[test]
fn a_day_says_since_when_it_is_known() {
    assert_eq!(day(&[], None).known_from, None);
    let known = day(&[window("code", "09:00:00", "10:00:00")], None).known_from;
    assert_eq!(known.as_deref(), Some("2026-11-22T10:00:00.000Z"));
}
