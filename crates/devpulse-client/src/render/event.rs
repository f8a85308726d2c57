//! An event as one line for people.

use devpulse_agent::printable::printable;
use devpulse_control::ListedEvent;
use devpulse_protocol::{Activity, Event, EventBody, Gap, Screenshot, Window};

use super::{bytes, count, json_line};

/// Characters of a custom event's data that are shown.
const SHOWN_DATA: usize = 80;

/// When, what kind, what; for a dead letter also why.
pub(crate) fn line(listed: &ListedEvent) -> String {
    let mut line = match serde_json::from_str::<Event>(listed.json.get()) {
        Ok(event) => format!(
            "{}  {:<10}  {}",
            event.header.timestamp,
            event.body.event_type().as_str(),
            summary(&event.body)
        ),
        Err(_) => json_line(listed.json.get()).into_owned(),
    };
    match (listed.status, listed.reason.as_deref()) {
        (Some(status), Some(reason)) => {
            line.push_str(&format!("  [{status}: {}]", printable(reason)));
        }
        (Some(status), None) => line.push_str(&format!("  [{status}]")),
        (None, Some(reason)) => line.push_str(&format!("  [{}]", printable(reason))),
        (None, None) => {}
    }
    line
}

fn summary(body: &EventBody) -> String {
    match body {
        EventBody::Activity(activity) => deed(activity),
        EventBody::Heartbeat(heartbeat) => {
            format!("{}, {} pending", word(&heartbeat.heartbeat_type), heartbeat.pending)
        }
        EventBody::Window(window) => focus(window),
        EventBody::Screenshot(screenshot) => image(screenshot),
        EventBody::Custom(custom) => {
            let data: String = custom.data.get().chars().take(SHOWN_DATA).collect();
            let cut = if data.len() < custom.data.get().len() { " ..." } else { "" };
            format!("{} {}{cut}", printable(&custom.name), json_line(&data))
        }
        EventBody::Gap(gap) => missing(gap),
    }
}

fn deed(activity: &Activity) -> String {
    let mut text = word(&activity.activity_type);
    if let Some(until) = activity.until {
        text.push_str(&format!(" until {until}"));
    }
    if let Some(reason) = &activity.reason {
        text.push_str(&format!(": {}", printable(reason)));
    }
    text
}

fn focus(window: &Window) -> String {
    let application = printable(window.app_name.as_deref().unwrap_or("?"));
    let title = window.window_title.as_deref().map(printable);
    let cut = if window.recovered { ", cut by a crash" } else { "" };
    match title {
        Some(title) => format!("{application}: {title} ({:.1} s{cut})", window.duration),
        None => format!("{application} ({:.1} s{cut})", window.duration),
    }
}

/// An image: of which monitor, how large, why.
pub(crate) fn image(screenshot: &Screenshot) -> String {
    let same = if screenshot.duplicate_of.is_some() { ", as before" } else { "" };
    format!(
        "monitor {} of {}, {}x{} {}, {}, {}{same}",
        u64::from(screenshot.monitor_index) + 1,
        screenshot.monitor_count,
        screenshot.width,
        screenshot.height,
        screenshot.format.as_str(),
        bytes(screenshot.size_bytes),
        word(&screenshot.trigger),
    )
}

fn missing(gap: &Gap) -> String {
    let bound = if gap.estimated { "at most " } else { "" };
    format!("{bound}{} missing: {}", count(gap.count, "event"), gap.reason.as_str())
}

/// An enum as the wire writes it, with spaces.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn listed(fields: &str) -> ListedEvent {
        let json = format!(
            r#"{{"event_id":"019aa000-0000-7000-8000-000000000001","epoch":"00000000000000ff","seq":1,"timestamp":"2025-11-22T09:30:00.050Z","username":"anna","client_id":"d",{fields}}}"#
        );
        ListedEvent {
            json: RawValue::from_string(json).unwrap(),
            reason: None,
            status: None,
            at: None,
        }
    }

    #[test]
    fn every_type_is_told_in_its_own_words() {
        for (fields, told) in [
            (
                r#""event_type":"activity","activity_type":"screen_locked""#,
                "activity    screen locked",
            ),
            (
                r#""event_type":"activity","activity_type":"paused","reason":"a \u001bcall","until":"2025-11-22T10:30:00.000Z""#,
                r"activity    paused until 2025-11-22T10:30:00.000Z: a \u{1b}call",
            ),
            (
                r#""event_type":"window","window_title":"a\u001b[2Jb","app_name":"vim","pid":1,"start_time":"2025-11-22T09:30:00.050Z","end_time":"2025-11-22T09:30:01.050Z","duration":1.04,"recovered":false"#,
                r"window      vim: a\u{1b}[2Jb (1.0 s)",
            ),
            (
                r#""event_type":"screenshot","screenshot_hash":"00","format":"webp","width":1600,"height":900,"size_bytes":90112,"monitor_index":0,"monitor_count":2,"trigger":"window_change","duplicate_of":null"#,
                "screenshot  monitor 1 of 2, 1600x900 webp, 88.0 KiB, window change",
            ),
            (
                r#""event_type":"custom","name":"deploy","data":{"ok": true}"#,
                r#"custom      deploy {"ok":true}"#,
            ),
            (
                r#""event_type":"gap","reason":"disk_cap","count":3,"from_seq":1,"to_seq":3,"from_time":null,"to_time":null,"estimated":true"#,
                "gap         at most 3 events missing: disk_cap",
            ),
        ] {
            assert_eq!(line(&listed(fields)), format!("2025-11-22T09:30:00.050Z  {told}"));
        }
    }

    #[test]
    fn a_dead_letter_is_told_with_its_reason() {
        let event = ListedEvent {
            reason: Some("no such\nname".to_owned()),
            status: Some(422),
            ..listed(r#""event_type":"custom","name":"x","data":null"#)
        };
        assert!(line(&event).ends_with(r"custom      x null  [422: no such\nname]"));
    }

    #[test]
    fn what_this_version_does_not_know_is_shown_as_it_is() {
        let event = listed(r#""event_type":"telepathy","thought":"…""#);
        assert_eq!(line(&event), event.json.get());
    }
}
