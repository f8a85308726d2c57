//! Time that nobody sets, and how far the wall clock was set against it.
//!
//! Decisions that outlive the process compare wall times, because there is nothing else to
//! compare. So that a clock that is set does not make them, the wall times that are kept are
//! moved along with it.

use std::time::Duration;

use devpulse_protocol::Timestamp;

/// A wall clock that differs by less was not set.
const LEAST_STEP_MS: i64 = 60_000;

/// Time since the machine was started, the time that it slept included where the system
/// tells it.
#[must_use]
pub fn since_boot() -> Duration {
    system::since_boot()
}

/// How long the machine has slept since it was started; zero where the system does not tell.
#[must_use]
pub fn asleep() -> Duration {
    system::asleep()
}

/// Notices that the machine has slept.
#[derive(Clone, Copy, Debug)]
pub struct Sleep {
    /// In all, when that was last looked at.
    known: Duration,
}

impl Default for Sleep {
    fn default() -> Self {
        Self { known: asleep() }
    }
}

impl Sleep {
    /// How long the machine slept since this was last asked.
    pub fn noticed(&mut self) -> Duration {
        /// The two clocks are not read at the same instant.
        const A_NAP: Duration = Duration::from_secs(1);

        let asleep = asleep();
        let slept = asleep.saturating_sub(self.known);
        if slept < A_NAP {
            return Duration::ZERO;
        }
        self.known = asleep;
        slept
    }
}

/// Notices that the wall clock was set.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// What the wall clock showed when the machine was started, as it is set now.
    boot_ms: i64,
}

impl WallClock {
    /// The clock as it is set now.
    #[must_use]
    pub fn new(since_boot: Duration, wall: Timestamp) -> Self {
        Self { boot_ms: boot_ms(since_boot, wall) }
    }

    /// By how many milliseconds the clock was set forward (or back, where negative) since it
    /// was last looked at; zero where it was not.
    pub fn was_set_by(&mut self, since_boot: Duration, wall: Timestamp) -> i64 {
        let now = boot_ms(since_boot, wall);
        let step = now.saturating_sub(self.boot_ms);
        if step.saturating_abs() < LEAST_STEP_MS {
            return 0;
        }
        self.boot_ms = now;
        step
    }
}

fn boot_ms(since_boot: Duration, wall: Timestamp) -> i64 {
    wall.minus(since_boot).as_millis()
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn since_boot() -> Duration {
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }

    pub(super) fn asleep() -> Duration {
        let awake = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        since_boot().saturating_sub(awake)
    }
}

#[cfg(target_os = "macos")]
mod system {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use rustix::time::{ClockId, clock_gettime};

    /// This clock counts sleep; the one of [`Instant`] does not.
    pub(super) fn since_boot() -> Duration {
        Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
    }

    /// Since this was first asked, which is all that differences need.
    pub(super) fn asleep() -> Duration {
        static BEGUN: OnceLock<(Duration, Instant)> = OnceLock::new();
        let all = since_boot();
        let (all_before, awake_since) = BEGUN.get_or_init(|| (all, Instant::now()));
        all.saturating_sub(*all_before).saturating_sub(awake_since.elapsed())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod system {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    /// Since this was first asked, which is all that differences need.
    pub(super) fn since_boot() -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }

    pub(super) fn asleep() -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;
    const NOON: i64 = 1_795_348_800_000;

    fn at(seconds: u64, skew_ms: i64) -> (Duration, Timestamp) {
        let since_boot = Duration::from_secs(seconds);
        (since_boot, Timestamp::from_millis(NOON + skew_ms).plus(since_boot))
    }

    fn set_by(clock: &mut WallClock, seconds: u64, skew_ms: i64) -> i64 {
        let (since_boot, wall) = at(seconds, skew_ms);
        clock.was_set_by(since_boot, wall)
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_once_and_in_both_directions() {
        let (since_boot, wall) = at(0, 0);
        let mut clock = WallClock::new(since_boot, wall);
        assert_eq!(set_by(&mut clock, 10, 0), 0);
        assert_eq!(set_by(&mut clock, 20, 10 * YEAR_MS), 10 * YEAR_MS);
        assert_eq!(set_by(&mut clock, 30, 10 * YEAR_MS), 0);
        assert_eq!(set_by(&mut clock, 40, 0), -10 * YEAR_MS);
    }

    #[test]
    fn neither_drift_nor_a_long_sleep_is_a_clock_that_was_set() {
        let (since_boot, wall) = at(0, 0);
        let mut clock = WallClock::new(since_boot, wall);
        assert_eq!(set_by(&mut clock, 8 * 3600, 900), 0);
        assert_eq!(set_by(&mut clock, 30 * 24 * 3600, 59_000), 0);
    }

    #[test]
    fn no_clock_is_too_absurd() {
        for millis in [i64::MIN, 0, 4_102_444_800_000, i64::MAX] {
            let mut clock = WallClock::new(Duration::MAX, Timestamp::from_millis(NOON));
            clock.was_set_by(Duration::ZERO, Timestamp::from_millis(millis));
            clock.was_set_by(Duration::MAX, Timestamp::from_millis(NOON));
        }
    }
}
