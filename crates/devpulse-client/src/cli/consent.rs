//! The arguments of `consent`.

use clap::Args;

/// Show what is captured and what becomes of it, and agree to it
///
/// Prints what is captured now. Where the server asks for more than was agreed to, that
/// waits: both are shown, and --accept puts the new in force. Where nobody has agreed to
/// anything yet, the server's policy holds as it is; --accept records what was shown, and
/// from then on nothing more is captured without being asked for first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client consent
  devpulse-client consent --accept")]
pub(crate) struct Consent {
    /// Agree to what is asked for
    #[arg(long)]
    pub(crate) accept: bool,

    /// With --accept: only if it is this version of the server's settings
    #[arg(long, value_name = "N", requires = "accept")]
    pub(crate) policy_version: Option<i64>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
