//! `cargo xtask check-platforms`: Windows and macOS, as far as a Debian machine can tell.
//!
//! It takes longer than `cargo xtask test` is given, and needs packages that nothing else
//! does. `docs/platforms.md` says what each step shows.

mod macos;
mod toolchain;
mod tray_app;
mod windows;
mod windows_agent;
mod wine;
mod zig;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::packages;
use crate::section::Sections;

/// What to check.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these steps, in this order; all of them where none is named
    #[arg(value_enum)]
    steps: Vec<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Build the core for Windows
    Windows,
    /// Try what was built for Windows, under Wine
    Wine,
    /// Build the tray app for Windows
    TrayApp,
    /// Type-check everything for macOS
    Macos,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut sections = Sections::new();
    sections.run("packages", packages::ensure_platforms)?;
    let all = Step::value_variants();
    let steps = if arguments.steps.is_empty() { all } else { &arguments.steps };
    for step in steps {
        match step {
            Step::Windows => sections.run("windows: build", windows::build)?,
            Step::Wine => sections.run("windows: under Wine", windows::try_under_wine)?,
            Step::TrayApp => sections.run("windows: tray app", tray_app::build)?,
            Step::Macos => sections.run("macos: check", macos::check)?,
        }
    }
    sections.finish();
    Ok(())
}
