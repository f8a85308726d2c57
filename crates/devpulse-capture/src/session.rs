//! Lock, sleep and shutdown: a pure machine, given what the session hook was told and by whom.
//!
//! Several sources tell of one lock. It begins with the first that does. What the one says
//! who knows (`LockedHint` of logind) is not overruled by a screen saver that goes away or
//! by somebody who asks; it ends everything when it says that the lock is gone.

use std::time::Duration;

use devpulse_protocol::ActivityType;

use crate::clock::Moment;
use crate::hook::SessionChange;

/// A lock that was only asked for is over when the focus moves later than this: until then
/// it may be the locker that takes the focus.
const LOCKER_STARTS: Duration = Duration::from_secs(5);

/// Folds what is told of the session into activities.
#[derive(Debug, Default)]
pub(crate) struct Session {
    signs: Vec<LockSign>,
    power: Power,
}

/// Why the screen counts as locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LockSign {
    Said,
    Covered,
    Asked(Moment),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Power {
    #[default]
    Awake,
    Asleep,
    ShuttingDown,
}

impl Session {
    /// What the change amounts to, if it is one. `started` after a shutdown that was
    /// called off.
    pub(crate) fn change(&mut self, change: SessionChange, at: Moment) -> Option<ActivityType> {
        match change {
            SessionChange::Locked => self.lock(LockSign::Said),
            SessionChange::Covered => self.lock(LockSign::Covered),
            SessionChange::LockAsked => self.lock(LockSign::Asked(at)),
            SessionChange::Unlocked => self.unlock(|_| false),
            SessionChange::Uncovered | SessionChange::UnlockAsked => {
                self.unlock(|sign| *sign == LockSign::Said)
            }
            SessionChange::Suspending => {
                self.power(&[Power::Awake], Power::Asleep, ActivityType::Suspended)
            }
            SessionChange::Woke => self.power(&[Power::Asleep], Power::Awake, ActivityType::Woke),
            SessionChange::ShuttingDown => {
                let before = [Power::Awake, Power::Asleep];
                self.power(&before, Power::ShuttingDown, ActivityType::SystemShutdown)
            }
            SessionChange::ShutdownCancelled => {
                self.power(&[Power::ShuttingDown], Power::Awake, ActivityType::Started)
            }
        }
    }

    /// The machine slept from `from` to `to`, as the clocks show: what of it was not told yet.
    pub(crate) fn slept(&mut self, from: Moment, to: Moment) -> Vec<(ActivityType, Moment)> {
        let fell_asleep = self.change(SessionChange::Suspending, from);
        let woke = self.change(SessionChange::Woke, to);
        let changes = fell_asleep.map(|activity| (activity, from)).into_iter();
        changes.chain(woke.map(|activity| (activity, to))).collect()
    }

    /// The focus moved to another window. That ends a lock that was only asked for: lockers
    /// that logind does not know of never say that it is over.
    pub(crate) fn focus_moved(&mut self, at: Moment) -> Option<ActivityType> {
        self.unlock(|sign| match sign {
            LockSign::Asked(since) => at.since(*since) < LOCKER_STARTS,
            LockSign::Said | LockSign::Covered => true,
        })
    }

    pub(crate) fn is_locked(&self) -> bool {
        !self.signs.is_empty()
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.power == Power::Asleep
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.power == Power::ShuttingDown
    }

    fn lock(&mut self, sign: LockSign) -> Option<ActivityType> {
        let was_locked = self.is_locked();
        let same =
            |known: &LockSign| std::mem::discriminant(known) == std::mem::discriminant(&sign);
        if !self.signs.iter().any(same) {
            self.signs.push(sign);
        }
        (!was_locked).then_some(ActivityType::ScreenLocked)
    }

    fn unlock(&mut self, stays: impl FnMut(&LockSign) -> bool) -> Option<ActivityType> {
        let was_locked = self.is_locked();
        self.signs.retain(stays);
        (was_locked && !self.is_locked()).then_some(ActivityType::ScreenUnlocked)
    }

