//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use devpulse_bench::suite::{self, Extent, Order};
use devpulse_bench::{check, exercise};

/// Measures what DevPulse costs, beside the machine's limits.
#[derive(Parser)]
struct Arguments {
    /// Measures only this; may be given several times.
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
    /// Backlogs of up to five million events.
    #[arg(long)]
    scale: bool,
    /// Where the figures are kept; those of other measurements stay.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The document whose tables are written.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// Where files are made while it runs.
    #[arg(long, value_name = "FOLDER")]
    scratch: PathBuf,
    /// Compares counts with the baseline, and measures nothing.
    #[arg(long)]
    check: bool,
    /// Counts, and writes a new baseline.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Runs a path that events take, and nothing else: `encode`, `append` or `deliver`.
    #[arg(long, value_name = "NAME")]
    exercise: Option<String>,
    /// With so many events.
    #[arg(long, default_value_t = 100_000)]
    events: usize,
}

#[expect(clippy::print_stderr, reason = "an error is told where a person sees it")]
pub(crate) fn run() -> ExitCode {
    match obey(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(arguments: Arguments) -> Result<()> {
    let Arguments { only, scale, json, document, scratch, .. } = arguments;
    if let Some(name) = arguments.exercise {
        return exercise::run(&name, arguments.events, &scratch);
    }
    if arguments.check || arguments.baseline.is_some() {
        return check::run(&scratch, arguments.baseline.as_deref());
    }
    let Some(json) = json else { bail!("say with --json where the figures are kept") };
    let extent = if scale { Extent::Scale } else { Extent::Usual };
    suite::run(&Order { only, extent, json, document, scratch })
}
