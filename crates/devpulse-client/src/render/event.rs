//! An event as one line for people.

use devpulse_agent::event_summary;
use devpulse_agent::printable::printable;
use devpulse_control::ListedEvent;
use devpulse_protocol::Event;

use super::json_line;

/// When, what kind, what; for a dead letter also why.
pub(crate) fn line(listed: &ListedEvent) -> String {
    let mut line = match serde_json::from_str::<Event>(listed.json.get()) {
        Ok(event) => format!(
            "{}  {:<10}  {}",
            event.header.timestamp,
            event.body.event_type().as_str(),
            event_summary::of(&event.body)
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
