//! What is captured, as far as a person has to agree to it: a pure part of the policy,
//! and what is wider and narrower.
//!
//! How often heartbeats come, how images are encoded and how events travel is no part of
//! it, nor how short a stay in a window may be to be reported.

use std::time::Duration;

use devpulse_control::Aspect;
use devpulse_protocol::{Config, Mask, Rule, ScreenshotConfig, TitlePolicy, Trigger};
use serde::{Deserialize, Serialize};

use super::rules;

/// What is captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// What is left of titles; `None` where windows are not reported.
    pub titles: Option<TitlePolicy>,
    /// When screens are captured; `None` where they never are.
    pub screens: Option<Screens>,
    /// The rules by which windows are left out, and covered in images.
    pub rules: Vec<Rule>,
    /// Whether the built-in rules follow them.
    pub builtin_rules: bool,
}

/// When screens are captured, besides by the person's own request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screens {
    /// Seconds between them; `None` where time brings none.
    pub interval_s: Option<u64>,
    /// Whether a change of the window brings one.
    pub on_window_change: bool,
    /// Whether unlocking the screen brings one.
    pub on_unlock: bool,
    /// How windows are covered in them.
    pub mask: Mask,
}

impl Scope {
    /// What a configuration captures.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let window = &config.window;
        Self {
            titles: window.enabled.then_some(window.title_policy),
            screens: Screens::of(&config.screenshot),
            rules: window.rules.clone(),
            builtin_rules: window.builtin_rules,
        }
    }

    /// Nothing of windows and screens.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { titles: None, screens: None, rules: Vec::new(), builtin_rules: true }
    }

    /// In what the proposed scope goes beyond this one.
    #[must_use]
    pub fn widening(&self, proposed: &Self) -> Vec<Aspect> {
        let mut wider = Vec::new();
        if extent(proposed.titles) > extent(self.titles) {
            wider.push(Aspect::Windows);
        }
        let sees_windows = proposed.titles.is_some() || proposed.screens.is_some();
        let seen_before = self.titles.is_some() || self.screens.is_some();
        if sees_windows && seen_before && rules::are_weakened(self, proposed) {
            wider.push(Aspect::Rules);
        }
        let is_wider = |new: Screens| self.screens.is_none_or(|old| new.goes_beyond(&old));
        if proposed.screens.is_some_and(is_wider) {
            wider.push(Aspect::Screenshots);
        }
        wider
    }
}

impl Screens {
    fn of(config: &ScreenshotConfig) -> Option<Self> {
        let by = |trigger| config.triggers.contains(&trigger);
        config.enabled.then(|| Self {
            interval_s: (by(Trigger::Periodic) && !config.interval.is_zero())
                .then_some(config.interval.as_secs()),
            on_window_change: by(Trigger::WindowChange),
            on_unlock: by(Trigger::Unlock),
            mask: config.mask,
        })
    }

    fn goes_beyond(&self, old: &Self) -> bool {
        let more_often = match (old.interval_s, self.interval_s) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new < old,
        };
        more_often
            || (self.on_window_change && !old.on_window_change)
            || (self.on_unlock && !old.on_unlock)
            || (self.mask, old.mask) == (Mask::Mosaic, Mask::Solid)
    }
}

/// The configuration, with nothing captured beyond the scope. A window that a rule of
/// either leaves out or strips stays so.
#[must_use]
pub fn narrowed(config: &Config, scope: &Scope) -> Config {
    let mut narrow = config.clone();
    match scope.titles {
        None => narrow.window.enabled = false,
        Some(titles) if extent(Some(titles)) < extent(Scope::of(config).titles) => {
            narrow.window.title_policy = titles;
        }
        Some(_) => {}
    }
    narrow_screens(&mut narrow.screenshot, scope.screens);
    if !rules::are_kept(scope, &config.window) {
        narrow.window.rules = rules::joined(scope, &config.window);
        narrow.window.builtin_rules |= scope.builtin_rules;
    }
    narrow
}

fn narrow_screens(config: &mut ScreenshotConfig, scope: Option<Screens>) {
    let Some(scope) = scope else {
        config.enabled = false;
        return;
    };
    match scope.interval_s {
        Some(interval) if !config.interval.is_zero() => {
            config.interval = config.interval.max(Duration::from_secs(interval));
        }
        Some(_) => {}
        None => config.interval = Duration::ZERO,
    }
    config.triggers.retain(|trigger| match trigger {
        Trigger::WindowChange => scope.on_window_change,
        Trigger::Unlock => scope.on_unlock,
        Trigger::Periodic | Trigger::Manual => true,
    });
    if scope.mask == Mask::Solid {
        config.mask = Mask::Solid;
    }
}

