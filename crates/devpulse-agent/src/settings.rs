//! What holds on this device, and who said so.
//!
//! Precedence, highest first: the administrator's policy, command-line flag, environment,
//! `.env` in the working directory, `config.toml`, the server's configuration, built-in
//! default. A bad value of the administrator or of the server is refused alone; a bad value
//! of any other source is an error, and the program does not start with it.

mod config_toml;
mod dot_env;
mod error;
mod local;
mod managing;
mod place;
mod sources;
mod table;
mod value;
mod warning;

use std::collections::BTreeMap;
use std::sync::Arc;

use devpulse_protocol::{Config, Key, RefusedSetting, ServerConfig};
use serde_json::Value;

pub(crate) use config_toml::{json as json_of_toml, line_at};
pub use error::SettingsError;
pub use local::{GrpcFallback, LocalSettings, QuitPermission, SecretStoreChoice};
pub use place::{Origin, Place};
pub use sources::{Flag, Sources};
pub use table::{DotEnv, Local, Setting, Subject, TABLE, Unit, Variable};
pub use warning::Warning;

use crate::consent::{Record, narrowed};
use crate::managed::Managed;
use crate::preset::Preset;
use value::Assigned;

/// What holds on this device, each value checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is in force.
    config: Config,
    /// The same, as it would be without regard to what the person agreed to.
    asked_for: Config,
    consent: Option<Record>,
    preset: Option<Preset>,
    server_by_preset: bool,
    local: LocalSettings,
    /// What is set on this device, under its dotted name.
    set_here: BTreeMap<&'static str, Origin>,
    policy_here: BTreeMap<Key, Value>,
    server: ServerConfig,
    warnings: Vec<Warning>,
    /// What they were made of, for when the administrator's policy changes.
    sources: Arc<Sources>,
}

/// A setting as `config show` prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The setting's dotted name.
    pub name: &'static str,
    /// Its value; `"(set)"` for a secret, null where there is none.
    pub value: Value,
    /// Where the value comes from.
    pub origin: Origin,
}

