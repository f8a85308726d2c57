//! Values on their way from a source to a setting.

use devpulse_protocol::{Allowed, Key};
use serde_json::Value;

use super::table::{Local, Subject, Unit};
use super::{Place, Setting, SettingsError};
use crate::printable::printable;

/// A value that a source gives to a setting, not yet checked.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub(super) setting: &'static Setting,
    pub(super) place: Place,
    pub(super) value: Value,
}

impl Assigned {
    /// Reads text from a flag or a variable in the way that the setting needs.
    pub(super) fn from_text(
        setting: &'static Setting,
        place: Place,
        text: &str,
    ) -> Result<Self, SettingsError> {
        let unit = match place {
            Place::Environment(_) | Place::DotEnv { .. } => {
                setting.variable.map_or(Unit::Same, |variable| variable.unit)
            }
            Place::Managed { .. } | Place::Flag(_) | Place::ConfigToml { .. } => Unit::Same,
        };
        let value = match setting.subject {
            Subject::Policy(key) => policy_value(key, unit, text.trim()),
            Subject::Local(Local::AllowHttp | Local::QuitAllowed) => {
                truth(text.trim()).map(Value::from)
            }
            Subject::Local(_) => Some(Value::from(text)),
        };
        let assigned = Self { setting, place, value: Value::from(text) };
        match value {
            Some(value) => Ok(Self { value, ..assigned }),
            None => Err(assigned.refused(setting.allowed_as_text(unit))),
        }
    }

    /// The error that this value is not allowed.
    pub(super) fn refused(&self, allowed: impl Into<String>) -> SettingsError {
        SettingsError::Invalid {
            place: self.place,
            shown: self.shown(),
            allowed: allowed.into(),
            hint: None,
        }
    }

    /// As [`Assigned::refused`], in the unit of the source.
    pub(super) fn out_of_range(&self) -> SettingsError {
        let in_seconds = matches!(self.place, Place::Environment(_) | Place::DotEnv { .. });
        let unit = self.setting.variable.map_or(Unit::Same, |variable| variable.unit);
        if !in_seconds || unit == Unit::Same {
            return self.refused(self.setting.allowed());
        }
        let seconds = self.value.as_f64().map_or(Value::Null, |millis| number(millis / 1000.0));
        Self { value: seconds, ..self.clone() }.refused(self.setting.allowed_as_text(unit))
    }

    fn shown(&self) -> String {
        const LONGEST: usize = 120;
        let text = self.value.to_string();
        if self.setting.is_secret() || is_address_with_name(self.setting, &text) {
            return "(not shown)".to_owned();
        }
        let mut shown: String = text.chars().take(LONGEST).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        printable(&shown).into_owned()
    }
}

/// An address that bears a name probably bears a password too.
fn is_address_with_name(setting: &Setting, text: &str) -> bool {
    matches!(setting.subject, Subject::Local(Local::ServerUrl | Local::Proxy)) && text.contains('@')
}

fn policy_value(key: Key, unit: Unit, text: &str) -> Option<Value> {
    match key.allowed() {
        Allowed::Bool => truth(text).map(Value::from),
        Allowed::Integer { .. } | Allowed::ZeroOr { .. } => match unit {
            Unit::Same => text.parse::<i64>().ok().map(Value::from),
            Unit::SecondsForMillis => {
                let millis = text.parse::<f64>().ok().filter(|s| s.is_finite())? * 1000.0;
                Some(number(millis.round()))
            }
        },
        Allowed::Number { .. } => text.parse::<f64>().ok().map(Value::from),
        Allowed::OneOf(_) => Some(Value::from(text)),
        Allowed::ListOf(_) | Allowed::Rules => serde_json::from_str(text).ok(),
    }
}

/// A whole number where it is one, because people read it.
fn number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