    fn power(&mut self, before: &[Power], now: Power, it: ActivityType) -> Option<ActivityType> {
        before.contains(&self.power).then(|| {
            self.power = now;
            it
        })
    }
}

#[cfg(test)]
mod tests {
    use SessionChange as Told;
    use devpulse_protocol::Timestamp;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000) }
            .plus(Duration::from_secs(seconds))
    }

    /// What a row of changes, one a second, amounts to.
    fn outcome(told: &[SessionChange]) -> Vec<ActivityType> {
        let mut session = Session::default();
        (0..).zip(told).filter_map(|(second, told)| session.change(*told, at(second))).collect()
    }

    #[test]
    fn a_lock_that_two_sources_tell_of_is_one_lock() {
        let once = [ActivityType::ScreenLocked, ActivityType::ScreenUnlocked];
        let saver_first = [Told::Covered, Told::Locked, Told::Uncovered, Told::Unlocked];
        assert_eq!(outcome(&saver_first), once);
        let hint_first = [Told::Locked, Told::Covered, Told::Unlocked, Told::Uncovered];
        assert_eq!(outcome(&hint_first), once);
        let asked = [Told::LockAsked, Told::Locked, Told::UnlockAsked, Told::Unlocked];
        assert_eq!(outcome(&asked), once);
    }

    #[test]
    fn a_screen_saver_that_goes_away_does_not_end_a_lock() {
        let told = [Told::Covered, Told::Locked, Told::Uncovered, Told::UnlockAsked];
        assert_eq!(outcome(&told), [ActivityType::ScreenLocked]);
    }

    #[test]
    fn a_desktop_without_logind_locks_by_its_screen_saver() {
        let told = [Told::Uncovered, Told::Covered, Told::Covered, Told::Uncovered];
        assert_eq!(outcome(&told), [ActivityType::ScreenLocked, ActivityType::ScreenUnlocked]);
    }

    #[test]
    fn the_present_state_at_the_start_is_no_change() {
        assert_eq!(outcome(&[Told::Unlocked, Told::Woke, Told::Uncovered]), []);
    }

    #[test]
    fn a_lock_that_was_only_asked_for_ends_when_the_focus_moves_later() {
        let mut session = Session::default();
        session.change(Told::LockAsked, at(0));
        assert_eq!(session.focus_moved(at(1)), None);
        assert_eq!(session.focus_moved(at(60)), Some(ActivityType::ScreenUnlocked));
        session.change(Told::LockAsked, at(100));
        session.change(Told::Locked, at(101));
        assert_eq!(session.focus_moved(at(200)), None);
        assert!(session.is_locked());
    }

    #[test]
    fn sleep_that_was_told_is_not_told_again_by_the_clocks() {
        let mut session = Session::default();
        assert_eq!(session.change(Told::Suspending, at(0)), Some(ActivityType::Suspended));
        assert_eq!(session.change(Told::Suspending, at(0)), None);
        assert_eq!(session.slept(at(1), at(100)), [(ActivityType::Woke, at(100))]);
        assert_eq!(session.change(Told::Woke, at(100)), None);
    }

    #[test]
    fn sleep_that_nobody_told_of_is_seen_by_the_clocks() {
        let changes = Session::default().slept(at(1), at(100));
        assert_eq!(changes, [(ActivityType::Suspended, at(1)), (ActivityType::Woke, at(100))]);
    }

    #[test]
    fn nothing_but_its_end_follows_a_shutdown() {
        let told = [
            Told::ShuttingDown,
            Told::ShuttingDown,
            Told::Suspending,
            Told::Woke,
            Told::ShutdownCancelled,
            Told::ShutdownCancelled,
        ];
        assert_eq!(outcome(&told), [ActivityType::SystemShutdown, ActivityType::Started]);
    }
}
