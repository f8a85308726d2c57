//! The settings of this device, typed and checked.

use std::path::{Path, PathBuf};

use devpulse_pipeline::ReceiptMode;
use devpulse_protocol::{ApiKey, DeviceId, Username};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::table::Local;
use super::value::Assigned;
use super::{Place, SettingsError, Sources};
use crate::administrator;
use crate::home::Home;
use crate::logging::LogFilter;
use crate::origin::{PlainHttp, ProxyUrl, ServerUrl, ServerUrlError};
use crate::pin::KeyPins;

const LONGEST_NAME: usize = 1024;

/// The settings of this device.
#[derive(Clone, Debug)]
pub struct LocalSettings {
    /// The organisation's server, where one is known.
    pub server_url: Option<ServerUrl>,
    /// Who works on this device.
    pub username: Option<Username>,
    /// The device's id, where one is known.
    pub client_id: Option<DeviceId>,
    /// The device's key, where a flag or a variable gives it.
    pub api_key: Option<ApiKey>,
    /// The agent's own directory.
    pub home: Home,
    /// The database of events.
    pub wal_db_path: PathBuf,
    /// Where images lie until they are sent.
    pub screenshot_dir: PathBuf,
    /// Where enrolling puts the key.
    pub secret_store: SecretStoreChoice,
    /// A PEM file of certificates that are trusted besides the system's.
    pub ca_cert: Option<PathBuf>,
    /// The keys of which the server has to have one.
    pub server_pins: KeyPins,
    /// A PEM file of the certificate with which the device proves itself.
    pub client_cert: Option<PathBuf>,
    /// A PEM file of its key, where it is another one.
    pub client_key: Option<PathBuf>,
    /// Whether an `http` server may be on another machine.
    pub plain_http: PlainHttp,
    /// The proxy, where one is set here and not by the usual variables.
    pub proxy: Option<ProxyUrl>,
    /// Which servers are reached without one, where that is set here and not by the usual
    /// variable.
    pub no_proxy: Option<String>,
    /// How much is logged.
    pub log: LogFilter,
    /// What acknowledges a batch.
    pub receipt: ReceiptMode,
    /// What follows where a gRPC server lacks a method.
    pub grpc_fallback: GrpcFallback,
    /// Whether the person may end the tray app.
    pub quit: QuitPermission,
}

/// Whether the person may end the tray app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuitPermission {
    /// From its menu and its window.
    #[default]
    Granted,
    /// It ends with the session only.
    Withheld,
}

/// What follows where a gRPC server says that it has no such method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GrpcFallback {
    /// Delivery is blocked.
    #[default]
    Off,
    /// The same host and port is spoken to in HTTPS; in HTTP where gRPC went in the clear.
    Https,
}

/// Where enrolling puts the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretStoreChoice {
    /// In the keychain where one answers, else in the credentials file.
    #[default]
    Auto,
    /// In the keychain, or enrolling fails.
    Keyring,
    /// In the credentials file.
    File,
}

impl LocalSettings {
    /// What holds where nothing is set.
    pub(super) fn defaults(sources: &Sources) -> Self {
        let identity = sources.identity.as_ref();
        let login_name = || sources.login_name.clone().map(Username::new);
        Self {
            server_url: identity
                .map(|identity| identity.server_url.clone())
                .or_else(|| sources.preset.as_ref().map(|preset| preset.server_url.clone())),
            username: identity.map(|identity| identity.username.clone()).or_else(login_name),
            client_id: identity.map(|identity| identity.device_id.clone()),
            api_key: None,
            home: sources.home.clone(),
            wal_db_path: sources.home.default_wal_db(),
            screenshot_dir: sources.home.default_blobs(),
            secret_store: SecretStoreChoice::Auto,
            ca_cert: None,
            server_pins: KeyPins::default(),
            client_cert: None,
            client_key: None,
            plain_http: PlainHttp::LoopbackOnly,
            proxy: None,
            no_proxy: None,
            log: LogFilter::default(),
            receipt: ReceiptMode::Receipt,
            grpc_fallback: GrpcFallback::Off,
            quit: QuitPermission::Granted,
        }
    }

    /// Takes a value; `allow_http` has to come before `server_url`.
    pub(super) fn set(
        &mut self,
        local: Local,
        assigned: &Assigned,
        sources: &Sources,
    ) -> Result<(), SettingsError> {
        if local == Local::ServerUrl {
            self.server_url = Some(self.server_url(assigned)?);
            return Ok(());
        }
        self.try_set(local, assigned, sources).ok_or_else(|| assigned.refused(local.allowed()))
    }

