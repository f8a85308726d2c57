//! The arguments of `doctor` and of `rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Check what works on this device, and say what to do about the rest
///
/// Looks at the agent, the settings, the key, the keychain, the server with its certificate,
/// proxy and clock, the disk, the event log, and what each signal is served by. Changes
/// nothing, with or without an agent. Exits 1 where a check failed, 0 otherwise.
///
/// With --bundle, writes what somebody needs who is asked for help into one archive (tar.gz):
/// versions, settings, states, counters, recent logs. No titles, no secrets, no names of
/// people. What is in it is listed before it is written, and at a terminal you are asked.
///
/// With --install-gnome-extension, installs a small extension of GNOME Shell for you alone, in
/// your home, and switches it on: without it GNOME on Wayland tells no program which window
/// has the focus.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client doctor
  devpulse-client doctor --json | jq '.checks[] | select(.state != \"ok\")'
  devpulse-client doctor --bundle diagnostics.tar.gz")]
pub(crate) struct Doctor {
    /// Print one JSON object {"version", "checks": [{"name", "state", "detail", "remedy"}]}
    #[arg(long)]
    pub(crate) json: bool,

    /// Write an archive for whoever helps, in place of the report
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) bundle: Option<PathBuf>,

    /// Write it without asking
    #[arg(long, requires = "bundle")]
    pub(crate) yes: bool,

    /// Install the extension of GNOME Shell that tells of the focus, in place of the report
    #[cfg(target_os = "linux")]
    #[arg(long, conflicts_with_all = ["json", "bundle"])]
    pub(crate) install_gnome_extension: bool,
}

/// See what the rules for windows do
#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    Test(RulesTest),
}

/// Say what is reported of each window that is open now, and by which rule
///
/// Shows titles to you alone: nothing is captured, stored or sent. With --app or --title,
/// says it of a window that you describe, which needs no desktop.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client rules test
  devpulse-client rules test --app firefox --title 'Jobs — Mozilla Firefox Private Browsing'")]
pub(crate) struct RulesTest {
    /// The application's name, as events bear it in app_name
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) app: Option<String>,

    /// The window's title
    #[arg(long, value_name = "TITLE", allow_hyphen_values = true)]
    pub(crate) title: Option<String>,
}
