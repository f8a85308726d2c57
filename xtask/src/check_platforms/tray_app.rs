//! The tray app for Windows: built and linked, with its pages inside.

use anyhow::Result;

use super::{toolchain, windows};
use crate::{ui, workspace};

pub(super) fn build() -> Result<()> {
    ui::build()?;
    let mut command = toolchain::cargo("build", windows::TARGET)?;
    command.args(["--package", "devpulse-desktop"]);
    workspace::run(&mut command)?;
    let programs = toolchain::folder()?.join(windows::TARGET).join("debug");
    let program = programs.join("devpulse-desktop.exe");
    println!("{:>10} {}", program.metadata()?.len(), program.display());
    Ok(())
}
