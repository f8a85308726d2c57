//! The arguments of `unenroll`.

use clap::Args;

/// End this device's enrollment and wipe what was captured
///
/// Ends the running agent, sends what is pending, revokes the key at the server, and
/// removes the credentials, the database and the images. What cannot be sent within a
/// minute keeps everything as it is, unless you discard it. A server that cannot revoke
/// the key holds nothing up. Your config.toml and the logs stay.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client unenroll
  devpulse-client unenroll --yes --discard    for scripts, whatever waits")]
pub(crate) struct Unenroll {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,

    /// Discard what is pending in place of sending it
    #[arg(long)]
    pub(crate) discard: bool,
}
