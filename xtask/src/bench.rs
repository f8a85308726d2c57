//! `cargo xtask bench`: builds the programs as they are shipped, and measures them.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace;

/// As shipped, with names for the profilers.
const PROFILE: &str = "measured";

/// What it costs and how fast it is, beside the machine's limits and beside its peers.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Measures only this; may be given several times.
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
    /// Backlogs of up to five million events.
    #[arg(long)]
    scale: bool,
    /// Compares instruction counts, bytes and ratios with the committed baseline, in wide
    /// bounds, and writes nothing else.
    #[arg(long, conflicts_with_all = ["only", "scale"])]
    check: bool,
    /// Where the figures are kept, instead of in `docs/performance.json`; then
    /// `docs/performance.md` stays as it is.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds what is measured, and measures it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut build = workspace::cargo()?;
    build.args(["build", "--locked", "--profile", PROFILE]);
    build.args(["--package", "devpulse-client", "--package", "devpulse-server"]);
    workspace::run(build.args(["--package", "devpulse-bench"]))?;
    let target = workspace::target()?;
    let mut bench = workspace::command(target.join(PROFILE).join("devpulse-bench"))?;
    bench.arg("--scratch").arg(target.join("bench"));
    let docs = workspace::root()?.join("docs");
    match &arguments.json {
        Some(file) => bench.arg("--json").arg(std::path::absolute(file)?),
        None => bench
            .arg("--json")
            .arg(docs.join("performance.json"))
            .arg("--document")
            .arg(docs.join("performance.md")),
    };
    for name in &arguments.only {
        bench.args(["--only", name]);
    }
    if arguments.scale {
        bench.arg("--scale");
    }
    if arguments.check {
        bench.arg("--check");
    }
    workspace::run(&mut bench)
}
