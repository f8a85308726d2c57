//! `cargo xtask test`: everything that must hold before a change is merged, and on request what
//! must hold on real desktops of every kind.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::section::Sections;
use crate::{packages, tidy, ui, workspace};

/// The version of cargo-deny that the policy is written for.
const DENY_VERSION: &str = "0.20.2";

/// What is tested.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only the hooks, on real desktops without a screen: X11, Sway, KWin and GNOME Shell. Installs
    /// these.
    #[arg(long)]
    desktops: bool,
}

/// Runs every section; the first that fails ends it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut sections = Sections::new();
    if arguments.desktops {
        sections.run("packages", || {
            packages::ensure_desktop()?;
            packages::ensure_compositors()
        })?;
        sections.run("desktops", desktops)?;
        sections.finish();
        return Ok(());
    }
    sections.run("formatting", formatting)?;
    sections.run("tidy", tidy::run)?;
    sections.run("dependency policy", dependency_policy)?;
    sections.run("packages", packages_of_the_system)?;
    sections.run("window", ui::test)?;
    sections.run("clippy", clippy)?;
    sections.run("tests", tests)?;
    sections.run("documentation tests", documentation_tests)?;
    sections.run("tray app", tray_app)?;
    sections.finish();
    Ok(())
}

fn formatting() -> Result<()> {
    workspace::run(workspace::cargo()?.args(["fmt", "--all", "--check"]))
        .context("the code is not formatted; `cargo fmt --all` does it")
}

fn dependency_policy() -> Result<()> {
    let deny = match installed_deny()? {
        Some(deny) => deny,
        None => install_deny()?,
    };
    workspace::run(workspace::command(deny)?.args([
        "--workspace",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]))
}

/// A cargo-deny of the right minor version, on `PATH` or from an earlier run.
fn installed_deny() -> Result<Option<PathBuf>> {
    let (minor, _) = DENY_VERSION.rsplit_once('.').unwrap_or((DENY_VERSION, ""));
    let expected = format!("cargo-deny {minor}.");
    let found = [workspace::program("cargo-deny"), Some(built_deny(&tools()?))];
    Ok(found.into_iter().flatten().find(|program| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| output.stdout.starts_with(expected.as_bytes()))
    }))
}

/// Builds cargo-deny without optimisation, which takes a third of the time; the
/// check itself takes seconds either way.
fn install_deny() -> Result<PathBuf> {
    let tools = tools()?;
    let build = tools.join("build");
    println!("installing cargo-deny {DENY_VERSION} into {}", tools.display());
    let mut install = workspace::cargo()?;
    install.args(["install", "--locked", "--debug", "--quiet", "--version", DENY_VERSION]);
    install.arg("--root").arg(&tools).arg("--target-dir").arg(&build).arg("cargo-deny");
    install.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    workspace::run(&mut install)?;
    std::fs::remove_dir_all(&build).context("the build of cargo-deny cannot be removed")?;
    Ok(built_deny(&tools))
}

fn built_deny(tools: &Path) -> PathBuf {
    tools.join("bin").join(format!("cargo-deny{EXE_SUFFIX}"))
}

fn tools() -> Result<PathBuf> {
    Ok(workspace::target()?.join("tools"))
}

fn clippy() -> Result<()> {
    workspace::run(workspace::cargo()?.args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn packages_of_the_system() -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!("there is no virtual desktop on this system; tests that need one are left out");
        return Ok(());
    }
    packages::ensure_desktop()?;
    packages::ensure_tray_app()
}

fn tests() -> Result<()> {
    let mut command = workspace::cargo()?;
    if has_nextest()? {
        command.args(["nextest", "run", "--locked", "--no-fail-fast"]);
    } else {
        command.args(["test", "--locked", "--no-fail-fast", "--all-targets"]);
    }
    on_virtual_desktops(&mut command);
    workspace::run(&mut command)
}

/// The hooks and `doctor` on every kind of desktop.
fn desktops() -> Result<()> {
    let mut command = workspace::cargo()?;
    let nextest = has_nextest()?;
    if nextest {
        command.args(["nextest", "run", "--locked", "--no-fail-fast", "--success-output", "final"]);
    } else {
        command.args(["test", "--locked", "--no-fail-fast"]);
    }
    command.args(["--package", "devpulse-capture", "--package", "devpulse-client"]);
    command.args(["--test", "desktops"]);
    if !nextest {
        command.args(["--", "--test-threads", "1", "--nocapture"]);
    }
    on_virtual_desktops(&mut command);
    command.env("DEVPULSE_REQUIRE_WAYLAND", "1");
    workspace::run(&mut command)
}

/// Tests start desktops of their own; nothing of theirs may show up on this one.
fn on_virtual_desktops(command: &mut Command) {
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    if cfg!(target_os = "linux") {
        command.env("DEVPULSE_REQUIRE_DESKTOP", "1");
    }
}

fn has_nextest() -> Result<bool> {
    let mut command = workspace::cargo()?;
    command.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().context("cargo does not start")?.success())
}

/// The tray app, with its real web view on a virtual desktop. It comes last, because it is
/// the longest to build and nothing depends on it.
fn tray_app() -> Result<()> {
    let mut command = workspace::cargo()?;
    if has_nextest()? {
        command.args(["nextest", "run", "--no-fail-fast"]);
    } else {
        command.args(["test", "--no-fail-fast"]);
    }
    command.args(["--locked", "--package", "devpulse-desktop"]);
    on_virtual_desktops(&mut command);
    workspace::run(&mut command)
}

fn documentation_tests() -> Result<()> {
    workspace::run(workspace::cargo()?.args(["test", "--locked", "--doc", "--quiet"]))
}
