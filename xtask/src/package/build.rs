//! The programs, built so that nothing of the machine that builds them is left in them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Release;
use crate::workspace;

/// The programs that were built.
pub(super) struct Programs {
    pub(super) client: PathBuf,
    pub(super) desktop: PathBuf,
}

impl Programs {
    pub(super) fn in_folder(folder: &Path) -> Self {
        let program = |name| folder.join(name);
        Self { client: program("devpulse-client"), desktop: program("devpulse-desktop") }
    }
}

pub(super) fn programs(release: &Release, target: &Path) -> Result<Programs> {
    let root = workspace::root()?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.context("nothing says where cargo keeps its sources")?;
    let flags = format!(
        "--remap-path-prefix={}=devpulse --remap-path-prefix={}=cargo",
        root.display(),
        home.display()
    );
    // One after the other: together, the crates that both use would get the features of both.
    for package in ["devpulse-client", "devpulse-desktop"] {
        let mut cargo = workspace::cargo()?;
        cargo.args(["build", "--release", "--locked", "--package", package, "--target-dir"]);
        cargo.arg(target).env("RUSTFLAGS", &flags);
        workspace::run(cargo.env("SOURCE_DATE_EPOCH", release.epoch.to_string()))?;
    }
    Ok(Programs::in_folder(&target.join("release")))
}
