//! The administrator's values above all others, each by itself.

use std::sync::Arc;

use serde_json::Value;

use super::table::{Local, Subject};
use super::value::Assigned;
use super::{Origin, Place, Row, Setting, Settings, Sources, Warning};
use crate::managed::{Given, Managed};
use crate::printable::printable;

impl Settings {
    /// What of the policy can be set; of the rest a warning is kept.
    pub(super) fn managed_values(&mut self, managed: &Managed) -> Vec<Assigned> {
        if let Some(fault) = &managed.fault {
            self.warnings.push(Warning::Managed(Arc::clone(fault)));
        }
        let mut assigned = Vec::new();
        for value in &managed.values {
            let refused = |cause| Warning::ManagedName {
                name: printable(&value.name).into_owned(),
                line: value.line,
                cause,
            };
            let setting = match Setting::named(&value.name) {
                None => {
                    self.warnings.push(refused("is no setting"));
                    continue;
                }
                Some(setting) if !setting.may_be_managed() => {
                    self.warnings.push(refused("is not for everybody on this computer to share"));
                    continue;
                }
                Some(setting) => setting,
            };
            let place = Place::Managed { line: value.line, name: setting.name };
            let read = match &value.given {
                Given::Typed(value) => Ok(Assigned { setting, place, value: value.clone() }),
                Given::Text(text) => Assigned::from_text(setting, place, text),
            };
            match read {
                Ok(one) => assigned.push(one),
                Err(error) => self.warnings.push(Warning::ManagedValue(Arc::new(error))),
            }
        }
        assigned
    }

    /// Takes those that are allowed.
    pub(super) fn take_managed(&mut self, assigned: &[&Assigned], sources: &Sources) {
        for one in assigned {
            if let Err(error) = self.take(one, sources) {
                self.warnings.push(Warning::ManagedValue(Arc::new(error)));
            }
        }
    }

    /// Tells of each flag, variable and line of `.env` that does not count. A `config.toml`
    /// lies there for long, so it is not told each time; its origin says so. Comes before the
    /// consent narrows what is in force.
    pub(super) fn warn_of_outranked(&mut self, assigned: &[Assigned]) {
        for one in assigned {
            let setting = one.setting;
            let is_fleeting = !matches!(one.place, Place::ConfigToml { .. });
            if is_fleeting
                && self.set_here.get(setting.name) == Some(&Origin::Managed)
                && self.value_of(setting) != one.value
            {
                self.warnings.push(Warning::Outranked { place: one.place, setting: setting.name });
            }
        }
    }

    /// The settings that differ from `before` and are read only when the agent starts.
    pub(crate) fn awaits_start(&self, before: &Self) -> Vec<&'static str> {
        let is_read_once = |row: &Row| {
            matches!(
                Setting::named(row.name).map(|setting| setting.subject),
                Some(Subject::Local(local)) if !matches!(local, Local::Receipt | Local::QuitAllowed)
            )
        };
        let now = self.rows();
        let changed = now.iter().zip(before.rows()).filter(|(now, was)| now.value != was.value);
        changed.map(|(now, _)| now).filter(|row| is_read_once(row)).map(|row| row.name).collect()
    }

    fn value_of(&self, setting: &Setting) -> Value {
        match setting.subject {
            Subject::Policy(key) => self.config.get(key),
            Subject::Local(local) => self.local.get(local),
        }
    }
}
