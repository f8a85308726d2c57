//! When the screens are captured: a pure machine, given the time and chance.

use std::time::Duration;

use devpulse_protocol::{ScreenshotConfig, Trigger};

/// A window needs this long to draw itself.
const AFTER_CHANGE: Duration = Duration::from_millis(500);

/// A focus that never stands still is captured after this long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Changes of focus cause no more than one capture in this time.
const BETWEEN_CHANGES: Duration = Duration::from_secs(5);

/// Decides when the next capture is due. All times are monotonic.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Option<Duration>,
    jitter: f64,
    periodic: Option<Duration>,
    on_change: bool,
    on_unlock: bool,
    caused: Option<(Duration, Trigger)>,
    last_change: Option<Duration>,
    /// The first change of focus that has not been captured.
    moving_since: Option<Duration>,
}

impl Schedule {
    /// A schedule that begins at `now`; `chance` lies between 0 and 1.
    pub(crate) fn new(config: &ScreenshotConfig, now: Duration, chance: f64) -> Self {
        let mut schedule = Self {
            interval: None,
            jitter: 0.0,
            periodic: None,
            on_change: false,
            on_unlock: false,
            caused: None,
            last_change: None,
            moving_since: None,
        };
        schedule.apply(config, now, chance);
        schedule
    }

    /// Other settings. The wait begins anew only where the interval changed.
    pub(crate) fn apply(&mut self, config: &ScreenshotConfig, now: Duration, chance: f64) {
        let causes = |trigger| config.enabled && config.triggers.contains(&trigger);
        let interval =
            (causes(Trigger::Periodic) && !config.interval.is_zero()).then_some(config.interval);
        self.on_change = causes(Trigger::WindowChange);
        self.on_unlock = causes(Trigger::Unlock);
        let (on_change, on_unlock) = (self.on_change, self.on_unlock);
        self.caused = self.caused.filter(|(_, trigger)| match trigger {
            Trigger::WindowChange => on_change,
            Trigger::Unlock => on_unlock,
            Trigger::Periodic | Trigger::Manual => false,
        });
        let same = self.interval == interval && self.jitter.to_bits() == config.jitter.to_bits();
        if !same {
            self.interval = interval;
            self.jitter = config.jitter;
            self.plan(now, chance);
        }
    }

    /// The focus moved to another window. What is captured is the window where it comes to rest.
    pub(crate) fn window_changed(&mut self, now: Duration) {
        let unlock_is_due = matches!(self.caused, Some((_, Trigger::Unlock)));
        if self.on_change && !unlock_is_due {
            let since = *self.moving_since.get_or_insert(now);
            let earliest = self.last_change.map_or(Duration::ZERO, |last| last + BETWEEN_CHANGES);
            let at_rest = (now + AFTER_CHANGE).min(since + PATIENCE);
            self.caused = Some((at_rest.max(earliest), Trigger::WindowChange));
        }
    }

    /// The screen was unlocked.
    pub(crate) fn unlocked(&mut self, now: Duration) {
        if self.on_unlock {
            self.caused = Some((now + AFTER_CHANGE, Trigger::Unlock));
        }
    }

