//! The figures of the last hour, kept in memory and read at heartbeats: what the agent
//! wakes for anyway.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devpulse_control::Sample;

/// How far back samples go.
const SPAN: Duration = Duration::from_secs(60 * 60);
/// Samples are this far apart at least: a heartbeat a minute, and the timer's slack.
const APART: Duration = Duration::from_secs(55);

/// The samples. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trend(Arc<Mutex<VecDeque<Sample>>>);

impl Trend {
    /// Takes a sample where the last one is old enough. A clock that was set back begins
    /// the hour anew.
    pub(crate) fn take(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match samples.back() {
            Some(last) if sample.at < last.at => samples.clear(),
            Some(last) if sample.at.since(last.at) < APART => return,
            _ => {}
        }
        while samples.front().is_some_and(|first| sample.at.since(first.at) > SPAN) {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// All of them, oldest first.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Timestamp;

    use super::*;

    fn sample(second: i64) -> Sample {
        let at = Timestamp::from_millis(second * 1000);
        Sample { at, captured: 7, sent: 4, pending: 1, dead_letter: 1, dropped: 1 }
    }

    fn seconds(trend: &Trend) -> Vec<i64> {
        trend.samples().iter().map(|sample| sample.at.as_millis() / 1000).collect()
    }

    #[test]
    fn heartbeats_that_come_often_leave_one_sample_a_minute() {
        let trend = Trend::default();
        for second in (0..=120).step_by(10) {
            trend.take(sample(second));
        }
        assert_eq!(seconds(&trend), [0, 60, 120]);
    }

    #[test]
    fn samples_are_kept_for_an_hour() {
        let trend = Trend::default();
        for minute in 0..=90 {
            trend.take(sample(minute * 60));
        }
        let kept = seconds(&trend);
        assert_eq!((kept.first(), kept.last(), kept.len()), (Some(&1800), Some(&5400), 61));
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let trend = Trend::default();
        trend.take(sample(1000));
        trend.take(sample(10));
        assert_eq!(seconds(&trend), [10]);
    }
}
