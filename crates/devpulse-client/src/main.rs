//! `devpulse-client`: the agent without a screen, and the command line.
//!
//! Nobody depends on it. It turns arguments into calls of `devpulse-agent` and of the
//! control socket, and answers into text and exit codes. It never opens the database,
//! speaks to the server or reads a credential itself: the agent crate does.

mod cli;
mod commands;
mod endings;
mod exit;
mod failure;
mod output;
mod render;
mod service_manager;
mod session;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    let exit = match Cli::from_arguments() {
        Ok(cli) => commands::run(cli).map_or_else(|failure| failure.report(), |()| Exit::Done),
        Err(refused) => refused.report(),
    };
    exit.into()
}
