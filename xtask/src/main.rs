//! The project's own tasks, run as `cargo xtask TASK`.
//!
//! Nobody depends on this crate and it depends on no other of the workspace: it
//! builds and runs them as a person would, and it compiles in seconds.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the output of a task is what a person reads"
)]

mod bench;
#[cfg(target_os = "linux")]
mod check_platforms;
#[cfg(unix)]
mod demo;
#[cfg(unix)]
mod package;
mod packages;
mod section;
mod soak;
mod test;
mod tidy;
#[cfg(unix)]
mod trial;
mod ui;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure what it costs and how fast it is, and write the tables of docs/performance.md.
    Bench(bench::Arguments),
    /// Build for Windows, type-check for macOS, and try what Windows gets under Wine.
    #[cfg(target_os = "linux")]
    CheckPlatforms(check_platforms::Arguments),
    /// Show DevPulse at work: a server, an agent and a desktop, all of it temporary.
    #[cfg(unix)]
    Demo(demo::Arguments),
    /// Make the packages that are rolled out and installed, and their bills of materials.
    #[cfg(unix)]
    Package(package::Arguments),
    /// Batter the programs for a while, and see whether everything adds up.
    Soak(soak::Arguments),
    /// Check everything that must hold before a change is merged.
    Test(test::Arguments),
    /// Check only the source files and who depends on whom; takes a second.
    Tidy,
    /// Try the packages in a clean Debian: install, roll out, upgrade, remove, purge.
    #[cfg(unix)]
    Trial(trial::Arguments),
    /// Build the pages of the tray app's window, which its build takes in.
    Ui,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Bench(arguments) => bench::run(&arguments),
        #[cfg(target_os = "linux")]
        Task::CheckPlatforms(arguments) => check_platforms::run(&arguments),
        #[cfg(unix)]
        Task::Demo(arguments) => demo::run(&arguments),
        #[cfg(unix)]
        Task::Package(arguments) => package::run(&arguments),
        Task::Soak(arguments) => soak::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Tidy => tidy::run(),
        #[cfg(unix)]
        Task::Trial(arguments) => trial::run(&arguments),
        Task::Ui => ui::build(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