    /// The value as JSON; whether there is a key, but not which.
    pub(super) fn get(&self, local: Local) -> Value {
        match local {
            Local::ServerUrl => json!(self.server_url.as_ref().map(ServerUrl::as_str)),
            Local::Username => json!(self.username),
            Local::ClientId => json!(self.client_id),
            Local::ApiKey => json!(self.api_key.as_ref().map(|_| "(set)")),
            Local::Home => json!(self.home.root().to_string_lossy()),
            Local::WalDbPath => json!(self.wal_db_path.to_string_lossy()),
            Local::ScreenshotDir => json!(self.screenshot_dir.to_string_lossy()),
            Local::SecretStore => json!(self.secret_store),
            Local::CaCert => shown(self.ca_cert.as_deref()),
            Local::ServerPin => self.server_pins.to_json(),
            Local::ClientCert => shown(self.client_cert.as_deref()),
            Local::ClientKey => shown(self.client_key.as_deref()),
            Local::AllowHttp => json!(self.plain_http == PlainHttp::Anywhere),
            Local::Proxy => json!(self.proxy.as_ref().map(ToString::to_string)),
            Local::NoProxy => json!(self.no_proxy),
            Local::Log => json!(self.log.as_str()),
            Local::Receipt => json!(match self.receipt {
                ReceiptMode::Receipt => "receipt",
                ReceiptMode::Status => "status",
            }),
            Local::GrpcFallback => json!(self.grpc_fallback),
            Local::QuitAllowed => json!(self.quit == QuitPermission::Granted),
        }
    }

    fn server_url(&self, assigned: &Assigned) -> Result<ServerUrl, SettingsError> {
        let text = assigned.value.as_str();
        let text = text.ok_or_else(|| assigned.refused(Local::ServerUrl.allowed()))?;
        ServerUrl::parse(text, self.plain_http).map_err(|fault| {
            let mut refused = assigned.refused(fault.to_string());
            if let SettingsError::Invalid { hint, .. } = &mut refused {
                *hint = match fault {
                    ServerUrlError::PlainHttp => Some(
                        "use https; or, where everybody in the network is trusted, set \
                         DEVPULSE_ALLOW_HTTP=1",
                    ),
                    ServerUrlError::PlainGrpc => Some(
                        "use grpcs; or, where everybody in the network is trusted, set \
                         DEVPULSE_ALLOW_HTTP=1",
                    ),
                    _ => None,
                };
            }
            refused
        })
    }

    fn try_set(&mut self, local: Local, assigned: &Assigned, sources: &Sources) -> Option<()> {
        let text = assigned.value.as_str();
        match local {
            Local::ServerUrl => {}
            Local::Username => self.username = Some(Username::new(name(text?)?)),
            Local::ClientId => self.client_id = Some(DeviceId::new(name(text?)?)),
            Local::ApiKey => self.api_key = Some(ApiKey::new(name(text?)?)),
            Local::Home => {
                path(assigned, sources)?;
            }
            Local::WalDbPath => self.wal_db_path = path(assigned, sources)?,
            Local::ScreenshotDir => self.screenshot_dir = path(assigned, sources)?,
            Local::CaCert => self.ca_cert = Some(path(assigned, sources)?),
            Local::ServerPin => self.server_pins = KeyPins::parse(&assigned.value)?,
            Local::ClientCert => self.client_cert = Some(path(assigned, sources)?),
            Local::ClientKey => self.client_key = Some(path(assigned, sources)?),
            Local::SecretStore => {
                self.secret_store = SecretStoreChoice::deserialize(&assigned.value).ok()?;
            }
            Local::AllowHttp => {
                self.plain_http = if assigned.value.as_bool()? {
                    PlainHttp::Anywhere
                } else {
                    PlainHttp::LoopbackOnly
                };
            }
            Local::Proxy => self.proxy = Some(ProxyUrl::parse(text?)?),
            Local::NoProxy => self.no_proxy = Some(name(text?)?.to_owned()),
            Local::Log => self.log = LogFilter::parse(text?)?,
            Local::Receipt => {
                self.receipt = match text? {
                    "receipt" => ReceiptMode::Receipt,
                    "status" => ReceiptMode::Status,
                    _ => return None,
                };
            }
            Local::GrpcFallback => {
                self.grpc_fallback = GrpcFallback::deserialize(&assigned.value).ok()?;
            }
            Local::QuitAllowed => {
                self.quit = if assigned.value.as_bool()? {
                    QuitPermission::Granted
                } else {
                    QuitPermission::Withheld
                };
            }
        }
        Some(())
    }
}

/// A path relative to the directory in which it was written: that of `config.toml`,
/// or the working directory. `~/` is the user's own directory.
pub(super) fn resolve(text: &str, base: &Path, user_directory: Option<&Path>) -> Option<PathBuf> {
    if text.is_empty() || text.contains('\0') {
        return None;
    }
    match (text.strip_prefix("~/"), user_directory) {
        (Some(rest), Some(user_directory)) => Some(user_directory.join(rest)),
        _ => Some(base.join(text)),
    }
}

fn path(assigned: &Assigned, sources: &Sources) -> Option<PathBuf> {
    let base = match assigned.place {
        Place::ConfigToml { .. } => sources.home.root(),
        Place::Managed { .. } => administrator::directory(),
        Place::Flag(_) | Place::Environment(_) | Place::DotEnv { .. } => &sources.working_directory,
    };
    resolve(assigned.value.as_str()?, base, sources.user_directory.as_deref())
}

fn shown(path: Option<&Path>) -> Value {
    json!(path.map(Path::to_string_lossy))
}

fn name(text: &str) -> Option<&str> {
    let fits = !text.is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text.chars().any(char::is_control);
    fits.then_some(text)
}
