//! Reading and writing single settings, checked against the table.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Allowed, Config, Key, Rule, Trigger};

/// A value that a setting does not allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{key} is {value}, allowed is {allowed}")]
pub struct RefusedSetting {
    /// The setting's dotted name.
    pub key: String,
    /// What it was to be set to.
    pub value: Value,
    /// What it allows, in words.
    pub allowed: String,
}

impl Config {
    /// Sets one setting.
    ///
    /// # Errors
    /// Refuses a value of the wrong type or out of range, and leaves the setting as it was.
    pub fn set(&mut self, key: Key, value: &Value) -> Result<(), RefusedSetting> {
        self.try_set(key, value).ok_or_else(|| RefusedSetting {
            key: key.name().to_owned(),
            value: value.clone(),
            allowed: key.allowed().to_string(),
        })
    }

    /// The value of one setting, as JSON.
    #[must_use]
    pub fn get(&self, key: Key) -> Value {
        match key {
            Key::HeartbeatInterval => json!(self.heartbeat_interval.as_secs()),
            Key::IdleThreshold => json!(self.idle_threshold.as_secs()),
            Key::IdleInhibitors => json!(self.idle_inhibitors),
            Key::ConfigPoll => json!(self.config_poll.as_secs()),
            Key::BatchMaxEvents => json!(self.batch.max_events),
            Key::BatchMaxBytes => json!(self.batch.max_bytes),
            Key::BatchMaxInterval => json!(self.batch.max_interval.as_millis() as u64),
            Key::ScreenshotEnabled => json!(self.screenshot.enabled),
            Key::ScreenshotInterval => json!(self.screenshot.interval.as_secs()),
            Key::ScreenshotJitter => json!(self.screenshot.jitter),
            Key::ScreenshotMaxWidth => json!(self.screenshot.max_width),
            Key::ScreenshotFormat => json!(self.screenshot.format),
            Key::ScreenshotQuality => json!(self.screenshot.quality),
            Key::ScreenshotTriggers => json!(self.screenshot.triggers),
            Key::ScreenshotMask => json!(self.screenshot.mask),
            Key::WindowEnabled => json!(self.window.enabled),
            Key::WindowMinDuration => seconds(self.window.min_duration),
            Key::WindowTitlePolicy => json!(self.window.title_policy),
            Key::WindowRules => json!(self.window.rules),
            Key::WindowBuiltinRules => json!(self.window.builtin_rules),
            Key::PauseAllowed => json!(self.pause.allowed),
            Key::PauseMaxMinutes => json!(self.pause.max.as_secs() / 60),
            Key::LimitsMaxDiskMb => json!(self.limits.max_disk_bytes / (1024 * 1024)),
            Key::LimitsHistoryHours => json!(self.limits.history.as_secs() / 3600),
        }
    }

    fn try_set(&mut self, key: Key, value: &Value) -> Option<()> {
        let allowed = key.allowed();
        match key {
            Key::HeartbeatInterval => {
                self.heartbeat_interval = Duration::from_secs(whole(value, allowed)?);
            }
            Key::IdleThreshold => self.idle_threshold = Duration::from_secs(whole(value, allowed)?),
            Key::IdleInhibitors => self.idle_inhibitors = word(value)?,
            Key::ConfigPoll => self.config_poll = Duration::from_secs(whole(value, allowed)?),
            Key::BatchMaxEvents => {
                self.batch.max_events = whole(value, allowed)?.try_into().ok()?;
            }
            Key::BatchMaxBytes => self.batch.max_bytes = whole(value, allowed)?.try_into().ok()?,
            Key::BatchMaxInterval => {
                self.batch.max_interval = Duration::from_millis(whole(value, allowed)?);
            }
            Key::ScreenshotEnabled => self.screenshot.enabled = value.as_bool()?,
            Key::ScreenshotInterval => {
                self.screenshot.interval = Duration::from_secs(whole(value, allowed)?);
            }
            Key::ScreenshotJitter => self.screenshot.jitter = number(value, allowed)?,
            Key::ScreenshotMaxWidth => {
                self.screenshot.max_width = whole(value, allowed)?.try_into().ok()?;
            }
            Key::ScreenshotFormat => self.screenshot.format = word(value)?,
            Key::ScreenshotQuality => {
                self.screenshot.quality = whole(value, allowed)?.try_into().ok()?;
            }
            Key::ScreenshotTriggers => self.screenshot.triggers = triggers(value)?,
            Key::ScreenshotMask => self.screenshot.mask = word(value)?,
            Key::WindowEnabled => self.window.enabled = value.as_bool()?,
            Key::WindowMinDuration => {
                self.window.min_duration =
                    Duration::try_from_secs_f64(number(value, allowed)?).ok()?;
            }
            Key::WindowTitlePolicy => self.window.title_policy = word(value)?,
            Key::WindowRules => self.window.rules = rules(value)?,
            Key::WindowBuiltinRules => self.window.builtin_rules = value.as_bool()?,
            Key::PauseAllowed => self.pause.allowed = value.as_bool()?,
            Key::PauseMaxMinutes => {
                self.pause.max = Duration::from_secs(60 * whole(value, allowed)?);
            }
            Key::LimitsMaxDiskMb => {
                self.limits.max_disk_bytes = 1024 * 1024 * whole(value, allowed)?;
            }
            Key::LimitsHistoryHours => {
                self.limits.history = Duration::from_secs(3600 * whole(value, allowed)?);
            }
        }
        Some(())
    }
}

