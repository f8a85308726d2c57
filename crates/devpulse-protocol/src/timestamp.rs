//! Wall-clock time as the wire writes it.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An instant in UTC, to the millisecond, written as RFC 3339
/// (`2026-11-22T09:30:00.000Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// What the wall clock says.
    #[must_use]
    pub fn now() -> Self {
        Self::of_system(SystemTime::now())
    }

    fn of_system(now: SystemTime) -> Self {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(match now.duration_since(UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => -millis(before.duration()),
        })
    }

    /// The instant so many milliseconds after 1970; clamped to years -9999 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        let nearest = if millis < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_millisecond(millis).unwrap_or(nearest))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// This instant moved back by `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_sub(millis))
    }

    /// This instant moved on by `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_add(millis))
    }

    /// How long after `earlier` this is; zero where the clock went back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.as_millis().saturating_sub(earlier.as_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|instant| Self::from_millis(instant.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_written_with_three_digits_of_a_second() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            Timestamp::from_millis(1_763_803_800_050).to_string(),
            "2025-11-22T09:30:00.050Z"
        );
    }

    #[test]
    fn an_offset_is_converted_to_utc() {
        let parsed: Timestamp = "2025-11-22T10:30:00.0504+01:00".parse().unwrap();
        assert_eq!(parsed.to_string(), "2025-11-22T09:30:00.050Z");
    }

    #[test]
    fn an_instant_beyond_all_years_is_the_nearest_that_there_is() {
        assert!(Timestamp::from_millis(i64::MAX).to_string().starts_with("9999-12-"));
        assert!(Timestamp::from_millis(i64::MIN).as_millis() < -377_000_000_000_000);
        assert!(Timestamp::now() < Timestamp::from_millis(i64::MAX));
    }

    #[test]
    fn the_time_can_be_told_whatever_the_clock_shows() {
        let year = Duration::from_secs(365 * 86_400);
        let told = |now| Timestamp::of_system(now).to_string();
        assert_eq!(told(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(told(UNIX_EPOCH - Duration::from_millis(1)), "1969-12-31T23:59:59.999Z");
        assert!(told(UNIX_EPOCH + 130 * year).starts_with("2099-"));
        assert!(told(UNIX_EPOCH + 30_000 * year).starts_with("9999-12-"));
    }

    #[test]
    fn time_that_ran_backwards_is_no_duration() {
        let early = Timestamp::from_millis(1_000);
        let late = Timestamp::from_millis(3_500);
        assert_eq!(late.since(early), Duration::from_millis(2_500));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
