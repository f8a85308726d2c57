//! Notices that the computer slept or that its clock was set.

use std::time::Duration;

use devpulse_protocol::Timestamp;

/// Clocks drift and looks take their time; a sleep or a clock that was set is more than this.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Since when the agent is watched without a hole. Two clocks are compared at each look: one
/// that a person can set and that goes on while the computer sleeps, and one that neither
/// sets nor sleeps through.
#[derive(Clone, Copy, Debug)]
pub struct Continuity {
    since: Timestamp,
    wall: Timestamp,
    monotonic: Duration,
}

impl Continuity {
    /// Watching begins: `monotonic` counts from any moment, and stands still while the
    /// computer sleeps.
    #[must_use]
    pub const fn begin(wall: Timestamp, monotonic: Duration) -> Self {
        Self { since: wall, wall, monotonic }
    }

    /// Another look. Returns since when there is no hole.
    pub fn look(&mut self, wall: Timestamp, monotonic: Duration) -> Timestamp {
        let lived = monotonic.saturating_sub(self.monotonic);
        let expected = self.wall.plus(lived);
        let apart = wall.since(expected).max(expected.since(wall));
        if apart > TOLERANCE {
            self.since = wall;
        }
        (self.wall, self.monotonic) = (wall, monotonic);
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn looks_at_any_pace_leave_no_hole() {
        let mut continuity = Continuity::begin(noon(), Duration::ZERO);
        assert_eq!(continuity.look(noon().plus(MINUTE), MINUTE), noon());
        assert_eq!(continuity.look(noon().plus(60 * MINUTE), 60 * MINUTE), noon());
    }

    #[test]
    fn a_sleep_begins_the_watch_anew() {
        let mut continuity = Continuity::begin(noon(), Duration::ZERO);
        let woken = noon().plus(480 * MINUTE);
        assert_eq!(continuity.look(woken, MINUTE), woken);
        assert_eq!(continuity.look(woken.plus(MINUTE), 2 * MINUTE), woken);
    }

    #[test]
    fn a_clock_that_is_set_in_either_direction_begins_it_anew() {
        for wall in [noon().plus(60 * MINUTE), noon().minus(60 * MINUTE)] {
            let mut continuity = Continuity::begin(noon(), Duration::ZERO);
            assert_eq!(continuity.look(wall, MINUTE), wall);
        }
    }
}
