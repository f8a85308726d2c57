//! macOS: type-checked. Linking it takes Apple's libraries, which are not free to copy.

use anyhow::Result;

use super::toolchain;
use crate::workspace;

const TARGET: &str = "aarch64-apple-darwin";

/// Type-checks what the core consists of.
pub(super) fn check() -> Result<()> {
    let mut command = toolchain::cargo("check", TARGET)?;
    command.args(toolchain::CORE.iter().flat_map(|package| ["--package", *package]));
    workspace::run(&mut command)
}
