//! The one table of all settings. `docs/settings.md` is checked against it.

use devpulse_protocol::{Allowed, Key};

/// One setting, and who may set it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its dotted name, as `config show` prints it and `config.toml` nests it.
    pub name: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// The environment variable that sets it, where there is one.
    pub variable: Option<Variable>,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// Whether `.env` in the working directory may set it.
    pub dot_env: DotEnv,
    /// Whether `config.toml` may set it.
    pub config_toml: bool,
}

/// What a setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// What is captured and how it is batched: the server may set it.
    Policy(Key),
    /// This device: the server has no say.
    Local(Local),
}

/// Settings of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described in the table below")]
pub enum Local {
    ServerUrl,
    Username,
    ClientId,
    ApiKey,
    Home,
    WalDbPath,
    ScreenshotDir,
    SecretStore,
    CaCert,
    ServerPin,
    ClientCert,
    ClientKey,
    AllowHttp,
    Proxy,
    NoProxy,
    Log,
    Receipt,
    GrpcFallback,
    QuitAllowed,
}

/// An environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// How its number relates to the setting's.
    pub unit: Unit,
}

/// How the number in an environment variable relates to the setting's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// It is the same, or there is no number.
    Same,
    /// The setting is in milliseconds, the variable in seconds.
    SecondsForMillis,
}

/// Whether `.env` in the working directory may set a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DotEnv {
    /// At any time.
    Always,
    /// Only before enrollment, because a hostile folder must not divert a key.
    UntilEnrolled,
}

impl Setting {
    /// The setting with this dotted name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.name == name)
    }

    /// The setting that this environment variable sets.
    #[must_use]
    pub fn of_variable(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|setting| setting.variable.is_some_and(|variable| variable.name == name))
    }

    /// Whether the server may set it.
    #[must_use]
    pub const fn server_may_set(&self) -> bool {
        matches!(self.subject, Subject::Policy(_))
    }

    /// Whether the administrator's policy may set it. It is one for everybody on the
    /// computer, so it does not say who somebody is, nor where they keep what is theirs.
    #[must_use]
    pub const fn may_be_managed(&self) -> bool {
        !matches!(
            self.subject,
            Subject::Local(Local::Username | Local::ClientId | Local::ApiKey | Local::Home)
        )
    }

    /// Whether its value is never shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.subject, Subject::Local(Local::ApiKey))
    }

    /// What it allows, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.subject {
            Subject::Policy(key) => key.allowed().to_string(),
            Subject::Local(local) => local.allowed().to_owned(),
        }
    }

    /// What its environment variable or flag allows, in words and in its own unit.
    #[must_use]
    pub fn allowed_as_text(&self, unit: Unit) -> String {
        match (self.subject, unit) {
            (Subject::Policy(key), Unit::SecondsForMillis) => match key.allowed() {
                Allowed::Integer { min, max } | Allowed::ZeroOr { min, max } => format!(
                    "a number of seconds from {} to {}",
                    min as f64 / 1000.0,
                    max as f64 / 1000.0
                ),
                other => other.to_string(),
            },
            _ => self.allowed(),
        }
    }
}

impl Local {
    /// What it allows, in words.
    #[must_use]
    pub const fn allowed(self) -> &'static str {
        match self {
            Self::ServerUrl => "an https or grpcs URL (http or grpc to this machine only)",
            Self::Username | Self::ClientId | Self::ApiKey => {
                "text of 1 to 1024 characters without control characters"
            }
            Self::Home
            | Self::WalDbPath
            | Self::ScreenshotDir
            | Self::CaCert
            | Self::ClientCert
            | Self::ClientKey => "a path",
            Self::ServerPin => crate::pin::KeyPins::ALLOWED,
            Self::NoProxy => "names, addresses and networks with commas in between, or *",
            Self::SecretStore => "one of auto, keyring, file",
            Self::AllowHttp | Self::QuitAllowed => "true or false",
            Self::Proxy => crate::origin::ProxyUrl::ALLOWED,
            Self::Log => {
                "one of off, error, warn, info, debug, trace, or a list such as \
                 info,devpulse_agent=debug"
            }
            Self::Receipt => "one of receipt, status",
            Self::GrpcFallback => "one of off, https",
        }
    }
}

