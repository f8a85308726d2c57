//! The arguments, and the help that a person learns the program from.

mod capture;
mod consent;
mod diagnosis;
mod proxy;
mod unenroll;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use devpulse_protocol::EventId;
use serde_json::value::RawValue;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
pub(crate) use capture::{Pause, Resume, Screenshot};
pub(crate) use consent::Consent;
pub(crate) use diagnosis::{Doctor, Rules, RulesTest};
pub(crate) use proxy::{Proxy, ProxyLogin};
pub(crate) use unenroll::Unenroll;

const AFTER_HELP: &str = "\
A first day:
  devpulse-client enroll --username anna --server https://devpulse.example.com \\
                         --enrollment-secret-file secret.txt
  devpulse-client run                 the agent, until Ctrl-C
  devpulse-client status              what it does (in another terminal)
  devpulse-client events --pending    what it is about to send, exactly as it is sent

Exit codes:
  0 done              3 not enrolled                6 no agent is running
  1 failed            4 server unreachable          7 timed out with events pending
  2 usage             5 refused by the server

Everything that is kept on this device lies in DEVPULSE_HOME (~/.devpulse).";

/// DevPulse notices what a person works on, keeps it safe on this device and delivers it
/// to the organisation's server, each event once.
#[derive(Debug, Parser)]
#[command(name = "devpulse-client", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// The agent's own directory, in place of DEVPULSE_HOME
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) home: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enroll(Enroll),
    Run(Run),
    Status(Status),
    Sync(Sync),
    Pause(Pause),
    Resume(Resume),
    Screenshot(Screenshot),
    Emit(Emit),
    Events(Events),
    Doctor(Doctor),
    Consent(Consent),
    #[command(subcommand)]
    Rules(Rules),
    #[command(subcommand)]
    Proxy(Proxy),
    #[command(subcommand)]
    Config(Config),
    Completions(Completions),
    #[command(hide = true)]
    Manual(Manual),
    Unenroll(Unenroll),
}

/// Take this device in at the organisation's server
///
/// Checks that the server can be reached, enrolls with the secret that an administrator
/// issued, and stores the key that the server gives: in the system's keychain where one
/// answers, else in a file that only you can read. Nothing is captured before that.
///
/// Where the administrator of this computer has left a preset, its server and its secret
/// are taken, and no other server is.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("secret").args(["enrollment_secret", "enrollment_secret_file"]),
    after_help = "\
Examples:
  devpulse-client enroll --server https://devpulse.example.com --enrollment-secret-file secret.txt
  pass show devpulse | devpulse-client enroll --username anna \\
      --server https://devpulse.example.com --enrollment-secret-file -"
)]
pub(crate) struct Enroll {
    /// Who works on this device [default: the login name]
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,

    /// The organisation's server, such as https://devpulse.example.com
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// The secret itself; other users can see it in the list of processes, so prefer the file
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub(crate) enrollment_secret: Option<String>,

    /// A file that holds the secret, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) enrollment_secret_file: Option<PathBuf>,

    /// The device's name at the server [default: this computer's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,

    /// Replace the enrollment that is there; what waits for another server or person is
    /// sent there first, and where that fails nothing is changed
    #[arg(long)]
    pub(crate) force: bool,

    /// Discard what waits for another server or person, in place of sending it, or what
    /// waits and cannot be read because its key is lost
    #[arg(long)]
    pub(crate) discard: bool,
}

/// Run the agent in the foreground
///
/// It captures and delivers until Ctrl-C, SIGTERM or logout, and needs no display: what
/// cannot be captured here is reported as unavailable. One agent runs on a home; a
/// second one refuses and names the first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client run
  DEVPULSE_LOG=debug devpulse-client run
  devpulse-client run --server https://devpulse.example.com")]
pub(crate) struct Run {
    /// The server; it has to be the one that this device is enrolled at
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
}

