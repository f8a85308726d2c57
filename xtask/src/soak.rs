//! `cargo xtask soak`: builds the programs and lets the laboratory batter them.

use anyhow::Result;

use crate::workspace;

/// Battered programs: faults, kills, full disks and load together, and whether it adds up.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long, in minutes.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Draws the same steps and faults as the run that named this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Builds the programs as they are shipped; that takes its time.
    #[arg(long)]
    release: bool,
}

/// Builds what it takes, and runs the laboratory to its end.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut build = workspace::cargo()?;
    build.args(["build", "--locked", "--package", "devpulse-client", "--package", "devpulse-lab"]);
    if arguments.release {
        build.arg("--release");
    }
    workspace::run(&mut build)?;
    let profile = if arguments.release { "release" } else { "debug" };
    let program = workspace::target()?.join(profile).join("soak");
    let mut soak = workspace::command(program)?;
    soak.args(["--minutes", &arguments.minutes.to_string()]);
    if let Some(seed) = arguments.seed {
        soak.args(["--seed", &seed.to_string()]);
    }
    workspace::run(&mut soak)
}
