//! Whether capture is paused, and until when: a state machine that is given the time.

use std::time::Duration;

use devpulse_capture::Moment;
use devpulse_protocol::{PauseConfig, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest reason that a person may give, in bytes.
const LONGEST_REASON: usize = 1024;

/// A pause, as it is kept in the log while it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    /// When it began.
    pub(crate) since: Timestamp,
    /// When it ends by itself.
    pub(crate) until: Timestamp,
    /// Why, in the person's words.
    pub(crate) reason: Option<String>,
}

/// Whether capture is paused.
#[derive(Debug, Default)]
pub(crate) struct PauseState {
    in_force: Option<InForce>,
}

#[derive(Debug)]
struct InForce {
    pause: Pause,
    /// When it ends on the clock that nobody sets.
    ends: Duration,
}

/// What time or another policy made of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// All is as it was.
    Unchanged,
    /// The pause has another end.
    Moved,
    /// The pause is over.
    Ended,
}

/// Why a pause does not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PauseRefusal {
    /// The policy forbids it.
    #[error("the policy does not allow pausing")]
    NotAllowed,
    /// The policy allows shorter ones only.
    #[error("the policy allows pauses of at most {} minutes", .0.as_secs() / 60)]
    TooLong(Duration),
    /// It would be none.
    #[error("a pause lasts at least 1 minute")]
    TooShort,
    /// The reason is a book.
    #[error("the reason of a pause may have at most {LONGEST_REASON} bytes, this has {0}")]
    LongReason(usize),
    /// One is there.
    #[error("capture is paused already, until {0}")]
    Already(Timestamp),
}

impl PauseRefusal {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NotAllowed => "ask your administrator".to_owned(),
            Self::TooLong(max) => {
                format!("pause for less: devpulse-client pause --minutes {}", max.as_secs() / 60)
            }
            Self::TooShort | Self::LongReason(_) => "see: devpulse-client pause --help".to_owned(),
            Self::Already(_) => "end it first with: devpulse-client resume".to_owned(),
        }
    }
}

impl PauseState {
    /// What is left of a pause that an earlier run of the agent kept. The time in between
    /// counts; a wall clock that was set back does not make the pause longer than it was.
    pub(crate) fn restore(kept: Option<Pause>, policy: PauseConfig, now: Moment) -> Self {
        let Some(kept) = kept.filter(|_| policy.allowed) else { return Self::default() };
        let length = kept.until.since(kept.since).min(policy.max);
        let left = length.saturating_sub(now.wall.since(kept.since));
        if left.is_zero() {
            return Self::default();
        }
        let until = now.wall.plus(left);
        let pause = Pause { since: until.minus(length), until, reason: kept.reason };
        Self { in_force: Some(InForce { pause, ends: now.mono + left }) }
    }

    /// Begins a pause of so many minutes, or of the most that the policy allows.
    ///
    /// # Errors
    /// Says why none begins.
    pub(crate) fn begin(
        &mut self,
        minutes: Option<u32>,
        reason: Option<String>,
        policy: PauseConfig,
        now: Moment,
    ) -> Result<Pause, PauseRefusal> {
        if !policy.allowed {
            return Err(PauseRefusal::NotAllowed);
        }
        if let Some(current) = self.in_force() {
            return Err(PauseRefusal::Already(current.until));
        }
        let length = match minutes {
            None => policy.max,
            Some(0) => return Err(PauseRefusal::TooShort),
            Some(minutes) => Duration::from_secs(u64::from(minutes) * 60),
        };
        if length > policy.max {
            return Err(PauseRefusal::TooLong(policy.max));
        }
        let reason = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(reason) = reason.as_ref().filter(|reason| reason.len() > LONGEST_REASON) {
            return Err(PauseRefusal::LongReason(reason.len()));
        }
        let pause = Pause { since: now.wall, until: now.wall.plus(length), reason };
        self.in_force = Some(InForce { pause: pause.clone(), ends: now.mono + length });
        Ok(pause)
    }

    /// Ends the pause; says whether there was one.
    pub(crate) fn end(&mut self) -> bool {
        self.in_force.take().is_some()
    }

