//! Wine: what stands in for Windows here, with a registry and a drive of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::toolchain;
use crate::workspace;

/// Debian keeps it off `PATH`.
const WINE: &str = "/usr/lib/wine/wine64";

const RANDOM_NUMBERS: &str = include_str!("bcryptprimitives.c");

/// A Windows that was set up just now.
pub(super) struct Wine {
    prefix: PathBuf,
    display: String,
}

impl Wine {
    /// Sets one up, in place of the last, that shows its windows on this display.
    pub(super) fn set_up(display: &str) -> Result<Self> {
        let prefix = toolchain::folder()?.join("wine");
        if prefix.exists() {
            std::fs::remove_dir_all(&prefix).context("the last drive of Wine cannot be removed")?;
        }
        std::fs::create_dir_all(&prefix)?;
        let wine = Self { prefix, display: display.to_owned() };
        workspace::run(wine.command(Path::new("wineboot")).arg("--init"))?;
        let source = wine.prefix.join("bcryptprimitives.c");
        std::fs::write(&source, RANDOM_NUMBERS)?;
        let library = wine.drive().join("windows/system32/bcryptprimitives.dll");
        let mut compiler = Command::new("x86_64-w64-mingw32-gcc");
        compiler.args(["-shared", "-O1", "-o"]).arg(&library).arg(&source).arg("-ladvapi32");
        workspace::run(&mut compiler)?;
        Ok(wine)
    }

    /// A program of Windows: a file, or one that Wine brings along.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(WINE);
        command.arg(program);
        self.surround(&mut command);
        command
    }

    /// Has a program, and those that it starts, find this Wine.
    pub(super) fn surround(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DEVPULSE_") {
                command.env_remove(&name);
            }
        }
        command.env("WINEPREFIX", &self.prefix).env("DISPLAY", &self.display);
        // Neither its own complaints nor the offers to install .NET and a browser.
        command.env("WINEDEBUG", "-all").env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        command.env_remove("WAYLAND_DISPLAY");
    }

    /// Where its drive `C:` lies here.
    pub(super) fn drive(&self) -> PathBuf {
        self.prefix.join("drive_c")
    }

    /// What runs programs for Windows, as cargo wants to know it.
    pub(super) const fn runner() -> &'static str {
        WINE
    }
}

impl Drop for Wine {
    /// Ends every program that still runs in it.
    fn drop(&mut self) {
        let mut server = Command::new("/usr/lib/wine/wineserver64");
        self.surround(&mut server);
        if let Err(error) = workspace::run(server.arg("--kill")) {
            println!("warning: programs may still run in Wine: {error:#}");
        }
    }
}
