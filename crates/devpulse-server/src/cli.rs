//! The command line: its arguments, and how its failures read.

mod manage;
mod serve;

use std::fmt;
use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use devpulse_server::{ServerError, StoreError};

use self::manage::{ConfigCommand, DeviceCommand, EventsArguments, SecretCommand, UserCommand};
use self::serve::ServeArguments;

/// The DevPulse reference server, not for production: for trying DevPulse out and for tests.
///
/// It takes devices in, gives them their configuration, and stores their events and
/// images in one SQLite file. To begin:
///
///   devpulse-server secret create            prints an enrollment secret
///   devpulse-server serve                    serves http://127.0.0.1:8420
///   devpulse-client enroll --server http://127.0.0.1:8420 --enrollment-secret SECRET
///   devpulse-server events --follow          prints what arrives
///
/// All commands but `serve` work on the database file itself, whether or not a server
/// runs on it. DEVPULSE_LOG sets what is logged to stderr (error, warn, info, debug).
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The database file; made where it does not exist, readable by its owner only.
    #[arg(long, global = true, value_name = "FILE", default_value = "devpulse-server.db")]
    db: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve devices until Ctrl-C or SIGTERM.
    Serve(ServeArguments),
    /// Issue, list and delete enrollment secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// List devices, order one to exchange its key, or end its right to send.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// List people, or decide whether they may enroll devices.
    #[command(subcommand)]
    User(UserCommand),
    /// Print events as they were sent, one JSON object a line, in order of arrival.
    Events(EventsArguments),
    /// Read or replace the configuration that devices get.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Runs one command to its end.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::from_error(&cause, None))?;
    let db = arguments.db;
    runtime.block_on(async {
        match arguments.command {
            Command::Serve(command) => serve::serve(db, command).await,
            Command::Secret(command) => manage::secret(&db, command).await,
            Command::Device(command) => manage::device(&db, command).await,
            Command::User(command) => manage::user(&db, command).await,
            Command::Events(command) => manage::events(&db, command).await,
            Command::Config(command) => manage::config(&db, command).await,
        }
    })
}

/// Why a command failed: one sentence, and what a person can do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>, hint: &str) -> Self {
        Self { sentence: sentence.into(), hint: Some(hint.to_owned()) }
    }

    pub(crate) fn from_error(error: &dyn std::error::Error, hint: Option<&str>) -> Self {
        let mut sentence = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            sentence = format!("{sentence}: {error}");
            cause = error.source();
        }
        Self { sentence, hint: hint.map(str::to_owned) }
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::from_error(&error, error.hint())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        ServerError::from(error).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::from_error(&error, None)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.sentence)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent_and_the_help_says_what_this_is_not_for() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        assert!(help.lines().next().is_some_and(|line| line.contains("not for production")));
    }
}
