//! What every command begins with: the settings, and the agent's socket.

use std::path::PathBuf;

use devpulse_agent::printable::printable;
use devpulse_agent::settings::{Flag, Place, Settings, SettingsError, Sources};
use devpulse_control::{ClientError, ControlClient};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// The settings that hold for this call of the program.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    /// Whether there are credentials, in a file or in the environment.
    pub(crate) enrolled: bool,
}

impl Session {
    /// Reads the settings, with these flags above all else.
    pub(crate) fn open(home: Option<PathBuf>, flags: Vec<Flag>) -> Result<Self, Failure> {
        let (sources, settings) = read(home, flags).map_err(|error| unusable(&error))?;
        for warning in settings.warnings() {
            output::note(&format!("warning: {}", printable(&warning.to_string())));
        }
        Ok(Self { settings, enrolled: sources.is_enrolled() })
    }

    /// Connects to the agent of this home.
    pub(crate) async fn connect(&self) -> Result<ControlClient, ClientError> {
        ControlClient::connect(&self.settings.local().home.socket()).await
    }
}

/// The settings, for a command that does not end where they cannot be used.
pub(crate) fn settings(home: Option<PathBuf>) -> Result<Settings, SettingsError> {
    read(home, Vec::new()).map(|(_, settings)| settings)
}

fn read(home: Option<PathBuf>, mut flags: Vec<Flag>) -> Result<(Sources, Settings), SettingsError> {
    if let Some(home) = home {
        flags.push(flag("--home", "home", home.to_string_lossy()));
    }
    let sources = Sources::gather(flags)?;
    let settings = Settings::load(&sources)?;
    Ok((sources, settings))
}

/// A flag that gives a setting its value.
pub(crate) fn flag(flag: &'static str, setting: &'static str, value: impl Into<String>) -> Flag {
    Flag { flag, setting, value: value.into() }
}

fn unusable(error: &SettingsError) -> Failure {
    let exit = match &error {
        SettingsError::Invalid { place: Place::Flag(_), .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::from_error(exit, error).with_some_hint(error.hint())
}
