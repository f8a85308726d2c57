//! What a person should know about settings that are usable.

use std::sync::Arc;

use super::{Place, SettingsError};
use crate::managed::ManagedFault;
use crate::preset::PresetError;

/// What a person should know about the settings, although they are usable.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Warning {
    /// `.env` would divert a device that is enrolled.
    #[error(".env line {line}: {variable} is ignored, because this device is enrolled")]
    Ignored {
        /// The line, counted from 1.
        line: usize,
        /// The variable.
        variable: &'static str,
    },
    /// `.env` would divert an enrollment that the administrator has preset.
    #[error(
        ".env line {line}: {variable} is ignored, because the administrator has decided where \
         this computer is enrolled"
    )]
    IgnoredByPreset {
        /// The line, counted from 1.
        line: usize,
        /// The variable.
        variable: &'static str,
    },
    /// There is a preset of the administrator, and it does not count.
    #[error("{0}{hint}", hint = .0.hint().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Preset(Arc<PresetError>),
    /// `.env` sets a variable that looks like ours and is none.
    #[error(".env line {line}: {variable} is no setting of DevPulse")]
    Unknown {
        /// The line, counted from 1.
        line: usize,
        /// The variable.
        variable: String,
    },
    /// There is a policy of the administrator, and it does not count.
    #[error("{0}{hint}", hint = .0.hint().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Managed(Arc<ManagedFault>),
    /// A value of the administrator's policy does not count; the others do.
    #[error("the administrator's policy is refused in part: {0}")]
    ManagedValue(Arc<SettingsError>),
    /// The administrator's policy names what it cannot set.
    #[error(
        "the administrator's policy is refused in part: {name}{line} {cause}",
        line = .line.map(|line| format!(" in line {line}")).unwrap_or_default()
    )]
    ManagedName {
        /// What it names.
        name: String,
        /// The line, counted from 1, where it is a file.
        line: Option<usize>,
        /// Why it cannot be set.
        cause: &'static str,
    },
    /// A flag, a variable or a line sets what the administrator has set.
    #[error("{place} is ignored, because the administrator of this computer has set {setting}")]
    Outranked {
        /// Where it stands.
        place: Place,
        /// The setting's dotted name.
        setting: &'static str,
    },
}

impl Warning {
    /// Whether it is the administrator's to mend.
    #[must_use]
    pub const fn is_administrators(&self) -> bool {
        matches!(
            self,
            Self::Preset(_) | Self::Managed(_) | Self::ManagedValue(_) | Self::ManagedName { .. }
        )
    }
}