impl Settings {
    /// Makes the settings from their sources.
    ///
    /// # Errors
    /// Names the flag, the variable or the line, the value, and what is allowed.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let mut warnings = Vec::new();
        let mut assigned = match &sources.config_toml {
            Some(text) => config_toml::parse(text)?,
            None => Vec::new(),
        };
        assigned.extend(from_dot_env(sources, &mut warnings)?);
        assigned.extend(from_environment(sources)?);
        assigned.extend(from_flags(sources)?);
        let is_allow_http =
            |one: &&Assigned| one.setting.subject == Subject::Local(Local::AllowHttp);
        if let Some(fault) = &sources.preset_fault
            && !sources.is_enrolled()
        {
            warnings.push(Warning::Preset(Arc::clone(fault)));
        }
        let mut settings = Self {
            config: Config::default(),
            asked_for: Config::default(),
            consent: None,
            preset: sources.preset.clone(),
            server_by_preset: sources.preset.is_some() && sources.identity.is_none(),
            local: LocalSettings::defaults(sources),
            set_here: BTreeMap::new(),
            policy_here: BTreeMap::new(),
            server: sources.server.clone(),
            warnings,
            sources: Arc::new(sources.clone()),
        };
        let managed = settings.managed_values(&sources.managed);
        let (managed_first, managed): (Vec<_>, Vec<_>) =
            managed.iter().partition(|one| is_allow_http(one));
        for one in assigned.iter().filter(is_allow_http) {
            settings.take(one, sources)?;
        }
        settings.take_managed(&managed_first, sources);
        for one in assigned.iter().filter(|one| !is_allow_http(one)) {
            settings.take(one, sources)?;
        }
        settings.take_preset_pins(sources);
        settings.take_managed(&managed, sources);
        settings.warn_of_outranked(&assigned);
        settings.consent =
            sources.consent.clone().filter(|record| settings.is_theirs(record, sources));
        settings.compose();
        Ok(settings)
    }

    /// The same settings under another configuration of the server.
    #[must_use]
    pub fn with_server_config(&self, server: &ServerConfig) -> Self {
        let mut settings = Self { server: server.clone(), ..self.clone() };
        settings.compose();
        settings
    }

    /// The same settings under another policy of the administrator.
    ///
    /// # Errors
    /// Fails where another source is not valid under it.
    pub fn with_managed(&self, managed: Managed) -> Result<Self, SettingsError> {
        let server = self.server.clone();
        let consent = self.consent.clone();
        let sources = Sources { managed, server, ..(*self.sources).clone() };
        let mut settings = Self { consent, ..Self::load(&sources)? };
        settings.compose();
        Ok(settings)
    }

    /// The same settings under another consent.
    #[must_use]
    pub fn with_consent(&self, consent: Record) -> Self {
        let mut settings = Self { consent: Some(consent), ..self.clone() };
        settings.compose();
        settings
    }

    /// What the person agreed to, where they were asked.
    #[must_use]
    pub const fn consent(&self) -> Option<&Record> {
        self.consent.as_ref()
    }

    /// What the computer's administrator has decided about enrollment.
    #[must_use]
    pub const fn preset(&self) -> Option<&Preset> {
        self.preset.as_ref()
    }

    /// The administrator's policy that these settings were made with.
    #[must_use]
    pub fn managed(&self) -> &Managed {
        &self.sources.managed
    }

    /// What would be captured without regard to what the person agreed to.
    #[must_use]
    pub const fn asked_for(&self) -> &Config {
        &self.asked_for
    }

    /// What is captured and how it is batched: nothing beyond what the person agreed to.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The settings of this device.
    #[must_use]
    pub const fn local(&self) -> &LocalSettings {
        &self.local
    }

    /// The version of the server's configuration, where it gave one.
    #[must_use]
    pub const fn server_version(&self) -> Option<i64> {
        self.server.version
    }

    /// Where the value of the setting with this dotted name comes from.
    #[must_use]
    pub fn origin(&self, name: &str) -> Origin {
        let is_narrowed = |key: Key| self.config.get(key) != self.asked_for.get(key);
        if Key::from_name(name).is_some_and(is_narrowed) {
            return Origin::Consent;
        }
        if let Some(origin) = self.set_here.get(name) {
            return *origin;
        }
        if self.server.settings.iter().any(|(key, _)| key.name() == name) {
            return Origin::Server;
        }
        if name == "server_url" && self.server_by_preset { Origin::Preset } else { Origin::Default }
    }

    /// Every setting, in the order of the table.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let row = |setting: &Setting| Row {
            name: setting.name,
            value: match setting.subject {
                Subject::Policy(key) => self.config.get(key),
                Subject::Local(local) => self.local.get(local),
            },
            origin: self.origin(setting.name),
        };
        TABLE.iter().map(row).collect()
    }

    /// What something on this device sets otherwise than the server did, and all that the
    /// administrator's policy sets: the setting's dotted name, and where its value comes from.
    #[must_use]
    pub fn overrides(&self) -> BTreeMap<String, String> {
        let mut by_server = Config::default();
        let managed = self.set_here.iter().filter(|(_, origin)| **origin == Origin::Managed);
        let mut overrides: BTreeMap<_, _> =
            managed.map(|(name, origin)| ((*name).to_owned(), origin.to_string())).collect();
        for (key, value) in &self.server.settings {
            let Some(origin) = self.set_here.get(key.name()) else { continue };
            if by_server.set(*key, value).is_ok() && by_server.get(*key) != self.config.get(*key) {
                overrides.insert(key.name().to_owned(), origin.to_string());
            }
        }
        overrides
    }

    /// What the server set to a value that is not allowed.
    #[must_use]
    pub fn refused(&self) -> &[RefusedSetting] {
        &self.server.refused
    }

    /// What a person should know about the settings.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn take(&mut self, assigned: &Assigned, sources: &Sources) -> Result<(), SettingsError> {
        match assigned.setting.subject {
            Subject::Policy(key) => {
                let checked = self.config.set(key, &assigned.value);
                checked.map_err(|_| assigned.out_of_range())?;
                self.policy_here.insert(key, assigned.value.clone());
            }
            Subject::Local(local) => self.local.set(local, assigned, sources)?,
        }
        self.set_here.insert(assigned.setting.name, assigned.place.origin());
        Ok(())
    }

    /// The administrator's pins stand above all others, for the administrator's server.
    fn take_preset_pins(&mut self, sources: &Sources) {
        let Some(preset) = sources.preset.as_ref().filter(|it| !it.server_pins.is_empty()) else {
            return;
        };
        let enrolled = sources.identity.as_ref().map(|identity| &identity.server_url);
        if enrolled.is_none_or(|server| server.origin() == preset.server_url.origin()) {
            self.local.server_pins = preset.server_pins.clone();
            self.set_here.insert("server_pin", Origin::Preset);
        }
    }

    /// Defaults, then the server's values, then those of this device; each of them was
    /// checked when it came in. Of these, what the person agreed to.
    fn compose(&mut self) {
        let mut config = Config::default();
        let here = self.policy_here.iter().map(|(key, value)| (*key, value));
        let server = self.server.settings.iter().map(|(key, value)| (*key, value));
        for (key, value) in server.chain(here) {
            if let Err(refused) = config.set(key, value) {
                tracing::warn!(%refused, "a setting was refused");
            }
        }
        self.config = match &self.consent {
            Some(record) => narrowed(&config, &record.scope),
            None => config.clone(),
        };
        self.asked_for = config;
    }

    /// Whether it is the consent of the person and for the server of this enrollment.
    fn is_theirs(&self, record: &Record, sources: &Sources) -> bool {
        let enrolled = sources.identity.as_ref();
        let server = enrolled.map(|identity| &identity.server_url);
        let username = enrolled.map(|identity| &identity.username);
        match (server.or(self.local.server_url.as_ref()), username.or(self.local.username.as_ref()))
        {
            (Some(server), Some(username)) => record.holds_for(server, username),
            _ => false,
        }
    }
}

