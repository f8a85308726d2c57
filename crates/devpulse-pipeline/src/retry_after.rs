//! `Retry-After`, in both of its forms (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

/// Longest wait that a server may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// How long a server asks to wait: seconds, or a date that is compared with the
/// server's own `date`, because the clock here may be wrong. `None` where the text
/// is neither, or lies in the past; at most [`LONGEST_WAIT`].
#[must_use]
pub fn parse(retry_after: &str, date: Option<&str>, now: SystemTime) -> Option<Duration> {
    let text = retry_after.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let from = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()).unwrap_or(now);
        until.duration_since(from).ok()?
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Duration> {
        let date = "Sun, 22 Nov 2026 09:00:00 GMT";
        parse(text, Some(date), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(parsed("120"), Some(Duration::from_secs(120)));
        assert_eq!(parsed(" 0 "), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_is_measured_by_the_clock_of_the_server() {
        assert_eq!(parsed("Sun, 22 Nov 2026 09:02:00 GMT"), Some(Duration::from_secs(120)));
    }

    #[test]
    fn a_wait_of_more_than_an_hour_is_an_hour() {
        assert_eq!(parsed("86400"), Some(LONGEST_WAIT));
        assert_eq!(parsed("99999999999999999999999999"), Some(LONGEST_WAIT));
        assert_eq!(parsed("Mon, 22 Nov 2027 09:00:00 GMT"), Some(LONGEST_WAIT));
    }

    #[test]
    fn nonsense_and_the_past_are_no_wait() {
        for text in ["", "-5", "soon", "1.5", "Sun, 22 Nov 2026 08:00:00 GMT"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
