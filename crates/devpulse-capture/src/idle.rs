//! Whether the person is at the machine: a pure machine, given what the idle hook saw.

use std::time::Duration;

use devpulse_protocol::ActivityType;

use crate::clock::Moment;

/// Two readings of the same last input may differ by this much.
const UNSEEN: Duration = Duration::from_millis(500);

/// Turns quiet and input into `inactive` and `active`.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Nothing was said yet.
    #[default]
    Unknown,
    /// There was input at the earliest here.
    Active(Moment),
    /// The last input was here.
    Inactive(Moment),
}

impl Presence {
    /// There was no input since `since`, for as long as the policy asks.
    ///
    /// `inactive` bears the time of the last input. Input that came and went unseen,
    /// because the hook was gone, shows as `active` and `inactive` at the same instant.
    pub(crate) fn quiet(&mut self, since: Moment) -> Vec<(ActivityType, Moment)> {
        match self.state {
            State::Unknown => self.leave(since),
            State::Active(from) => self.leave(since.max(from)),
            State::Inactive(left) if since.since(left) > UNSEEN => {
                let mut changes = self.come(since);
                changes.extend(self.leave(since));
                changes
            }
            State::Inactive(_) => Vec::new(),
        }
    }

    /// There was input at `at`.
    pub(crate) fn input(&mut self, at: Moment) -> Vec<(ActivityType, Moment)> {
        match self.state {
            State::Unknown => {
                self.state = State::Active(at);
                Vec::new()
            }
            State::Active(_) => Vec::new(),
            State::Inactive(left) => self.come(at.max(left)),
        }
    }

    /// Whether the person is away, as far as was told.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.state, State::Inactive(_))
    }

    /// Since when the person is there, or away; `None` where nothing was told yet.
    pub(crate) fn since(&self) -> Option<Moment> {
        match self.state {
            State::Unknown => None,
            State::Active(since) | State::Inactive(since) => Some(since),
        }
    }

    fn leave(&mut self, since: Moment) -> Vec<(ActivityType, Moment)> {
        self.state = State::Inactive(since);
        vec![(ActivityType::Inactive, since)]
    }

    fn come(&mut self, at: Moment) -> Vec<(ActivityType, Moment)> {
        self.state = State::Active(at);
        vec![(ActivityType::Active, at)]
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000) }
            .plus(Duration::from_secs(seconds))
    }

    #[test]
    fn inactive_bears_the_time_of_the_last_input() {
        let mut presence = Presence::default();
        assert_eq!(presence.input(at(0)), []);
        assert_eq!(presence.quiet(at(10)), [(ActivityType::Inactive, at(10))]);
        assert_eq!(presence.input(at(400)), [(ActivityType::Active, at(400))]);
        assert_eq!(presence.input(at(401)), []);
    }

    #[test]
    fn a_person_who_is_away_at_the_start_was_away_before_it() {
        let mut presence = Presence::default();
        let before = at(0).minus(Duration::from_secs(60));
        assert_eq!(presence.quiet(before), [(ActivityType::Inactive, before)]);
    }

    #[test]
    fn being_told_again_changes_nothing() {
        let mut presence = Presence::default();
        presence.input(at(0));
        presence.quiet(at(10));
        assert_eq!(presence.quiet(at(10).plus(Duration::from_millis(3))), []);
    }

    #[test]
    fn inactive_never_lies_before_the_return_that_went_before() {
        let mut presence = Presence::default();
        presence.quiet(at(10));
        presence.input(at(400));
        let just_before = at(400).minus(Duration::from_millis(4));
        assert_eq!(presence.quiet(just_before), [(ActivityType::Inactive, at(400))]);
    }

    #[test]
    fn input_that_no_hook_saw_is_reported_when_it_becomes_known() {
        let mut presence = Presence::default();
        presence.quiet(at(10));
        assert_eq!(
            presence.quiet(at(200)),
            [(ActivityType::Active, at(200)), (ActivityType::Inactive, at(200))]
        );
    }
}
