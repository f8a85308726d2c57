//! Whether the person is at the machine: a pure machine, given what the idle hook saw.

use std::time::Duration;

use devpulse_protocol::{ActivityType, InhibitorRule};

use crate::clock::Moment;

/// When the person counts as inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleRule {
    /// Time without input after which the person is inactive.
    pub threshold: Duration,
    /// What it means that a program keeps the screen awake.
    pub inhibitors: InhibitorRule,
}

/// Two readings of the same last input may differ by this much.
const UNSEEN: Duration = Duration::from_millis(500);

/// Turns quiet and input into `inactive` and `active`.
#[derive(Debug)]
pub(crate) struct Presence {
    state: State,
    rule: IdleRule,
    screen: KeptScreen,
    /// The last input, where there was none for the threshold since, and the person counts as
    /// there only because a program keeps the screen awake, or did a moment ago.
    covered: Option<Moment>,
    /// When no program kept the screen awake any more.
    released: Option<Moment>,
}

/// Whether a program keeps the screen awake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeptScreen {
    /// At least one does.
    Awake,
    /// None does.
    #[default]
    Free,
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
    pub(crate) fn new(rule: IdleRule) -> Self {
        Self {
            state: State::Unknown,
            rule,
            screen: KeptScreen::Free,
            covered: None,
            released: None,
        }
    }

    /// Another rule is in force.
    pub(crate) fn apply(&mut self, rule: IdleRule) -> Vec<(ActivityType, Moment)> {
        self.rule = rule;
        match (rule.inhibitors, self.covered) {
            (InhibitorRule::Ignored, Some(since)) => {
                self.covered = None;
                self.quiet(since)
            }
            _ => Vec::new(),
        }
    }

    /// A program keeps the screen awake from now on, or none does any more.
    pub(crate) fn screen(&mut self, screen: KeptScreen, at: Moment) {
        if self.screen != screen {
            self.screen = screen;
            self.released = (screen == KeptScreen::Free).then_some(at);
        }
    }

    /// When [`Presence::due`] has something to do, by the monotonic clock.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.covered?;
        Some(self.released?.mono + self.rule.threshold)
    }

    /// Whoever gave no sign for the threshold after the screen was kept awake was away since
    /// that ended.
    pub(crate) fn due(&mut self, now: Moment) -> Vec<(ActivityType, Moment)> {
        let Some((since, released)) = self.covered.zip(self.released) else { return Vec::new() };
        if now.since(released) < self.rule.threshold {
            return Vec::new();
        }
        self.covered = None;
        self.quiet(since.max(released))
    }

    /// Whether no input is no absence.
    fn is_covered(&self) -> bool {
        self.rule.inhibitors == InhibitorRule::KeepActive && self.screen == KeptScreen::Awake
    }

    /// There was no input since `since`, for as long as the policy asks.
    ///
    /// `inactive` bears the time of the last input. Input that came and went unseen,
    /// because the hook was gone, shows as `active` and `inactive` at the same instant.
    pub(crate) fn quiet(&mut self, since: Moment) -> Vec<(ActivityType, Moment)> {
        if self.is_covered() && !self.is_away() {
            if let State::Unknown = self.state {
                self.state = State::Active(since);
            }
            self.covered = Some(since);
            return Vec::new();
        }
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

    /// There was no input since `since`, when a hook began to listen. Whoever was away then
    /// is away still.
    pub(crate) fn still_quiet(&mut self, since: Moment) -> Vec<(ActivityType, Moment)> {
        match self.state {
            State::Inactive(_) => Vec::new(),
            State::Unknown | State::Active(_) => self.quiet(since),
        }
    }

    /// A hook listens from `at` on, and knows nothing of the time before: a person of whom
    /// nothing else is known is taken to be there.
    pub(crate) fn listening(&mut self, at: Moment) {
        if let State::Unknown = self.state {
            self.state = State::Active(at);
        }
    }

    /// There was input at `at`.
    pub(crate) fn input(&mut self, at: Moment) -> Vec<(ActivityType, Moment)> {
        self.covered = None;
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

    const THRESHOLD: Duration = Duration::from_secs(300);

    fn presence() -> Presence {
        Presence::new(IdleRule { threshold: THRESHOLD, inhibitors: InhibitorRule::KeepActive })
    }

    #[test]
    fn whoever_watches_a_film_is_there_until_a_threshold_after_its_end() {
        let mut presence = presence();
        presence.input(at(0));
        presence.screen(KeptScreen::Awake, at(5));
        assert_eq!(presence.quiet(at(0)), []);
        assert_eq!(presence.deadline(), None);
        presence.screen(KeptScreen::Free, at(5_000));
        assert_eq!(presence.deadline(), Some(Duration::from_secs(5_300)));
        assert_eq!(presence.due(at(5_299)), []);
        assert_eq!(presence.due(at(5_300)), [(ActivityType::Inactive, at(5_000))]);
        assert_eq!(presence.deadline(), None);
        assert_eq!(presence.input(at(6_000)), [(ActivityType::Active, at(6_000))]);
    }

    #[test]
    fn input_after_the_film_leaves_no_trace_of_it() {
        let mut presence = presence();
        presence.input(at(0));
        presence.screen(KeptScreen::Awake, at(5));
        presence.quiet(at(0));
        presence.screen(KeptScreen::Free, at(5_000));
        assert_eq!(presence.input(at(5_100)), []);
        assert_eq!(presence.due(at(9_000)), []);
    }

    #[test]
    fn a_film_brings_nobody_back() {
        let mut presence = presence();
        presence.input(at(0));
        presence.quiet(at(0));
        presence.screen(KeptScreen::Awake, at(400));
        assert!(presence.is_away());
    }

    #[test]
    fn where_the_policy_says_so_input_alone_counts() {
        let mut presence = presence();
        presence.input(at(0));
        presence.screen(KeptScreen::Awake, at(5));
        presence.quiet(at(2));
        let rule = IdleRule { threshold: THRESHOLD, inhibitors: InhibitorRule::Ignored };
        assert_eq!(presence.apply(rule), [(ActivityType::Inactive, at(2))]);
        presence.input(at(400));
        assert_eq!(presence.quiet(at(500)), [(ActivityType::Inactive, at(500))]);
    }

    #[test]
    fn inactive_bears_the_time_of_the_last_input() {
        let mut presence = presence();
        assert_eq!(presence.input(at(0)), []);
        assert_eq!(presence.quiet(at(10)), [(ActivityType::Inactive, at(10))]);
        assert_eq!(presence.input(at(400)), [(ActivityType::Active, at(400))]);
        assert_eq!(presence.input(at(401)), []);
    }

    #[test]
    fn a_person_who_is_away_at_the_start_was_away_before_it() {
        let mut presence = presence();
        let before = at(0).minus(Duration::from_secs(60));
        assert_eq!(presence.quiet(before), [(ActivityType::Inactive, before)]);
    }

    #[test]
    fn being_told_again_changes_nothing() {
        let mut presence = presence();
        presence.input(at(0));
        presence.quiet(at(10));
        assert_eq!(presence.quiet(at(10).plus(Duration::from_millis(3))), []);
    }

    #[test]
    fn inactive_never_lies_before_the_return_that_went_before() {
        let mut presence = presence();
        presence.quiet(at(10));
        presence.input(at(400));
        let just_before = at(400).minus(Duration::from_millis(4));
        assert_eq!(presence.quiet(just_before), [(ActivityType::Inactive, at(400))]);
    }

    #[test]
    fn a_hook_that_began_to_listen_does_not_bring_back_who_was_away() {
        let mut presence = presence();
        presence.listening(at(0));
        assert_eq!(presence.still_quiet(at(0)), [(ActivityType::Inactive, at(0))]);
        presence.listening(at(50));
        assert_eq!(presence.still_quiet(at(50)), []);
        assert_eq!(presence.input(at(90)), [(ActivityType::Active, at(90))]);
    }

    #[test]
    fn input_that_no_hook_saw_is_reported_when_it_becomes_known() {
        let mut presence = presence();
        presence.quiet(at(10));
        assert_eq!(
            presence.quiet(at(200)),
            [(ActivityType::Active, at(200)), (ActivityType::Inactive, at(200))]
        );
    }
}