    /// Lets the policy and the time have their say. A pause is over when its time has
    /// passed on the clock that nobody sets and that goes on while the machine sleeps; the
    /// end that is shown follows a wall clock that was set.
    pub(crate) fn update(&mut self, policy: PauseConfig, now: Moment) -> Change {
        let Some(InForce { pause, ends }) = &mut self.in_force else { return Change::Unchanged };
        let mut change = Change::Unchanged;
        let excess = pause.until.since(pause.since).saturating_sub(policy.max);
        if !excess.is_zero() {
            *ends = ends.saturating_sub(excess);
            pause.until = pause.until.minus(excess);
            change = Change::Moved;
        }
        let left = ends.saturating_sub(now.mono);
        if !policy.allowed || left.is_zero() {
            self.in_force = None;
            return Change::Ended;
        }
        let until = now.wall.plus(left);
        if pause.until.since(until).max(until.since(pause.until)) >= SET {
            let length = pause.until.since(pause.since);
            *pause = Pause { since: until.minus(length), until, reason: pause.reason.take() };
            change = Change::Moved;
        }
        change
    }

    /// The pause that is in force.
    pub(crate) fn in_force(&self) -> Option<&Pause> {
        self.in_force.as_ref().map(|in_force| &in_force.pause)
    }

    /// When the pause ends on the clock that nobody sets.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.in_force.as_ref().map(|in_force| in_force.ends)
    }
}

