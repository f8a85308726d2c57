//! When something is done again that every device of a fleet does at the same interval:
//! a little apart, so that devices that were started together do not march in step.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// How far the waits of one kind are spread, as shares of the interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    first: (f64, f64),
    next: (f64, f64),
}

impl Pace {
    /// Heartbeats come once an interval on average, the first one before it is over.
    pub(crate) const HEARTBEAT: Self = Self { first: (0.5, 1.0), next: (0.9, 1.1) };
    /// The configuration is never older than the interval.
    pub(crate) const CONFIG: Self = Self { first: (0.5, 1.0), next: (0.8, 1.0) };

    /// The share of the interval to wait, `done` times after the start.
    pub(crate) fn share(self, done: u64, rng: &mut impl Rng) -> f64 {
        let (least, most) = if done == 0 { self.first } else { self.next };
        rng.random_range(least..=most)
    }

    /// How long to wait, `done` times after the start.
    pub(crate) fn wait(self, interval: Duration, done: u64, rng: &mut impl Rng) -> Duration {
        interval.mul_f64(self.share(done, rng))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_configuration_is_never_older_than_its_interval_and_heartbeats_keep_theirs_on_average() {
        let mut rng = StdRng::seed_from_u64(1);
        let interval = Duration::from_secs(100);
        let mut sum = Duration::ZERO;
        for done in 0..1000 {
            assert!(Pace::CONFIG.wait(interval, done, &mut rng) <= interval);
            assert!(Pace::CONFIG.wait(interval, done, &mut rng) >= interval / 2);
            sum += Pace::HEARTBEAT.wait(interval, done + 1, &mut rng);
        }
        let mean = sum.as_secs_f64() / 1000.0;
        assert!((99.0..101.0).contains(&mean), "{mean}");
    }
}