/// Show what the agent does
///
/// Asks the running agent. Where none runs, reads its files without changing them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client status
  devpulse-client status --watch
  devpulse-client status --json | jq .pipeline.pending
  devpulse-client status --prometheus > devpulse.prom")]
pub(crate) struct Status {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Show it anew every second, until Ctrl-C; with --json, one object a line
    #[arg(long)]
    pub(crate) watch: bool,

    /// Print the figures in Prometheus's text format
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    pub(crate) prometheus: bool,
}

/// Send everything that is pending, now
///
/// Through the running agent, or by itself where none runs. Every wait ends for one try
/// at once. Exits 0 when nothing is pending any more, 7 when the time was over before,
/// and then says what stood in the way.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client sync
  devpulse-client sync --timeout 300 && systemctl poweroff")]
pub(crate) struct Sync {
    /// Seconds to keep trying
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
}

/// Hand a custom event to the running agent
///
/// Prints the event's id once the event is safe on the disk, not before. With --stdin,
/// reads one JSON object {"name": ..., "data": ...} a line and prints the ids in the
/// order of the lines, each as soon as its event is safe.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("source").required(true).args(["name", "stdin"]),
    after_help = "\
Examples:
  devpulse-client emit deploy --data '{\"version\": \"1.4.2\", \"ok\": true}'
  tail -f builds.jsonl | devpulse-client emit --stdin"
)]
pub(crate) struct Emit {
    /// What kind of thing happened, in your words; at most 256 bytes
    pub(crate) name: Option<String>,

    /// Any JSON of at most 64 KiB [default: null]
    #[arg(long, value_name = "JSON", value_parser = json, conflicts_with = "stdin")]
    pub(crate) data: Option<Box<RawValue>>,

    /// Read events from standard input, one JSON object a line
    #[arg(long)]
    pub(crate) stdin: bool,
}

/// List events: what waits, what was delivered, what the server refused
///
/// Asks the running agent, or reads its files where none runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client events                      what waits to be sent
  devpulse-client events --sent --limit 20    the last that were delivered
  devpulse-client events --dead --json | jq .reason
  devpulse-client events --replay all         another try for what was refused")]
pub(crate) struct Events {
    /// Those that wait to be sent, oldest first (this is the default)
    #[arg(long, group = "which")]
    pub(crate) pending: bool,

    /// Those that were delivered and are still kept, newest last
    #[arg(long, group = "which")]
    pub(crate) sent: bool,

    /// Those that the server refused for good, with the reason
    #[arg(long, group = "which")]
    pub(crate) dead: bool,

    /// How many at most: the newest of those delivered, the oldest of the others
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,

    /// Put a refused event, by its event_id, or all of them back among those that wait
    #[arg(long, value_name = "ID|all", group = "which", conflicts_with_all = ["limit", "json"])]
    pub(crate) replay: Option<Replay>,

    /// One event a line, exactly as it is sent; with --dead, the fields reason, status
    /// and died_at are added (an own reason of the event is then its gap_reason)
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which dead letters are put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// All there are.
    All,
    /// This one.
    One(EventId),
}

impl FromStr for Replay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse().map(Self::One).map_err(|_| "an event_id or \"all\" is expected")
    }
}

/// Look at the settings
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    Show(ConfigShow),
}

/// Print every setting with its value and where the value comes from
///
/// Sources, highest first: the administrator's policy, a flag, the environment, .env in the working directory,
/// config.toml in the home, the server, the built-in default. Fails where a setting is
/// not valid, and names it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client config show
  DEVPULSE_BATCH_MAX_SIZE=10 devpulse-client config show | grep batch")]
pub(crate) struct ConfigShow {
    /// Print one JSON array of {"name", "value", "origin", "variable"}
    #[arg(long)]
    pub(crate) json: bool,

