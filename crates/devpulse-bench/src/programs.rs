//! The programs that are measured, and those that it takes.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// The first file of this name on `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Fails where one of them is not installed.
pub(crate) fn need(names: &[&str]) -> Result<()> {
    match names.iter().find(|name| find(name).is_none()) {
        Some(missing) => bail!("{missing} is not installed, and this measurement needs it"),
        None => Ok(()),
    }
}

/// A program of the workspace that was built beside this one.
pub(crate) fn built(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe().context("this program has no place")?;
    let program = here.with_file_name(name);
    if !program.is_file() {
        bail!("{name} was not built beside {}", here.display());
    }
    Ok(program)
}
