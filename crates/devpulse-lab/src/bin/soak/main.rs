//! The soak: random faults, kills, full disks and load together, with the real programs,
//! and in the end whether everything adds up. Started by `cargo xtask soak`; nothing may
//! depend on it, and it knows the client from outside only.

#![allow(clippy::unwrap_used, reason = "a laboratory that cannot go on has failed")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod account;
mod load;
mod meter;
mod plan;
mod run;
mod tally;
mod weather;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Runs the client under random faults, kills and load, and compares what it promised with
/// what arrived.
#[derive(Parser)]
struct Arguments {
    /// How long, in minutes.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Draws the same steps and faults as the run that named it.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { minutes, seed } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| rand::random::<u32>().into());
    let Ok(length) = Duration::try_from_secs_f64(minutes * 60.0) else {
        eprintln!("error: {minutes} minutes are no length of time");
        return ExitCode::from(2);
    };
    println!("soaking for {minutes} minutes; repeat it with --seed {seed}");
    let account = run::run(length, seed);
    println!("{account}");
    let toothless = account.toothless();
    for sentence in &toothless {
        println!("{sentence}, so the run shows little");
    }
    if account.faults.is_empty() && toothless.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
