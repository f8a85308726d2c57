//! `manual DIR`: the pages of the manual, made of the same words as the help.

use clap::CommandFactory;

use crate::cli::{Cli, Manual};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn write(arguments: &Manual) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let failed = |error: std::io::Error| {
        let cause = format!("the manual cannot be written into {}: {error}", folder.display());
        Failure::new(Exit::Failed, cause)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder).map_err(failed)
}