/// How much is reported of windows, as a rank.
const fn extent(titles: Option<TitlePolicy>) -> u8 {
    match titles {
        None => 0,
        Some(TitlePolicy::AppOnly) => 1,
        Some(TitlePolicy::Hash) => 2,
        Some(TitlePolicy::Full) => 3,
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::RuleAction;

    use super::*;

    fn config() -> Config {
        Config::default()
    }

    fn with(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = config();
        change(&mut config);
        config
    }

    fn wider(before: &Config, after: &Config) -> Vec<Aspect> {
        Scope::of(before).widening(&Scope::of(after))
    }

    fn every(seconds: u64) -> Config {
        with(|config| config.screenshot.interval = Duration::from_secs(seconds))
    }

    #[test]
    fn the_same_again_is_no_widening_and_changes_nothing() {
        for config in [config(), every(60), with(|config| config.window.enabled = false)] {
            assert_eq!(wider(&config, &config), []);
            assert_eq!(narrowed(&config, &Scope::of(&config)), config);
        }
    }

    #[test]
    fn titles_widen_in_the_order_of_what_they_tell() {
        let steps = [
            with(|config| config.window.enabled = false),
            with(|config| config.window.title_policy = TitlePolicy::AppOnly),
            with(|config| config.window.title_policy = TitlePolicy::Hash),
            config(),
        ];
        for (low, narrow) in steps.iter().enumerate() {
            for wide in &steps[low + 1..] {
                assert_eq!(wider(narrow, wide), [Aspect::Windows]);
                assert_eq!(wider(wide, narrow), []);
                let held = narrowed(wide, &Scope::of(narrow));
                assert_eq!(Scope::of(&held).titles, Scope::of(narrow).titles);
                assert_eq!(narrowed(narrow, &Scope::of(wide)), *narrow);
            }
        }
    }

    #[test]
    fn screens_widen_when_they_are_captured_at_all_more_often_or_for_more_reasons() {
        let off = with(|config| config.screenshot.enabled = false);
        let unlock = with(|config| config.screenshot.triggers.push(Trigger::Unlock));
        let change = with(|config| config.screenshot.triggers.push(Trigger::WindowChange));
        let mosaic = with(|config| config.screenshot.mask = Mask::Mosaic);
        for (narrow, wide) in [
            (&off, &config()),
            (&config(), &every(300)),
            (&every(300), &every(60)),
            (&config(), &unlock),
            (&config(), &change),
            (&config(), &mosaic),
        ] {
            assert_eq!(wider(narrow, wide), [Aspect::Screenshots]);
            assert_eq!(wider(wide, narrow), []);
            let held = narrowed(wide, &Scope::of(narrow));
            assert_eq!(wider(narrow, &held), [], "{held:?}");
            assert_eq!(narrowed(narrow, &Scope::of(wide)), *narrow);
        }
    }

    #[test]
    fn a_rule_that_goes_away_stays_in_force_until_it_is_agreed_to() {
        let rule = Rule { app: Some("^Signal$".to_owned()), title: None, action: RuleAction::Drop };
        let before = with(|config| config.window.rules = vec![rule.clone()]);
        assert_eq!(wider(&before, &config()), [Aspect::Rules]);
        assert!(narrowed(&config(), &Scope::of(&before)).window.rules.contains(&rule));
        assert_eq!(wider(&config(), &before), []);
        assert_eq!(narrowed(&before, &Scope::of(&config())), before);
    }

    #[test]
    fn nothing_lets_nothing_of_windows_and_screens_through() {
        let held = narrowed(&every(1), &Scope::nothing());
        assert!(!held.window.enabled && !held.screenshot.enabled);
        assert_eq!(
            Scope::nothing().widening(&Scope::of(&every(1))),
            [Aspect::Windows, Aspect::Screenshots]
        );
    }

    #[test]
    fn what_is_captured_is_the_same_however_it_is_sent() {
        let other = with(|config| {
            config.heartbeat_interval = Duration::from_secs(1);
            config.batch.max_events = 7;
            config.screenshot.quality = 1;
            config.screenshot.max_width = 7680;
        });
        assert_eq!(wider(&config(), &other), []);
        assert_eq!(narrowed(&other, &Scope::of(&config())), other);
    }
}