const fn local(
    local: Local,
    name: &'static str,
    variable: Option<&'static str>,
    dot_env: DotEnv,
    config_toml: bool,
    description: &'static str,
) -> Setting {
    let variable = match variable {
        Some(name) => Some(Variable { name, unit: Unit::Same }),
        None => None,
    };
    Setting { name, subject: Subject::Local(local), variable, description, dot_env, config_toml }
}

const fn policy(key: Key, variable: Option<Variable>, description: &'static str) -> Setting {
    Setting {
        name: key.name(),
        subject: Subject::Policy(key),
        variable,
        description,
        dot_env: DotEnv::Always,
        config_toml: true,
    }
}

const fn same(name: &'static str) -> Option<Variable> {
    Some(Variable { name, unit: Unit::Same })
}

const fn seconds(name: &'static str) -> Option<Variable> {
    Some(Variable { name, unit: Unit::SecondsForMillis })
}

use DotEnv::{Always, UntilEnrolled};

/// Every setting, in the order in which people read them.
pub const TABLE: &[Setting] = &[
    local(
        Local::ServerUrl,
        "server_url",
        Some("DEVPULSE_SERVER_URL"),
        UntilEnrolled,
        true,
        "The organisation's server; by default the one that this device is enrolled at.",
    ),
    local(
        Local::Username,
        "username",
        Some("DEVPULSE_USERNAME"),
        Always,
        true,
        "Who works on this device; by default the enrolled person, before that the login name.",
    ),
    local(
        Local::ClientId,
        "client_id",
        Some("DEVPULSE_CLIENT_ID"),
        UntilEnrolled,
        false,
        "The device's id; by default the one that the server issued. Together with \
         DEVPULSE_API_KEY and DEVPULSE_SERVER_URL it stands in for an enrollment.",
    ),
    local(
        Local::ApiKey,
        "api_key",
        Some("DEVPULSE_API_KEY"),
        UntilEnrolled,
        false,
        "The device's key, where no enrollment keeps one. It is never shown.",
    ),
    local(
        Local::Home,
        "home",
        Some("DEVPULSE_HOME"),
        UntilEnrolled,
        false,
        "The agent's own directory; by default .devpulse in the user's directory.",
    ),
    local(
        Local::WalDbPath,
        "wal_db_path",
        Some("DEVPULSE_WAL_DB_PATH"),
        Always,
        true,
        "The database of events; by default wal.db in the home.",
    ),
    local(
        Local::ScreenshotDir,
        "screenshot_dir",
        Some("DEVPULSE_SCREENSHOT_DIR"),
        Always,
        true,
        "Where images lie until they are sent; by default blobs in the home.",
    ),
    local(
        Local::SecretStore,
        "secret_store",
        Some("DEVPULSE_SECRET_STORE"),
        Always,
        true,
        "Where enrolling puts the key: the system's keychain, the credentials file, or the \
         keychain where one answers.",
    ),
    local(
        Local::CaCert,
        "ca_cert",
        Some("DEVPULSE_CA_CERT"),
        UntilEnrolled,
        true,
        "A PEM file of certificates that are trusted besides the system's.",
    ),
    local(
        Local::ServerPin,
        "server_pin",
        Some("DEVPULSE_SERVER_PIN"),
        UntilEnrolled,
        true,
        "The keys of which the server has to have one, besides a certificate that is trusted; by \
         default any.",
    ),
    local(
        Local::ClientCert,
        "client_cert",
        Some("DEVPULSE_CLIENT_CERT"),
        UntilEnrolled,
        true,
        "A PEM file of the certificate with which this device proves itself to the server.",
    ),
    local(
        Local::ClientKey,
        "client_key",
        Some("DEVPULSE_CLIENT_KEY"),
        UntilEnrolled,
        true,
        "A PEM file of that certificate's key, which only you can read; by default the \
         certificate's file.",
    ),
    local(
        Local::AllowHttp,
        "allow_http",
        Some("DEVPULSE_ALLOW_HTTP"),
        UntilEnrolled,
        true,
        "Whether an http or grpc server may be on another machine, which anybody in between can \
         read.",
    ),
    local(
        Local::Proxy,
        "proxy",
        Some("DEVPULSE_PROXY"),
        UntilEnrolled,
        true,
        "The proxy on the way to the server; by default what HTTPS_PROXY or ALL_PROXY says.",
    ),
    local(
        Local::NoProxy,
        "no_proxy",
        Some("DEVPULSE_NO_PROXY"),
        UntilEnrolled,
        true,
        "The servers that are reached without a proxy; by default what NO_PROXY says.",
    ),
    local(Local::Log, "log", Some("DEVPULSE_LOG"), Always, true, "How much is logged."),
    local(
        Local::Receipt,
        "sender.receipt",
        None,
        Always,
        true,
        "What acknowledges a batch: a receipt that adds up, or any 2xx from a server that cannot \
         give one.",
    ),
    local(
        Local::GrpcFallback,
        "sender.grpc_fallback",
        None,
        Always,
        true,
        "What follows where a gRPC server says that it has no such method: delivery is blocked, \
         or the same host and port is spoken to in HTTPS (HTTP where it is grpc://).",
    ),
    local(
        Local::QuitAllowed,
        "app.quit_allowed",
        None,
        Always,
        false,
        "Whether the person may end the tray app from its menu and its window.",
    ),
    policy(
        Key::HeartbeatInterval,
        same("DEVPULSE_HEARTBEAT_INTERVAL"),
        "Seconds between heartbeats.",
    ),
    policy(
        Key::IdleThreshold,
        same("DEVPULSE_IDLE_THRESHOLD"),
        "Seconds without input after which the person is inactive.",
    ),
    policy(
        Key::IdleInhibitors,
        None,
        "Whether a program that keeps the screen awake keeps the person active.",
    ),
    policy(Key::ConfigPoll, None, "Seconds between looks at the server's configuration."),
    policy(
        Key::BatchMaxEvents,
        same("DEVPULSE_BATCH_MAX_SIZE"),
        "A batch is sent when it holds so many events,",
    ),
    policy(Key::BatchMaxBytes, None, "or so many bytes,"),
    policy(
        Key::BatchMaxInterval,
        seconds("DEVPULSE_BATCH_MAX_AGE"),
        "or when its oldest event is so many milliseconds old (the variable: seconds).",
    ),
    policy(Key::ScreenshotEnabled, None, "Whether screens may be captured at all."),
    policy(
        Key::ScreenshotInterval,
        same("DEVPULSE_SCREENSHOT_INTERVAL"),
        "Seconds between periodic captures; 0 is off.",
    ),
    policy(Key::ScreenshotJitter, None, "Part of the interval by which it varies at random."),
    policy(Key::ScreenshotMaxWidth, None, "Wider images are scaled down to so many pixels."),
    policy(Key::ScreenshotFormat, None, "Format of the images."),
    policy(Key::ScreenshotQuality, None, "Quality of the images, where the format is lossy."),
    policy(Key::ScreenshotTriggers, None, "What causes a capture."),
    policy(Key::ScreenshotMask, None, "How windows are hidden that must not be seen."),
    policy(Key::WindowEnabled, None, "Whether windows are reported at all."),
    policy(Key::WindowMinDuration, None, "Shorter stays, in seconds, are not reported."),
    policy(Key::WindowTitlePolicy, None, "What is left of window titles."),
    policy(
        Key::WindowRules,
        None,
        "Exceptions by application and title; the first that matches holds.",
    ),
    policy(
        Key::WindowBuiltinRules,
        None,
        "Whether the built-in rules for private browsing and password managers follow them.",
    ),
    policy(Key::PauseAllowed, None, "Whether the person may pause capture."),
    policy(Key::PauseMaxMinutes, None, "For how many minutes at most."),
    policy(
        Key::LimitsMaxDiskMb,
        None,
        "Megabytes (of 1,048,576 bytes) that events and images may take on this device.",
    ),
    policy(
        Key::LimitsHistoryHours,
        None,
        "For how many hours delivered events stay readable here.",
    ),
];