    /// When [`Schedule::due`] will return something.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let caused = self.caused.map(|(at, _)| at);
        [self.periodic, caused].into_iter().flatten().min()
    }

    /// What causes a capture now, if anything; a time that was missed is not made up for.
    pub(crate) fn due(&mut self, now: Duration, chance: f64) -> Option<Trigger> {
        if let Some((at, trigger)) = self.caused
            && now >= at
        {
            self.caused = None;
            self.moving_since = None;
            self.last_change = Some(now);
            return Some(trigger);
        }
        if self.periodic.is_some_and(|at| now >= at) {
            self.plan(now, chance);
            return Some(Trigger::Periodic);
        }
        None
    }

    fn plan(&mut self, now: Duration, chance: f64) {
        let factor = 1.0 + self.jitter * (2.0 * chance - 1.0);
        // Full jitter may come out at no wait at all, which would not be sleeping.
        self.periodic =
            self.interval.map(|interval| now + interval.mul_f64(factor).max(interval / 10));
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Config;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn every(seconds: u64) -> ScreenshotConfig {
        ScreenshotConfig { interval: s(seconds), jitter: 0.2, ..Config::default().screenshot }
    }

    #[test]
    fn an_interval_of_zero_is_off() {
        let schedule = Schedule::new(&every(0), s(0), 0.5);
        assert_eq!(schedule.deadline(), None);
    }

    #[test]
    fn the_interval_varies_by_its_jitter_both_ways() {
        assert_eq!(Schedule::new(&every(100), s(0), 0.0).deadline(), Some(s(80)));
        assert_eq!(Schedule::new(&every(100), s(0), 0.5).deadline(), Some(s(100)));
        assert_eq!(Schedule::new(&every(100), s(0), 1.0).deadline(), Some(s(120)));
    }

    #[test]
    fn captures_that_were_slept_through_are_not_made_up_for() {
        let mut schedule = Schedule::new(&every(100), s(0), 0.5);
        assert_eq!(schedule.due(s(99), 0.5), None);
        assert_eq!(schedule.due(s(100), 0.5), Some(Trigger::Periodic));
        assert_eq!(schedule.due(s(1_000), 0.5), Some(Trigger::Periodic));
        assert_eq!(schedule.due(s(1_000), 0.5), None);
        assert_eq!(schedule.deadline(), Some(s(1_100)));
    }

    #[test]
    fn a_new_interval_holds_at_once_and_the_same_one_does_not_begin_anew() {
        let mut schedule = Schedule::new(&every(100), s(0), 0.5);
        schedule.apply(&every(100), s(50), 0.5);
        assert_eq!(schedule.deadline(), Some(s(100)));
        schedule.apply(&every(10), s(50), 0.5);
        assert_eq!(schedule.deadline(), Some(s(60)));
        let off = ScreenshotConfig { enabled: false, ..every(10) };
        schedule.apply(&off, s(55), 0.5);
        assert_eq!(schedule.deadline(), None);
        schedule.apply(&every(10), s(70), 0.5);
        assert_eq!(schedule.deadline(), Some(s(80)));
    }

    #[test]
    fn changes_of_focus_cause_one_capture_at_a_time() {
        let config = ScreenshotConfig {
            triggers: vec![Trigger::WindowChange, Trigger::Unlock],
            ..every(10)
        };
        let mut schedule = Schedule::new(&config, s(0), 0.5);
        assert_eq!(schedule.deadline(), None);
        schedule.window_changed(s(1));
        schedule.window_changed(s(1));
        assert_eq!(schedule.due(s(1), 0.5), None);
        assert_eq!(schedule.due(s(2), 0.5), Some(Trigger::WindowChange));
        schedule.window_changed(s(3));
        assert_eq!(schedule.deadline(), Some(s(7)));
        schedule.unlocked(s(4));
        assert_eq!(schedule.due(s(5), 0.5), Some(Trigger::Unlock));
    }

    #[test]
    fn a_focus_on_its_way_is_captured_where_it_comes_to_rest_or_after_a_while() {
        let config = ScreenshotConfig { triggers: vec![Trigger::WindowChange], ..every(0) };
        let mut schedule = Schedule::new(&config, s(0), 0.5);
        let ms = Duration::from_millis;
        for moved in [10_000, 10_300, 10_600] {
            assert_eq!(schedule.due(ms(moved), 0.5), None);
            schedule.window_changed(ms(moved));
        }
        assert_eq!(schedule.deadline(), Some(ms(11_100)));
        assert_eq!(schedule.due(ms(11_100), 0.5), Some(Trigger::WindowChange));
        for moved in (20_000..23_000).step_by(300) {
            schedule.window_changed(ms(moved));
        }
        assert_eq!(schedule.deadline(), Some(s(23)));
    }

    #[test]
    fn what_is_no_trigger_causes_nothing() {
        let mut schedule = Schedule::new(&every(0), s(0), 0.5);
        schedule.window_changed(s(1));
        schedule.unlocked(s(1));
        assert_eq!(schedule.deadline(), None);
    }
}
