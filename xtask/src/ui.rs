//! `cargo xtask ui`: the pages of the tray app's window, which its build takes in.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// What the tools that build the pages need at the least.
const NODE: (u64, u64) = (20, 19);

/// It is a script, which Windows starts by its whole name only.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Builds the pages where they are missing or older than what they are made of.
pub(crate) fn build() -> Result<()> {
    let folder = workspace::root()?.join("ui");
    let page = folder.join("dist/index.html");
    let sources = ["src", "index.html", "package-lock.json", "vite.config.ts", "tsconfig.json"];
    let newest = sources.iter().filter_map(|name| changed(&folder.join(name))).max();
    if changed(&page).is_some_and(|built| newest.is_some_and(|newest| newest < built)) {
        return Ok(());
    }
    install(&folder)?;
    npm(&folder, &["run", "build"])
}

/// Checks the pages: their types, their parts, and every screen in a browser.
pub(crate) fn test() -> Result<()> {
    let folder = workspace::root()?.join("ui");
    install(&folder)?;
    for script in ["build", "test", "test:browser"] {
        npm(&folder, &["run", script])?;
    }
    Ok(())
}

/// Installs exactly what the lock file names, where it changed since the last time.
fn install(folder: &Path) -> Result<()> {
    check_node()?;
    let lock =
        changed(&folder.join("package-lock.json")).context("ui/package-lock.json is gone")?;
    let installed = changed(&folder.join("node_modules/.package-lock.json"));
    if installed.is_some_and(|installed| lock <= installed) {
        return Ok(());
    }
    npm(folder, &["ci", "--no-audit", "--no-fund"])
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    workspace::run(workspace::command(NPM)?.current_dir(folder).args(arguments))
}

fn check_node() -> Result<()> {
    let hint = format!("hint: install Node.js {}.{} or newer, with npm", NODE.0, NODE.1);
    let Ok(output) = Command::new("node").arg("--version").output() else {
        bail!("Node.js is missing, which builds the window's pages\n{hint}");
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if parse(&version).is_none_or(|found| found < NODE) {
        bail!("Node.js {version} is too old for what builds the window's pages\n{hint}");
    }
    Ok(())
}

fn parse(version: &str) -> Option<(u64, u64)> {
    let mut numbers = version.strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// When a file, or the newest of a folder's files, was changed.
fn changed(path: &Path) -> Option<SystemTime> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_dir() {
        return metadata.modified().ok();
    }
    let entries = fs::read_dir(path).ok()?.flatten();
    entries.filter_map(|entry| changed(&entry.path())).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_by_their_numbers() {
        assert_eq!(parse("v20.20.2"), Some((20, 20)));
        assert!(parse("v22.1.0").is_some_and(|found| found >= NODE));
        assert!(parse("v20.9.0").is_some_and(|found| found < NODE));
        assert_eq!(parse("nonsense"), None);
    }
}