    /// Show the settings as they would be with this server
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client completions bash > ~/.local/share/bash-completion/completions/devpulse-client
  devpulse-client completions fish > ~/.config/fish/completions/devpulse-client.fish")]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Write the manual's pages into a folder, for those who make packages
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// The folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Arguments that ask for nothing that can be done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Help or the version was asked for.
    Help(clap::Error),
    /// No command was named.
    Nothing,
    /// They make no sense.
    Usage(Failure),
}

impl Cli {
    /// Reads the process's arguments.
    pub(crate) fn from_arguments() -> Result<Self, Refused> {
        Self::read(&std::env::args_os().collect::<Vec<_>>())
    }

    fn read(arguments: &[OsString]) -> Result<Self, Refused> {
        Self::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refused::Help(error),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Refused::Nothing,
            _ => Refused::Usage(usage(&error.to_string(), arguments)),
        })
    }
}

impl Refused {
    /// Tells the person, and says how the program ends.
    pub(crate) fn report(&self) -> Exit {
        match self {
            Self::Help(help) => {
                let mut output = Output::stdout();
                let text = if Output::is_terminal() {
                    help.render().ansi().to_string()
                } else {
                    help.render().to_string()
                };
                match output.text(&text).and_then(|()| output.flush()) {
                    Ok(()) => Exit::Done,
                    Err(error) => Failure::from(error).report(),
                }
            }
            Self::Nothing => {
                output::note(&Cli::command().render_help().to_string());
                Exit::Usage
            }
            Self::Usage(failure) => failure.report(),
        }
    }
}

/// Words what the parser said as every other error is worded.
fn usage(parser_says: &str, arguments: &[OsString]) -> Failure {
    let mut lines = parser_says.lines().map(str::trim);
    let cause: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let cause = cause.join(" ");
    let tip = lines.find_map(|line| line.strip_prefix("tip: ")).map(ToOwned::to_owned);
    let hint = tip.unwrap_or_else(|| format!("see: {} --help", called(arguments)));
    Failure::new(Exit::Usage, cause.strip_prefix("error: ").unwrap_or(&cause)).with_hint(hint)
}

/// The program and the command that the arguments name.
fn called(arguments: &[OsString]) -> String {
    let mut command = Cli::command();
    let mut words = vec![command.get_name().to_owned()];
    for argument in arguments.iter().skip(1) {
        let Some(inner) = command.find_subcommand(argument).cloned() else { continue };
        words.push(inner.get_name().to_owned());
        command = inner;
    }
    words.join(" ")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is expected".to_owned())?;
    let is_sensible = (0.0..=86_400.0).contains(&seconds);
    let duration = is_sensible.then(|| Duration::from_secs_f64(seconds));
    duration.ok_or_else(|| "from 0 to 86400 seconds are allowed".to_owned())
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str(text).map_err(|fault| format!("it is not JSON: {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_contradict_neither_themselves_nor_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_of_every_command_is_documented() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let name = argument.get_id();
                assert!(argument.get_help().is_some(), "{} {name}", command.get_name());
            }
            for inner in command.get_subcommands() {
                check(inner);
            }
        }
        check(&Cli::command());
    }

    #[test]
    fn a_usage_error_is_one_sentence_and_a_hint() {
        let refused = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            match Cli::read(&arguments) {
                Err(Refused::Usage(failure)) => failure.to_string(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            refused(&["devpulse-client", "emit"]),
            "error: the following required arguments were not provided: <NAME|--stdin>\n\
             hint: see: devpulse-client emit --help"
        );
        assert_eq!(
            refused(&["devpulse-client", "statuss"]),
            "error: unrecognized subcommand 'statuss'\nhint: a similar subcommand exists: 'status'"
        );
        assert_eq!(
            refused(&["devpulse-client", "sync", "--timeout", "-1"]),
            "error: invalid value '-1' for '--timeout <SECONDS>': from 0 to 86400 seconds are \
             allowed\nhint: see: devpulse-client sync --help"
        );
    }
}
