//! Wall-clock time in milliseconds since 1970, read from RFC 3339.

use std::time::{SystemTime, UNIX_EPOCH};

/// What the wall clock says.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reads `2026-11-22T09:30:00.050Z`, the one way in which DevPulse writes time.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, millis) = time.split_once('.')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    (millis.len() == 3).then_some(seconds * 1000 + millis.parse::<i64>().ok()?)
}

/// The time of day in it, to the tenth of a second, for people.
pub(super) fn time_of_day(text: &str) -> &str {
    text.get(11..21).unwrap_or(text)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Days since 1970 in the Gregorian calendar; the year is counted from March, so
/// that a leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_the_wire_are_read_to_the_millisecond() {
        assert_eq!(parse("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(parse("2025-11-22T09:30:00.050Z"), Some(1_763_803_800_050));
        assert_eq!(parse("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999));
        assert_eq!(parse("2024-03-01T00:00:00.000Z"), Some(1_709_251_200_000));
    }

    #[test]
    fn another_form_of_time_is_refused() {
        for text in ["", "2025-11-22", "2025-11-22T09:30:00Z", "2025-11-22T09:30:00.050+01:00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn people_see_tenths_of_a_second() {
        assert_eq!(time_of_day("2025-11-22T09:30:00.050Z"), "09:30:00.0");
    }
}
