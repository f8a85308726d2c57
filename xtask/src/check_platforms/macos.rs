//! macOS: type-checked. Linking it takes Apple's libraries, which are not free to copy.

use anyhow::Result;

use super::{toolchain, zig};
use crate::{ui, workspace};

const TARGET: &str = "aarch64-apple-darwin";

/// Type-checks the whole workspace, with its tests.
pub(super) fn check() -> Result<()> {
    ui::build()?;
    let zig = zig::ensure()?;
    let mut command = toolchain::cargo("check", TARGET)?;
    command.env("CC_aarch64_apple_darwin", &zig.compiler);
    command.env("AR_aarch64_apple_darwin", &zig.archiver);
    command.args(["--workspace", "--all-targets"]);
    workspace::run(&mut command)
}
