//! Gathers what the settings are made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fmt, fs, io};

use devpulse_protocol::ServerConfig;

use super::table::{Local, Subject};
use super::{SettingsError, TABLE, dot_env, local};
use crate::consent::Record;
use crate::credentials::DeviceIdentity;
use crate::home::{Home, HomeError};
use crate::machine;
use crate::managed::Managed;
use crate::preset::{Preset, PresetError};
use crate::server_config::StoredServerConfig;

/// A setting that a command-line flag gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag, such as `--server`.
    pub flag: &'static str,
    /// The dotted name of the setting.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
}

/// Everything that settings are made of, so that making them needs neither files nor
/// the process's environment.
#[derive(Clone)]
pub struct Sources {
    /// What the computer's administrator has decided.
    pub managed: Managed,
    /// Command-line flags.
    pub flags: Vec<Flag>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The text of `.env` in the working directory.
    pub dot_env: Option<String>,
    /// The text of `config.toml`.
    pub config_toml: Option<String>,
    /// What the server set.
    pub server: ServerConfig,
    /// The agent's own directory.
    pub home: Home,
    /// Whether there is a credentials file.
    pub has_credentials: bool,
    /// Who the credentials file says that the device is.
    pub identity: Option<DeviceIdentity>,
    /// What the person agreed to have captured.
    pub consent: Option<Record>,
    /// What the computer's administrator has decided about enrollment.
    pub preset: Option<Preset>,
    /// Why there is a preset that does not count.
    pub preset_fault: Option<Arc<PresetError>>,
    /// Where relative paths begin.
    pub working_directory: PathBuf,
    /// The user's own directory.
    pub user_directory: Option<PathBuf>,
    /// The name under which the user logged in.
    pub login_name: Option<String>,
}

impl Sources {
    /// Nothing but defaults, on this home.
    #[must_use]
    pub fn none(home: Home) -> Self {
        Self {
            managed: Managed::default(),
            flags: Vec::new(),
            environment: BTreeMap::new(),
            dot_env: None,
            config_toml: None,
            server: ServerConfig::default(),
            home,
            has_credentials: false,
            identity: None,
            consent: None,
            preset: None,
            preset_fault: None,
            working_directory: PathBuf::from("."),
            user_directory: None,
            login_name: None,
        }
    }

    /// Reads the process's environment, the files and the last configuration of the
    /// server. Writes nothing, and needs no home that exists.
    ///
    /// # Errors
    /// Fails where a file is there and cannot be read, or where there is no home.
    pub fn gather(flags: Vec<Flag>) -> Result<Self, SettingsError> {
        let environment = environment()?;
        let working_directory = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let user_directory = env::home_dir().filter(|path| !path.as_os_str().is_empty());
        let dot_env = read(&working_directory.join(".env"))?;
        let mut sources = Self {
            managed: Managed::of_this_computer(),
            flags,
            environment,
            dot_env,
            working_directory,
            user_directory,
            login_name: machine::login_name(),
            ..Self::none(Home::at(""))
        };
        sources.home = sources.find_home()?;
        sources.config_toml = read(&sources.home.config_toml())?;
        sources.has_credentials = sources.home.credentials().exists();
        sources.identity = DeviceIdentity::peek(&sources.home);
        sources.consent = Record::load(&sources.home);
        match Preset::of_this_computer() {
            Ok(preset) => sources.preset = preset,
            Err(fault) => sources.preset_fault = Some(Arc::new(fault)),
        }
        sources.server = StoredServerConfig::load(&sources.home)
            .map(|stored| stored.settings())
            .unwrap_or_default();
        Ok(sources)
    }

    /// Whether the device is enrolled, by its credentials or by the environment.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        let stands_in =
            [Local::ApiKey, Local::ClientId, Local::ServerUrl].into_iter().all(|local| {
                self.flag(local).is_some()
                    || (local == Local::ServerUrl && self.managed.names("server_url"))
                    || variable(local).is_some_and(|name| self.variable(name).is_some())
            });
        self.has_credentials || stands_in
    }

    fn find_home(&self) -> Result<Home, SettingsError> {
        let given = self
            .flag(Local::Home)
            .or_else(|| variable(Local::Home).and_then(|name| self.variable(name)));
        if let Some(text) = given {
            return self.home_at(text);
        }
        let usual = self.user_directory.as_deref().map(Home::below);
        let is_enrolled = usual.as_ref().is_some_and(|home| home.credentials().exists());
        if let (false, Some(text)) = (is_enrolled, &self.dot_env) {
            let assignments = dot_env::parse(text)?;
            let home = assignments.iter().rev().find(|one| {
                variable(Local::Home) == Some(one.name.as_str()) && !one.value.is_empty()
            });
            if let Some(assignment) = home {
                return self.home_at(&assignment.value);
            }
        }
        usual.ok_or(HomeError::Unknown.into())
    }

    fn home_at(&self, text: &str) -> Result<Home, SettingsError> {
        local::resolve(text, &self.working_directory, self.user_directory.as_deref())
            .map(Home::at)
            .ok_or(HomeError::Unknown.into())
    }

    fn flag(&self, local: Local) -> Option<&str> {
        let flag = self.flags.iter().find(|flag| {
            TABLE.iter().any(|one| one.name == flag.setting && one.subject == Subject::Local(local))
        });
        flag.map(|flag| flag.value.as_str())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Flags, variables and files may hold secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("home", &self.home).finish_non_exhaustive()
    }
}

