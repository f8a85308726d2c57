//! The arguments of `proxy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Keep the name and the password for the proxy in the keychain
#[derive(Debug, Subcommand)]
pub(crate) enum Proxy {
    Login(ProxyLogin),
    Logout(ProxyLogout),
}

/// Store the name and the password that the proxy asks for
///
/// They go to the system's keychain, for the proxy that leads to the server now, and are sent
/// to no other one. A running agent finds them by itself. What is written in the address of
/// the proxy (DEVPULSE_PROXY, HTTPS_PROXY) stands above them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  devpulse-client proxy login --username anna --password-file password.txt
  pass show proxy | devpulse-client proxy login --username anna --password-file -")]
pub(crate) struct ProxyLogin {
    /// The name
    #[arg(long, value_name = "NAME")]
    pub(crate) username: String,

    /// A file that holds the password, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: PathBuf,
}

/// Remove the name and the password for the proxy from the keychain
#[derive(Debug, Args)]
pub(crate) struct ProxyLogout {}
