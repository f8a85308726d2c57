//! Waiting between attempts: exponential, with full jitter, so that a thousand
//! devices that lost the same server do not come back at the same moment.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// How the waits of one kind of trouble grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Bound of the first wait.
    pub first: Duration,
    /// Bound of every wait.
    pub longest: Duration,
    /// No wait is shorter.
    pub shortest: Duration,
}

impl Backoff {
    /// The server fails or cannot be reached.
    pub const TROUBLE: Self = Self {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5 * 60),
        shortest: Duration::from_millis(250),
    };
    /// The key or the token is refused.
    pub const AUTH: Self = Self {
        first: Duration::from_secs(60),
        longest: Duration::from_secs(60 * 60),
        shortest: Duration::from_secs(30),
    };
    /// The server is not what it should be.
    pub const CONFIG: Self = Self {
        first: Duration::from_secs(5 * 60),
        longest: Duration::from_secs(60 * 60),
        shortest: Duration::from_secs(60),
    };
    /// The device is revoked: never more than 24 requests a day, the one that was answered
    /// with the revocation and a renewal of the token included.
    pub const REVOKED: Self = Self {
        first: Duration::from_secs(84 * 60),
        longest: Duration::from_secs(84 * 60),
        shortest: Duration::from_secs(66 * 60),
    };
    /// The person waits in front of the screen.
    pub const SYNC: Self = Self {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(2),
        shortest: Duration::from_millis(250),
    };

    /// The wait after the `attempt`th failure in a row, counted from 1.
    pub fn wait(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        let doublings = attempt.saturating_sub(1).min(30);
        let bound = self.first.saturating_mul(1 << doublings).min(self.longest);
        let shortest = self.shortest.min(bound);
        shortest + (bound - shortest).mul_f64(rng.random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn waits_grow_up_to_their_bound_and_are_spread() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut waits = |attempt| -> Vec<Duration> {
            (0..200).map(|_| Backoff::TROUBLE.wait(attempt, &mut rng)).collect()
        };
        for (attempt, bound) in [(1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (1000, 300)] {
            let waits = waits(attempt);
            let longest = waits.iter().max().copied().unwrap_or_default();
            let shortest = waits.iter().min().copied().unwrap_or_default();
            assert!(longest <= Duration::from_secs(bound), "attempt {attempt}: {longest:?}");
            assert!(longest > Duration::from_secs(bound).mul_f64(0.9), "attempt {attempt}");
            assert!(shortest >= Duration::from_millis(250), "attempt {attempt}: {shortest:?}");
            assert!(shortest < Duration::from_secs(bound).mul_f64(0.4), "attempt {attempt}");
        }
    }

    #[test]
    fn a_revoked_device_asks_at_most_24_times_a_day() {
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..1000 {
            let waits = (1..=22).map(|attempt| Backoff::REVOKED.wait(attempt, &mut rng));
            assert!(waits.sum::<Duration>() >= Duration::from_secs(24 * 60 * 60));
        }
    }

    #[test]
    fn no_two_kinds_of_wait_have_an_instant_at_which_many_devices_come_back() {
        let mut rng = StdRng::seed_from_u64(7);
        for kind in [Backoff::TROUBLE, Backoff::AUTH, Backoff::CONFIG, Backoff::REVOKED] {
            for attempt in 1..12 {
                let waits: Vec<_> = (0..1000).map(|_| kind.wait(attempt, &mut rng)).collect();
                let shortest = waits.iter().filter(|&&wait| wait <= kind.shortest).count();
                assert!(shortest < 10, "{kind:?}: {shortest} of 1000 after {attempt}");
            }
        }
    }
}
