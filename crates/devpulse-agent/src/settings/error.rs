//! Why the settings are not usable.

use std::io;
use std::path::PathBuf;

use super::{Place, Setting};
use crate::home::HomeError;

/// Why the settings are not usable: the program does not start with them.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that its setting does not allow.
    #[error("{place} is {shown}, allowed is {allowed}")]
    Invalid {
        /// Where it stands.
        place: Place,
        /// The value, unless it is a secret.
        shown: String,
        /// What is allowed, in words.
        allowed: String,
        /// What to do about it, where that is not obvious.
        hint: Option<&'static str>,
    },
    /// `config.toml` sets what does not exist.
    #[error("config.toml line {line} sets {name}, which is no setting")]
    UnknownSetting {
        /// The line, counted from 1.
        line: usize,
        /// What it sets.
        name: String,
        /// What was probably meant.
        suggestion: Option<&'static str>,
    },
    /// `config.toml` sets what it may not.
    #[error("config.toml line {line} sets {name}, which cannot be set there", name = .setting.name)]
    NotInConfigToml {
        /// The line, counted from 1.
        line: usize,
        /// What it sets.
        setting: &'static Setting,
    },
    /// `config.toml` is not TOML.
    #[error("config.toml line {line} is not TOML: {message}")]
    BrokenToml {
        /// The line, counted from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// A line of `.env` is no assignment.
    #[error(".env line {line} is not NAME=value")]
    BrokenDotEnv {
        /// The line, counted from 1.
        line: usize,
    },
    /// A variable is not text.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A file is there and cannot be read.
    #[error("{path} cannot be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no home.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl SettingsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } => hint.map(str::to_owned),
            Self::UnknownSetting { suggestion: Some(name), .. } => {
                Some(format!("did you mean {name}?"))
            }
            Self::UnknownSetting { suggestion: None, .. } => {
                Some("all settings are listed by: devpulse-client config show".to_owned())
            }
            Self::NotInConfigToml { setting, .. } => {
                setting.variable.map(|variable| format!("set {} in the environment", variable.name))
            }
            Self::BrokenToml { .. } => {
                Some("a line is a [section], or NAME = value with texts in quotes".to_owned())
            }
            Self::BrokenDotEnv { .. } => {
                Some("values with spaces need quotes, and comments begin with #".to_owned())
            }
            Self::NotUtf8(_) => None,
            Self::Unreadable { path, .. } => {
                Some(format!("make it readable to you: chmod u+r {}", path.display()))
            }
            Self::Home(error) => Some(error.hint()),
        }
    }
}
