//! Where a value comes from.

use std::fmt;

/// Which source a value comes from, highest precedence first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The administrator's policy.
    Managed,
    /// A command-line flag.
    Flag,
    /// This environment variable.
    Environment(&'static str),
    /// `.env` in the working directory.
    DotEnv,
    /// `config.toml` in the home.
    ConfigToml,
    /// The server's configuration.
    Server,
    /// What the person agreed to, which is less than is asked for.
    Consent,
    /// The administrator's preset.
    Preset,
    /// Built in, or given by the enrollment.
    Default,
}

/// Which source a value comes from, to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This setting of the administrator's policy, at this line where that is a file.
    Managed {
        /// The line, counted from 1.
        line: Option<usize>,
        /// The setting's dotted name.
        name: &'static str,
    },
    /// This flag.
    Flag(&'static str),
    /// This environment variable.
    Environment(&'static str),
    /// This variable at this line of `.env`, counted from 1.
    DotEnv {
        /// The line.
        line: usize,
        /// The variable.
        variable: &'static str,
    },
    /// This setting at this line of `config.toml`, counted from 1.
    ConfigToml {
        /// The line.
        line: usize,
        /// The setting's dotted name.
        name: &'static str,
    },
}

impl Place {
    /// The source of the place.
    #[must_use]
    pub const fn origin(self) -> Origin {
        match self {
            Self::Managed { .. } => Origin::Managed,
            Self::Flag(_) => Origin::Flag,
            Self::Environment(variable) => Origin::Environment(variable),
            Self::DotEnv { .. } => Origin::DotEnv,
            Self::ConfigToml { .. } => Origin::ConfigToml,
        }
    }
}

impl Origin {
    /// The origin's name, without the variable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Flag => "flag",
            Self::Environment(_) => "environment",
            Self::DotEnv => ".env",
            Self::ConfigToml => "config.toml",
            Self::Server => "server",
            Self::Consent => "consent",
            Self::Preset => "preset",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "environment ({variable})"),
            other => f.write_str(other.as_str()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed { line: Some(line), name } => {
                write!(f, "{name} in the administrator's policy line {line}")
            }
            Self::Managed { line: None, name } => write!(f, "{name} in the administrator's policy"),
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
            Self::DotEnv { line, variable } => write!(f, "{variable} in .env line {line}"),
            Self::ConfigToml { line, name } => write!(f, "{name} in config.toml line {line}"),
        }
    }
}
