//! Figures and texts as people read them. Nothing here reads a clock, a file or a socket.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use devpulse_protocol::Timestamp;

use crate::printable::printable;

/// JSON on one line that commands no terminal: line breaks between its parts become
/// spaces, and characters that a terminal obeys become escapes, which mean the same.
#[must_use]
pub fn json_line(json: &str) -> Cow<'_, str> {
    if is_harmless(json) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len() + 16);
    let mut buffer = [0; 4];
    for character in json.chars() {
        if matches!(character, '\n' | '\r' | '\t') {
            line.push(' ');
        } else if is_harmless(character.encode_utf8(&mut buffer)) {
            line.push(character);
        } else if write!(line, "\\u{:04x}", u32::from(character)).is_err() {
            line.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Cow::Owned(line)
}

fn is_harmless(text: &str) -> bool {
    matches!(printable(text), Cow::Borrowed(_))
}

/// How long something takes or took: `12 s`, `5 min`, `3 h 12 min`, `4 days`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The same for a number of seconds that came as JSON.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// How long ago something was: `12 s ago`.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", duration(now.since(then)))
}

/// A number of bytes: `512 B`, `1.2 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 1024.0 {
        match units.next() {
            Some(larger) => {
                size /= 1024.0;
                unit = Some(larger);
            }
            None => break,
        }
    }
    format!("{size:.1} {}", unit.copied().unwrap_or("B"))
}

/// `1 event`, `2 events`.
#[must_use]
pub fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_one_line_and_keeps_its_meaning() {
        let json = "{\n\t\"title\": \"a\u{9b}2J\u{202e}b\"\r\n}";
        let line = json_line(json);
        assert_eq!(line, r#"{  "title": "a\u009b2J\u202eb"  }"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&line), value(json));
        assert!(matches!(json_line(r#"{"a":"ü 概要 \n"}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn durations_are_told_in_the_unit_that_matters() {
        for (seconds, told) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (11_520, "3 h 12 min"),
            (172_799, "47 h 59 min"),
            (345_600, "4 days"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), told);
        }
        assert_eq!(super::seconds(f64::NAN), "0 s");
    }

    #[test]
    fn sizes_are_told_in_the_unit_that_matters() {
        for (size, told) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_258_291, "1.2 MiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(bytes(size), told);
        }
    }
}