/// A wall clock that is so far off was set, and did not just drift.
const SET: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn policy(minutes: u64) -> PauseConfig {
        PauseConfig { allowed: true, max: Duration::from_secs(minutes * 60) }
    }

    const FORBIDDEN: PauseConfig = PauseConfig { allowed: false, max: Duration::from_secs(3600) };

    /// So many seconds after the start, on both clocks.
    fn at(seconds: u64) -> Moment {
        skewed(seconds, 0)
    }

    /// The same, with a wall clock that is set `skew` seconds wrong.
    fn skewed(seconds: u64, skew: i64) -> Moment {
        let wall = 1_795_339_800_000 + (seconds as i64 + skew) * 1000;
        Moment { mono: Duration::from_secs(seconds), wall: Timestamp::from_millis(wall) }
    }

    fn paused(minutes: u32, now: Moment) -> PauseState {
        let mut state = PauseState::default();
        state.begin(Some(minutes), None, policy(60), now).unwrap();
        state
    }

    #[test]
    fn a_pause_lasts_as_long_as_was_asked_or_as_the_policy_lets_it() {
        for (asked, length) in [(Some(1), 1), (Some(20), 20), (Some(45), 45), (None, 45)] {
            let mut state = PauseState::default();
            let pause = state.begin(asked, None, policy(45), at(10)).unwrap();
            assert_eq!(pause.until, at(10 + length * 60).wall);
            assert_eq!(state.update(policy(45), at(10 + length * 60 - 1)), Change::Unchanged);
            assert_eq!(state.in_force(), Some(&pause));
            assert_eq!(state.update(policy(45), at(10 + length * 60)), Change::Ended);
            assert_eq!(state.in_force(), None);
            assert_eq!(state.update(policy(45), at(10 + length * 60)), Change::Unchanged);
        }
    }

    #[test]
    fn what_the_policy_does_not_allow_is_refused_and_changes_nothing() {
        let long = "x".repeat(1025);
        for (minutes, reason, policy, refusal) in [
            (None, None, FORBIDDEN, PauseRefusal::NotAllowed),
            (Some(0), None, policy(60), PauseRefusal::TooShort),
            (Some(61), None, policy(60), PauseRefusal::TooLong(Duration::from_secs(3600))),
            (Some(u32::MAX), None, policy(1440), PauseRefusal::TooLong(policy(1440).max)),
            (Some(1), Some(long), policy(60), PauseRefusal::LongReason(1025)),
        ] {
            let mut state = PauseState::default();
            assert_eq!(state.begin(minutes, reason, policy, at(0)), Err(refusal));
            assert_eq!(state.in_force(), None);
        }
    }

    #[test]
    fn a_pause_is_not_extended_by_another_one() {
        let mut state = paused(10, at(0));
        let again = state.begin(Some(60), None, policy(60), at(60));
        assert_eq!(again, Err(PauseRefusal::Already(at(600).wall)));
        assert!(state.end());
        assert!(!state.end());
        assert!(state.begin(None, None, policy(60), at(60)).is_ok());
    }

    #[test]
    fn a_reason_is_kept_without_the_space_around_it() {
        for (given, kept) in [(" the dentist\n", Some("the dentist")), ("  ", None)] {
            let mut state = PauseState::default();
            let pause = state.begin(None, Some(given.to_owned()), policy(60), at(0)).unwrap();
            assert_eq!(pause.reason.as_deref(), kept);
        }
    }

    #[test]
    fn a_stricter_policy_ends_or_shortens_a_pause() {
        let mut state = paused(60, at(0));
        assert_eq!(state.update(FORBIDDEN, at(60)), Change::Ended);

        let mut state = paused(60, at(0));
        assert_eq!(state.update(policy(10), at(60)), Change::Moved);
        assert_eq!(state.in_force().unwrap().until, at(600).wall);
        assert_eq!(state.update(policy(60), at(120)), Change::Unchanged);
        assert_eq!(state.in_force().unwrap().until, at(600).wall);
        assert_eq!(state.update(policy(60), at(600)), Change::Ended);

        let mut state = paused(60, at(0));
        assert_eq!(state.update(policy(10), at(601)), Change::Ended);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_extends_nothing_and_moves_the_end_that_is_shown() {
        let mut state = paused(10, at(0));
        assert_eq!(state.update(policy(60), skewed(60, -7200)), Change::Moved);
        assert_eq!(state.in_force().unwrap().until, skewed(600, -7200).wall);
        assert_eq!(state.in_force().unwrap().since, skewed(0, -7200).wall);
        assert_eq!(state.update(policy(60), skewed(599, -7200)), Change::Unchanged);
        assert_eq!(state.update(policy(60), skewed(600, -7200)), Change::Ended);
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_ends_nothing_and_moves_the_end_that_is_shown() {
        let ten_years = 10 * 365 * 86_400;
        let mut state = paused(10, at(0));
        assert_eq!(state.update(policy(60), skewed(60, ten_years)), Change::Moved);
        assert_eq!(state.in_force().unwrap().until, skewed(600, ten_years).wall);
        assert_eq!(state.update(policy(60), skewed(599, ten_years)), Change::Unchanged);
        assert_eq!(state.update(policy(60), skewed(600, ten_years)), Change::Ended);
    }

    #[test]
    fn a_sleep_counts() {
        let mut state = paused(10, at(0));
        assert_eq!(state.update(policy(60), at(8 * 3600)), Change::Ended);
    }

    #[test]
    fn a_restart_leaves_what_is_left() {
        let kept = Pause { since: at(0).wall, until: at(600).wall, reason: Some("x".to_owned()) };
        let restored = |policy, mono, now: Moment| {
            let now = Moment { mono: Duration::from_secs(mono), ..now };
            PauseState::restore(Some(kept.clone()), policy, now)
        };
        let state = restored(policy(60), 5, at(100));
        assert_eq!(state.in_force(), Some(&kept));
        assert_eq!(state.deadline(), Some(Duration::from_secs(505)));
        assert_eq!(restored(policy(2), 5, at(100)).deadline(), Some(Duration::from_secs(25)));
        for over in [
            restored(policy(60), 5, at(600)),
            restored(policy(60), 5, at(9000)),
            restored(policy(1), 5, at(100)),
            restored(FORBIDDEN, 5, at(100)),
            PauseState::restore(None, policy(60), at(5)),
        ] {
            assert_eq!(over.in_force(), None);
        }
        let back = restored(policy(60), 5, skewed(100, -7200));
        assert_eq!(back.deadline(), Some(Duration::from_secs(605)));
        assert_eq!(back.in_force().unwrap().until, skewed(700, -7200).wall);
    }

    proptest! {
        /// Whatever the wall clock and the policy do, and however often the agent looks:
        /// a pause is over once its length has passed on the clock that nobody sets.
        #[test]
        fn no_pause_outlasts_its_length(
            minutes in 1_u32..=1440,
            steps in prop::collection::vec((1_u64..7200, -100_000_i64..100_000, 1_u64..=1440), 1..40),
        ) {
            let mut state = PauseState::default();
            state.begin(Some(minutes), None, policy(1440), at(0)).unwrap();
            let (mut now, mut shortest) = (0, u64::from(minutes) * 60);
            for (step, skew, max) in steps {
                now += step;
                shortest = shortest.min(max * 60);
                state.update(policy(max), skewed(now, skew));
                if state.in_force().is_some() {
                    prop_assert!(now < shortest);
                    prop_assert!(state.deadline() <= Some(Duration::from_secs(shortest)));
                }
            }
        }
    }
}