fn whole(value: &Value, allowed: Allowed) -> Option<u64> {
    let number = value.as_i64()?;
    let within = match allowed {
        Allowed::Integer { min, max } => (min..=max).contains(&number),
        Allowed::ZeroOr { min, max } => number == 0 || (min..=max).contains(&number),
        Allowed::Bool
        | Allowed::Number { .. }
        | Allowed::OneOf(_)
        | Allowed::ListOf(_)
        | Allowed::Rules => false,
    };
    within.then(|| u64::try_from(number).ok()).flatten()
}

fn number(value: &Value, allowed: Allowed) -> Option<f64> {
    let Allowed::Number { min, max } = allowed else { return None };
    value.as_f64().filter(|number| (min..=max).contains(number))
}

fn word<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value.as_str().map(Value::from)?).ok()
}

fn triggers(value: &Value) -> Option<Vec<Trigger>> {
    let mut triggers = Vec::new();
    for entry in value.as_array()? {
        let trigger: Trigger = word(entry)?;
        if trigger == Trigger::Manual {
            return None;
        }
        if !triggers.contains(&trigger) {
            triggers.push(trigger);
        }
    }
    Some(triggers)
}

fn rules(value: &Value) -> Option<Vec<Rule>> {
    let rules: Vec<Rule> = Vec::deserialize(value).ok()?;
    let valid = rules.iter().all(|rule| {
        [&rule.app, &rule.title]
            .into_iter()
            .flatten()
            .all(|pattern| regex::Regex::new(pattern).is_ok())
    });
    valid.then_some(rules)
}

/// Seconds as a whole number where they are one, because people read them.
fn seconds(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 {
        json!(duration.as_secs())
    } else {
        json!(duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_allowed_and_read_back_unchanged() {
        let defaults = Config::default();
        for key in Key::ALL {
            let mut config = defaults.clone();
            config.set(key, &defaults.get(key)).unwrap();
            assert_eq!(config, defaults, "{key}");
        }
    }

    #[test]
    fn both_ends_of_a_range_are_allowed_and_what_lies_beyond_is_refused() {
        for key in Key::ALL {
            let (min, max) = match key.allowed() {
                Allowed::Integer { min, max } | Allowed::ZeroOr { min, max } => (min, max),
                _ => continue,
            };
            let mut config = Config::default();
            for good in [min, max] {
                config.set(key, &json!(good)).unwrap();
                assert_eq!(config.get(key), json!(good), "{key}");
            }
            for bad in [json!(min - 1), json!(max + 1), json!(-1), json!("1"), json!(1.5)] {
                let zero_is_off =
                    matches!(key.allowed(), Allowed::ZeroOr { .. }) && bad == json!(0);
                if !zero_is_off {
                    assert!(config.set(key, &bad).is_err(), "{key} took {bad}");
                }
            }
            assert_eq!(config.get(key), json!(max), "{key} was changed by a refused value");
        }
    }

    #[test]
    fn a_rule_with_a_broken_pattern_is_refused() {
        let mut config = Config::default();
        let broken = json!([{"app": "[", "title": null, "action": "drop"}]);
        assert!(config.set(Key::WindowRules, &broken).is_err());
        let good = json!([{"app": "^Signal$", "title": null, "action": "drop"}]);
        config.set(Key::WindowRules, &good).unwrap();
        assert_eq!(config.get(Key::WindowRules), good);
    }

    #[test]
    fn a_refusal_names_the_setting_the_value_and_what_is_allowed() {
        let refusal = Config::default().set(Key::BatchMaxEvents, &json!(0)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "batch.max_events is 0, allowed is a whole number from 1 to 1000"
        );
    }
}
