//! Which measurements there are, and a run of some of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use devpulse_protocol::Timestamp;
use tempfile::TempDir;

use crate::document;
use crate::figure::Number;
use crate::results::{Measured, Results};
use crate::{append, backlog, delivery, fleet, machine, peers, process, rest, screenshot, targets};

/// What is measured, and where it is told.
#[derive(Clone, Debug)]
pub struct Order {
    /// Names of measurements; empty is all of them.
    pub only: Vec<String>,
    /// How large the backlogs are.
    pub extent: Extent,
    /// Where figures are kept between runs.
    pub json: PathBuf,
    /// The document whose tables are written; `None` leaves it as it is.
    pub document: Option<PathBuf>,
    /// Where files are made while it runs; on the disk that is measured.
    pub scratch: PathBuf,
}

/// How large the backlogs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// 1,000 and 1,000,000 events.
    Usual,
    /// From 1,000 to 5,000,000 events.
    Scale,
}

/// What every measurement is given.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) extent: Extent,
    scratch: PathBuf,
}

/// A measurement.
struct Measurement {
    name: &'static str,
    /// What it finds out.
    about: &'static str,
    run: fn(&Bench) -> Result<Measured>,
}

const ALL: [Measurement; 9] = [
    Measurement {
        name: "machine",
        about: "the machine's own limits: disk, memory, zstd, screen",
        run: machine::measure,
    },
    Measurement {
        name: "append",
        about: "events appended alone and in groups, against the disk",
        run: append::measure,
    },
    Measurement {
        name: "backlog",
        about: "the log with few events waiting and with many",
        run: backlog::measure,
    },
    Measurement {
        name: "delivery",
        about: "the agent takes events in and delivers them",
        run: delivery::measure,
    },
    Measurement {
        name: "start",
        about: "the agent starts with 1,000,000 events waiting",
        run: delivery::measure_start,
    },
    Measurement {
        name: "rest",
        about: "the agent on a desktop where nothing happens, and with the focus moving",
        run: rest::measure,
    },
    Measurement {
        name: "screenshot",
        about: "a screenshot of 1920x1080",
        run: screenshot::measure,
    },
    Measurement {
        name: "fleet",
        about: "the reference server under 1,000 agents",
        run: fleet::measure,
    },
    Measurement {
        name: "peers",
        about: "what people use today, through the same",
        run: peers::measure,
    },
];

impl Bench {
    /// A folder of its own on the disk that is measured.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        tempfile::tempdir_in(&self.scratch).context("no folder can be made")
    }

    /// The folder in which those are made.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }
}

/// Measures what was ordered and tells it.
///
/// # Errors
/// Fails where a name is unknown, and at the end where a measurement did; the others are kept.
pub fn run(order: &Order) -> Result<()> {
    let chosen = chosen(&order.only)?;
    std::fs::create_dir_all(&order.scratch).context("no folder can be made")?;
    let bench = Bench { extent: order.extent, scratch: order.scratch.clone() };
    let mut results = Results::read(&order.json)?;
    results.machine = machine::told();
    println!("{}", results.machine);
    let mut failed = Vec::new();
    for measurement in chosen {
        println!("\n== {}: {}", measurement.name, measurement.about);
        let before = process::load();
        let measured = match attempt(measurement, &bench) {
            Ok(measured) => measured,
            Err(error) => {
                println!("failed: {error:#}");
                failed.push(measurement.name);
                continue;
            }
        };
        let day = Timestamp::now().to_string().chars().take(10).collect();
        let measured = Measured { day, load: [before, process::load()], ..measured };
        print(&measured);
        results.measured.insert(measurement.name.to_owned(), measured);
        results.write(&order.json)?;
        if let Some(document) = &order.document {
            document::fill(document, &results)?;
        }
    }
    println!();
    for row in targets::rows(&results) {
        println!("{}", row.join(" | "));
    }
    if failed.is_empty() { Ok(()) } else { bail!("these failed: {}", failed.join(", ")) }
}

/// The laboratory panics where it cannot go on; the other measurements can.
fn attempt(measurement: &Measurement, bench: &Bench) -> Result<Measured> {
    let run = std::panic::AssertUnwindSafe(|| (measurement.run)(bench));
    std::panic::catch_unwind(run).unwrap_or_else(|_| bail!("the laboratory could not go on"))
}

fn chosen(only: &[String]) -> Result<Vec<&'static Measurement>> {
    if only.is_empty() {
        return Ok(ALL.iter().collect());
    }
    only.iter()
        .map(|name| match ALL.iter().find(|measurement| measurement.name == name) {
            Some(found) => Ok(found),
            None => {
                let names: Vec<_> = ALL.iter().map(|measurement| measurement.name).collect();
                bail!("there is no measurement `{name}`\nhint: there are {}", names.join(", "))
            }
        })
        .collect()
}

fn print(measured: &Measured) {
    for figure in &measured.figures {
        let (least, most) = (Number(figure.least), Number(figure.most));
        println!(
            "{:<64} {:>16}  ({least} to {most}, n={})",
            figure.what,
            figure.told(),
            figure.repeats
        );
    }
    for table in &measured.tables {
        for row in &table.rows {
            println!("{}", row.join(" | "));
        }
    }
    println!("load {} before, {} after", measured.load[0], measured.load[1]);
}
