//! The arguments of what steers capture.

use clap::Args;

/// Pause capture for a while
///
/// Nothing is captured until the pause ends: no windows, no activity, no screenshots, no
/// custom events; heartbeats go on, and what was captured before is delivered. Needs the
/// running agent, and a policy that allows it. The organisation sees that you paused, for
/// how long, and the reason where you give one. The pause outlasts a restart.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client pause
  devpulse-client pause --minutes 30 --reason \"private call\"
  devpulse-client resume")]
pub(crate) struct Pause {
    /// For how many minutes [default: the most that the policy allows]
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub(crate) minutes: Option<u32>,

    /// Why, in your words; it is sent to the organisation's server
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// End a pause: capture goes on
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client resume")]
pub(crate) struct Resume {}

/// Capture every monitor now
///
/// Through the running agent, where the policy allows screenshots. What the policy hides
/// is hidden. Prints a line for each monitor.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client screenshot
  devpulse-client screenshot --json | jq -r .screenshot_hash")]
pub(crate) struct Screenshot {
    /// One JSON object a line, with the fields of a screenshot event
    #[arg(long)]
    pub(crate) json: bool,
}
