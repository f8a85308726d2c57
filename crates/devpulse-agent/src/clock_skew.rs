//! How far this computer's clock is ahead of the server's, as its answers show.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use devpulse_protocol::Timestamp;

/// Nothing is known.
const UNKNOWN: i64 = i64::MIN;

/// The difference as of the last answer; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct ClockSkew(Arc<AtomicI64>);

impl Default for ClockSkew {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl ClockSkew {
    /// Takes in the `Date` of an answer that was complete at `now`, `took` after it was asked
    /// for. An answer without one says nothing.
    pub(crate) fn learn(&self, date: Option<&str>, now: Timestamp, took: Duration) {
        if let Some(theirs) = date.and_then(instant) {
            let skew = now.minus(took / 2).as_millis().saturating_sub(theirs.as_millis());
            self.0.store(skew, Ordering::Relaxed);
        }
    }

    /// Seconds by which this clock is ahead, to half a second; negative where it is behind.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let millis = self.0.load(Ordering::Relaxed);
        (millis != UNKNOWN).then(|| (millis as f64 / 500.0).round() / 2.0)
    }
}

/// The time in a `Date` header, which is cut to whole seconds.
pub(crate) fn instant(date: &str) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(date.trim()).ok()?;
    let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?.saturating_add(500)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 22 Nov 2026 09:00:00 GMT";

    fn learned(date: Option<&str>, now: &str) -> Option<f64> {
        let skew = ClockSkew::default();
        skew.learn(date, now.parse().unwrap(), Duration::from_secs(2));
        skew.seconds()
    }

    #[test]
    fn the_difference_is_measured_in_the_middle_between_question_and_answer() {
        assert_eq!(learned(Some(DATE), "2026-11-22T09:00:01.500Z"), Some(0.0));
        assert_eq!(learned(Some(DATE), "2026-11-22T10:00:01.500Z"), Some(3600.0));
        assert_eq!(learned(Some(DATE), "2026-11-22T08:59:31.500Z"), Some(-30.0));
        assert_eq!(learned(Some(DATE), "1970-01-01T00:00:01.500Z"), Some(-1_795_338_000.0));
    }

    #[test]
    fn an_answer_without_a_date_says_nothing() {
        let skew = ClockSkew::default();
        skew.learn(None, Timestamp::now(), Duration::ZERO);
        skew.learn(Some("yesterday"), Timestamp::now(), Duration::ZERO);
        assert_eq!(skew.seconds(), None);
    }
}
