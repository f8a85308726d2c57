//! How long there was no input, by those who may be wrong about it.
//!
//! To call a person idle who is at work is the worse mistake: where a claim cannot be, the
//! shorter time is taken.

use std::time::Duration;

/// Two clocks that are not read at the same instant may differ by this much.
const SLACK: Duration = Duration::from_millis(500);

/// Input that came between two readings seems to lie ahead, by no more than this.
#[cfg(any(windows, test))]
const AHEAD_MS: u32 = 60_000;

/// Time from one tick of a clock of milliseconds to a later one. It has 32 bits, and begins
/// again every 49.7 days: a tick that seems to lie just ahead was read after the other one,
/// and no time has passed.
#[cfg(any(windows, test))]
pub(crate) fn between_ticks(earlier: u32, later: u32) -> Duration {
    match later.wrapping_sub(earlier) {
        ahead if ahead > u32::MAX - AHEAD_MS => Duration::ZERO,
        passed => Duration::from_millis(u64::from(passed)),
    }
}

/// Claims about the time without input, and what can be true of them.
#[derive(Debug, Default)]
pub(crate) struct IdleClaims {
    /// When the last one was made, by the clock of the claims, and what was left of it.
    last: Option<(Duration, Duration)>,
}

impl IdleClaims {
    /// What can be true of `claim`, made at `now`. Nobody was idle before the machine was
    /// started, nor has idle time grown by more than the time that passed.
    ///
    /// `now` and `uptime` are of the same machine and need not count its sleep.
    pub(crate) fn believed(
        &mut self,
        claim: Duration,
        now: Duration,
        uptime: Duration,
    ) -> Duration {
        let grown = self.last.map(|(at, idle)| idle + now.saturating_sub(at) + SLACK);
        let believed = claim.min(uptime).min(grown.unwrap_or(Duration::MAX));
        self.last = Some((now, believed));
        believed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A_WRAP: u64 = 1 << 32;

    #[test]
    fn input_between_two_readings_is_no_idle_time_of_seven_weeks() {
        assert_eq!(between_ticks(1_000, 999), Duration::ZERO);
        assert_eq!(between_ticks(5, u32::MAX), Duration::ZERO);
        assert_eq!(between_ticks(u32::MAX, 4), Duration::from_millis(5));
    }

    #[test]
    fn a_claim_of_seven_weeks_out_of_nowhere_is_not_believed() {
        let mut claims = IdleClaims::default();
        let second = Duration::from_secs(1);
        let uptime = 100 * second;
        assert_eq!(claims.believed(2 * second, 10 * second, uptime), 2 * second);
        let seven_weeks = Duration::from_millis(A_WRAP - 1);
        let believed = claims.believed(seven_weeks, 11 * second, uptime);
        assert_eq!(believed, 3 * second + SLACK);
        assert_eq!(IdleClaims::default().believed(seven_weeks, second, uptime), uptime);
    }

    proptest! {
        #[test]
        fn ticks_are_told_apart_across_the_wrap(start: u32, passed in 0..u32::MAX - AHEAD_MS) {
            let told = between_ticks(start, start.wrapping_add(passed));
            prop_assert_eq!(told, Duration::from_millis(u64::from(passed)));
        }

        #[test]
        fn a_tick_that_seems_to_lie_ahead_counts_as_now(start: u32, ahead in 1..=AHEAD_MS) {
            prop_assert_eq!(between_ticks(start.wrapping_add(ahead), start), Duration::ZERO);
        }

        #[test]
        fn the_same_idle_time_is_told_wherever_the_clock_of_32_bits_stands(
            since_boot in 0..A_WRAP * 8,
            idle in 0..A_WRAP - u64::from(AHEAD_MS) - 1,
        ) {
            let now = since_boot + idle;
            let low = |ticks: u64| (ticks % A_WRAP) as u32;
            prop_assert_eq!(between_ticks(low(since_boot), low(now)), Duration::from_millis(idle));
        }

        #[test]
        fn whatever_is_claimed_idle_time_grows_no_faster_than_time(
            steps in proptest::collection::vec((0_u64..u64::MAX / 2, 0_u64..10_000_000), 1..50),
            booted in 0_u64..100_000_000,
        ) {
            let mut claims = IdleClaims::default();
            let (mut now, mut last) = (Duration::ZERO, None::<Duration>);
            for (claim, passed) in steps {
                let passed = Duration::from_millis(passed);
                now += passed;
                let uptime = Duration::from_millis(booted) + now;
                let claim = Duration::from_millis(claim);
                let believed = claims.believed(claim, now, uptime);
                prop_assert!(believed <= claim && believed <= uptime);
                if let Some(last) = last {
                    prop_assert!(believed <= last + passed + SLACK);
                }
                last = Some(believed);
            }
        }

        #[test]
        fn a_true_claim_is_believed_as_it_is(
            inputs in proptest::collection::vec(1_u64..100_000, 1..50),
        ) {
            let mut claims = IdleClaims::default();
            let mut now = Duration::from_secs(1);
            for quiet in inputs {
                let quiet = Duration::from_millis(quiet);
                now += quiet;
                prop_assert_eq!(claims.believed(quiet, now, now), quiet);
            }
        }
    }
}