fn from_dot_env(
    sources: &Sources,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Assigned>, SettingsError> {
    let mut assigned = Vec::new();
    // An administrator's preset is not to be diverted any more than an enrollment is.
    let is_decided =
        sources.is_enrolled() || sources.preset.is_some() || sources.managed.names("server_url");
    for entry in dot_env::parse(sources.dot_env.as_deref().unwrap_or_default())? {
        let line = entry.line;
        let Some(setting) = Setting::of_variable(&entry.name) else {
            if entry.name.starts_with("DEVPULSE_") {
                warnings.push(Warning::Unknown { line, variable: entry.name });
            }
            continue;
        };
        let Some(variable) = setting.variable.filter(|_| !entry.value.is_empty()) else { continue };
        let variable = variable.name;
        let place = Place::DotEnv { line, variable };
        if is_decided
            && setting.dot_env == DotEnv::UntilEnrolled
            && !sets_home(setting, sources, &entry.value)
        {
            warnings.push(if sources.is_enrolled() {
                Warning::Ignored { line, variable }
            } else {
                Warning::IgnoredByPreset { line, variable }
            });
            continue;
        }
        assigned.push(Assigned::from_text(setting, place, &entry.value)?);
    }
    Ok(assigned)
}

/// Whether the value is the home that was found, which may be enrolled itself.
fn sets_home(setting: &Setting, sources: &Sources, value: &str) -> bool {
    let base = &sources.working_directory;
    setting.subject == Subject::Local(Local::Home)
        && local::resolve(value, base, sources.user_directory.as_deref())
            .is_some_and(|path| path == sources.home.root())
}

fn from_environment(sources: &Sources) -> Result<Vec<Assigned>, SettingsError> {
    let mut assigned = Vec::new();
    for setting in TABLE {
        let Some(variable) = setting.variable else { continue };
        let Some(value) = sources.environment.get(variable.name) else { continue };
        if !value.is_empty() {
            let place = Place::Environment(variable.name);
            assigned.push(Assigned::from_text(setting, place, value)?);
        }
    }
    Ok(assigned)
}

fn from_flags(sources: &Sources) -> Result<Vec<Assigned>, SettingsError> {
    let mut assigned = Vec::new();
    for flag in &sources.flags {
        let Some(setting) = Setting::named(flag.setting) else { continue };
        assigned.push(Assigned::from_text(setting, Place::Flag(flag.flag), &flag.value)?);
    }
    Ok(assigned)
}
