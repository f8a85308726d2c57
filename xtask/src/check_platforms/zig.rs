//! A C compiler for macOS that brings Apple's headers: SQLite and other C in our dependencies
//! is compiled even where Rust is only type-checked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::workspace;

/// The version of the Python package that brings the compiler.
const VERSION: &str = "0.17.1";

/// What stands before the compiler: it refuses some of what Apple's own takes.
const WRAPPER: &str = r#"#!/bin/sh
skip=
for argument in "$@"; do
  shift
  if [ -n "$skip" ]; then
    skip=
    continue
  fi
  case $argument in
    -arch | -target | --target) skip=1 ;;
    --target=* | -mmacosx-version-min=* | -mmacos-version-min=*) ;;
    # Objective-C takes Apple's frameworks, which nobody else has: nothing stands in for it.
    *.m) set -- "$@" -x c /dev/null ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec "$(dirname "$0")/bin/python" -m ziglang "#;

/// The compiler and the archiver.
pub(super) struct Zig {
    pub(super) compiler: PathBuf,
    pub(super) archiver: PathBuf,
}

/// Installs them below `target/tools` where they are not there yet.
pub(super) fn ensure() -> Result<Zig> {
    let home = workspace::target()?.join("tools").join(format!("zig-{VERSION}"));
    if !answers(&home) {
        install(&home)?;
    }
    Ok(Zig {
        compiler: script(&home, "compiler", "cc -target aarch64-macos \"$@\"\n")?,
        archiver: script(&home, "archiver", "ar \"$@\"\n")?,
    })
}

fn answers(home: &Path) -> bool {
    let mut asked = Command::new(home.join("bin/python"));
    asked.args(["-m", "ziglang", "version"]).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn install(home: &Path) -> Result<()> {
    println!("installing ziglang {VERSION} into {}", home.display());
    workspace::run(
        workspace::command("/usr/bin/python3")?.args(["-m", "venv", "--clear"]).arg(home),
    )?;
    let package = format!("ziglang=={VERSION}");
    let mut pip = workspace::command(home.join("bin/pip"))?;
    workspace::run(pip.args(["install", "--quiet", "--disable-pip-version-check", &package]))
}

fn script(home: &Path, name: &str, end: &str) -> Result<PathBuf> {
    let path = home.join(name);
    let written = fs::write(&path, format!("{WRAPPER}{end}"))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}