fn variable(local: Local) -> Option<&'static str> {
    let setting = TABLE.iter().find(|setting| setting.subject == Subject::Local(local));
    setting.and_then(|setting| setting.variable).map(|variable| variable.name)
}

fn environment() -> Result<BTreeMap<String, String>, SettingsError> {
    let mut environment = BTreeMap::new();
    for (name, value) in env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => {
                environment.insert(name, value);
            }
            Err(_) => {
                if let Some(name) =
                    TABLE.iter().filter_map(|one| one.variable).find(|v| v.name == name)
                {
                    return Err(SettingsError::NotUtf8(name.name));
                }
            }
        }
    }
    Ok(environment)
}

fn read(path: &Path) -> Result<Option<String>, SettingsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(source) => Err(SettingsError::Unreadable { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(user_directory: &Path) -> Sources {
        Sources {
            user_directory: Some(user_directory.to_owned()),
            working_directory: PathBuf::from("/somewhere"),
            ..Sources::none(Home::at(""))
        }
    }

    fn found(sources: &Sources) -> PathBuf {
        sources.find_home().unwrap().root().to_owned()
    }

    #[test]
    fn the_home_is_the_flags_the_variables_the_files_or_the_usual_one() {
        let scratch = tempfile::tempdir().unwrap();
        let mut sources = sources(scratch.path());
        assert_eq!(found(&sources), scratch.path().join(".devpulse"));
        sources.dot_env = Some("DEVPULSE_HOME=/by-file\nDEVPULSE_HOME=\n".to_owned());
        assert_eq!(found(&sources), Path::new("/by-file"));
        sources.environment.insert("DEVPULSE_HOME".to_owned(), "by-variable".to_owned());
        assert_eq!(found(&sources), Path::new("/somewhere/by-variable"));
        let value = "~/by-flag".to_owned();
        sources.flags.push(Flag { flag: "--home", setting: "home", value });
        assert_eq!(found(&sources), scratch.path().join("by-flag"));
    }

    #[test]
    fn a_folder_cannot_move_the_home_of_a_device_that_is_enrolled() {
        let scratch = tempfile::tempdir().unwrap();
        let usual = Home::below(scratch.path());
        usual.create().unwrap();
        fs::write(usual.credentials(), "{}").unwrap();
        let mut sources = sources(scratch.path());
        sources.dot_env = Some("DEVPULSE_HOME=/elsewhere\n".to_owned());
        assert_eq!(found(&sources), usual.root());
    }

    #[test]
    fn a_user_without_a_directory_needs_a_home() {
        let mut sources = sources(Path::new("/"));
        sources.user_directory = None;
        let error = sources.find_home().unwrap_err();
        assert_eq!(error.to_string(), "this user has no home directory");
        assert_eq!(error.hint().as_deref(), Some("set DEVPULSE_HOME to a directory of yours"));
    }

    #[test]
    fn a_file_that_is_there_and_cannot_be_read_is_an_error() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(read(&scratch.path().join("absent")).unwrap(), None);
        let error = read(scratch.path()).unwrap_err();
        let path = scratch.path().display();
        assert_eq!(error.to_string(), format!("{path} cannot be read"));
        assert_eq!(error.hint(), Some(format!("make it readable to you: chmod u+r {path}")));
    }

    #[test]
    fn key_device_and_server_together_are_an_enrollment() {
        let mut sources = sources(Path::new("/"));
        for name in ["DEVPULSE_API_KEY", "DEVPULSE_CLIENT_ID"] {
            sources.environment.insert(name.to_owned(), "x".to_owned());
            assert!(!sources.is_enrolled());
        }
        sources.environment.insert("DEVPULSE_SERVER_URL".to_owned(), String::new());
        assert!(!sources.is_enrolled());
        let value = "https://a.example".to_owned();
        sources.flags.push(Flag { flag: "--server", setting: "server_url", value });
        assert!(sources.is_enrolled());
    }
}
