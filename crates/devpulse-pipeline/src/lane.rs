//! A lane to the server: whether it is open, and if not, when it is tried again.
//!
//! Pure: it is given the time and draws its jitter from the generator it is given.

use std::time::Duration;

use rand::{Rng, RngExt as _};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::verdict::Trouble;

/// Over how long devices that were asked for the same wait are spread, at most.
const WIDEST_SPREAD: Duration = Duration::from_secs(60);

/// Why a lane is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The server answers that it cannot, or what answers is not the server.
    BackingOff,
    /// Nobody answers.
    Offline,
    /// The key or token is refused.
    AuthBlocked,
    /// The key that the device proves itself with is not at hand.
    NoKey,
    /// The key of the log is not at hand.
    Sealed,
    /// The server or the way to it is not what it should be.
    ConfigBlocked,
    /// The device may not send any more.
    Revoked,
}

impl Obstacle {
    /// The obstacle that a passing trouble is.
    #[must_use]
    pub const fn of(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Offline => Self::Offline,
            Trouble::Busy | Trouble::Failed | Trouble::NoReceipt => Self::BackingOff,
        }
    }

    const fn backoff(self) -> Backoff {
        match self {
            Self::BackingOff | Self::Offline => Backoff::TROUBLE,
            Self::AuthBlocked | Self::NoKey | Self::Sealed => Backoff::AUTH,
            Self::ConfigBlocked => Backoff::CONFIG,
            Self::Revoked => Backoff::REVOKED,
        }
    }
}

/// A lane's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    closed: Option<Closed>,
    hurried_until: Option<Instant>,
}

/// What is known of a closed lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Why it is closed.
    pub obstacle: Obstacle,
    /// What happened, for people.
    pub cause: String,
    /// When it is tried again.
    pub next_attempt: Instant,
    failures: u32,
}

impl Lane {
    /// What stands in the way, if anything does.
    #[must_use]
    pub const fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    /// Whether something may be sent now.
    #[must_use]
    pub fn may_try(&self, now: Instant) -> bool {
        self.closed.as_ref().is_none_or(|closed| closed.next_attempt <= now)
    }

    /// Whether somebody waits for everything to be sent.
    #[must_use]
    pub fn is_hurried(&self, now: Instant) -> bool {
        self.hurried_until.is_some_and(|until| now < until)
    }

    /// Something was delivered.
    pub fn opened(&mut self) {
        self.closed = None;
    }

    /// Something stood in the way. The next attempt is after the usual wait, and not
    /// before the server asked for. Where it asked a whole fleet for the same wait, the
    /// devices come back spread over as long again, at most over a minute.
    pub fn obstructed(
        &mut self,
        obstacle: Obstacle,
        cause: String,
        not_before: Option<Duration>,
        now: Instant,
        rng: &mut impl Rng,
    ) {
        let failures = match &self.closed {
            Some(closed) if closed.obstacle == obstacle => closed.failures.saturating_add(1),
            Some(_) | None => 1,
        };
        let asked = not_before.unwrap_or_default();
        let wait = if self.is_hurried(now) {
            Backoff::SYNC.wait(failures, rng).max(asked)
        } else {
            let spread = asked.min(WIDEST_SPREAD).mul_f64(rng.random_range(0.0..=1.0));
            obstacle.backoff().wait(failures, rng).max(asked + spread)
        };
        self.closed = Some(Closed { obstacle, cause, next_attempt: now + wait, failures });
    }

    /// The machine slept for so long: the waits went on meanwhile, though the clock that
    /// they are measured with stood still.
    pub fn slept(&mut self, duration: Duration) {
        if let Some(closed) = &mut self.closed {
            closed.next_attempt =
                closed.next_attempt.checked_sub(duration).unwrap_or(closed.next_attempt);
        }
    }

    /// Ends every wait for one try at once; until then the waits are short.
    pub fn hurry(&mut self, until: Instant, now: Instant) {
        self.hurried_until = Some(self.hurried_until.map_or(until, |old| old.max(until)));
        if let Some(closed) = &mut self.closed {
            closed.next_attempt = now;
        }
    }

    /// Nobody waits any more.
    pub fn relax(&mut self) {
        self.hurried_until = None;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn obstructed(lane: &mut Lane, obstacle: Obstacle, not_before: Option<u64>, now: Instant) {
        let mut rng = StdRng::seed_from_u64(1);
        let not_before = not_before.map(Duration::from_secs);
        lane.obstructed(obstacle, "cause".to_owned(), not_before, now, &mut rng);
    }

    fn wait(lane: &Lane, now: Instant) -> Duration {
        lane.closed().map(|closed| closed.next_attempt.duration_since(now)).unwrap_or_default()
    }

    #[test]
    fn a_closed_lane_is_tried_when_its_wait_is_over() {
        let now = Instant::now();
        let mut lane = Lane::default();
        assert!(lane.may_try(now));
        obstructed(&mut lane, Obstacle::Offline, None, now);
        assert!(!lane.may_try(now));
        assert!(lane.may_try(now + Duration::from_secs(1)));
        lane.opened();
        assert_eq!(lane.closed(), None);
    }

    #[test]
    fn the_server_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() {
        let now = Instant::now();
        let mut lane = Lane::default();
        obstructed(&mut lane, Obstacle::BackingOff, Some(90), now);
        let waited = wait(&lane, now).as_secs();
        assert!((90..=150).contains(&waited), "{waited} s");
        let mut lane = Lane::default();
        obstructed(&mut lane, Obstacle::ConfigBlocked, Some(1), now);
        assert!(wait(&lane, now) >= Duration::from_secs(60));
    }

    #[test]
    fn hurry_ends_a_wait_once_and_keeps_the_next_ones_short() {
        let now = Instant::now();
        let mut lane = Lane::default();
        obstructed(&mut lane, Obstacle::AuthBlocked, Some(3600), now);
        lane.hurry(now + Duration::from_secs(60), now);
        assert!(lane.may_try(now));
        for _ in 0..20 {
            obstructed(&mut lane, Obstacle::AuthBlocked, None, now);
            assert!(wait(&lane, now) <= Duration::from_secs(2));
        }
        obstructed(&mut lane, Obstacle::BackingOff, Some(30), now);
        assert_eq!(wait(&lane, now), Duration::from_secs(30));
    }

    #[test]
    fn a_wait_goes_on_while_the_machine_sleeps() {
        let now = Instant::now() + Duration::from_secs(100_000);
        let mut lane = Lane::default();
        obstructed(&mut lane, Obstacle::BackingOff, Some(3600), now);
        lane.slept(Duration::from_secs(1800));
        assert!(!lane.may_try(now));
        lane.slept(Duration::from_secs(8 * 3600));
        assert!(lane.may_try(now));
    }

    #[test]
    fn the_hurry_ends_by_itself() {
        let now = Instant::now();
        let mut lane = Lane::default();
        lane.hurry(now + Duration::from_secs(5), now);
        let later = now + Duration::from_secs(6);
        assert!(!lane.is_hurried(later));
        obstructed(&mut lane, Obstacle::ConfigBlocked, None, later);
        assert!(wait(&lane, later) >= Duration::from_secs(60));
    }
}
