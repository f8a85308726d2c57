//! What a backlog costs: appending, fetching, acknowledging and starting, with few events
//! waiting and with many.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use devpulse_pipeline::wal::Store;
use tempfile::TempDir;

use crate::figure::Number;
use crate::results::{Measured, Table};
use crate::suite::{Bench, Extent};
use crate::workload::Workload;
use crate::{append, exercise};

const ROUNDS: usize = 7;
const AT_ONCE: usize = 200;
const BATCHES: usize = 50;
const STARTS: usize = 5;

/// A log with its backlog, and what was measured of it.
struct Backlog {
    waiting: usize,
    folder: TempDir,
    store: Store,
    workload: Workload,
    append_us: Vec<f64>,
    fetch_us: Vec<f64>,
    acknowledge_us: Vec<f64>,
}

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let sizes: &[usize] = match bench.extent {
        Extent::Usual => &[1000, 1_000_000],
        Extent::Scale => &[1000, 100_000, 1_000_000, 5_000_000],
    };
    let mut backlogs =
        sizes.iter().map(|&waiting| Backlog::fill(bench, waiting)).collect::<Result<Vec<_>>>()?;
    // Turn about, so that all of them see the same neighbours.
    for _ in 0..ROUNDS {
        for backlog in &mut backlogs {
            backlog.round()?;
        }
    }
    let mut measured = Measured::default();
    let (few, many) = (median(&backlogs[0].append_us), million(&backlogs));
    let ratios: Vec<f64> = many.append_us.iter().map(|us| us / few).collect();
    measured.add(
        "backlog.append.ratio",
        "an event appended with 1,000,000 waiting, against one with 1,000",
        "",
        &ratios,
    );
    let mut table = Table { name: "backlog".to_owned(), rows: vec![head()] };
    for backlog in backlogs {
        table.rows.push(backlog.finish(&mut measured)?);
    }
    measured.tables.push(table);
    Ok(measured)
}

fn head() -> Vec<String> {
    [
        "waiting",
        "append 1, us",
        "form and load a batch of 100, us",
        "acknowledge it, us",
        "open, closed before, ms",
        "open after a kill, ms",
        "file, MB",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn million(backlogs: &[Backlog]) -> &Backlog {
    let found = backlogs.iter().find(|backlog| backlog.waiting == 1_000_000);
    found.unwrap_or(&backlogs[backlogs.len() - 1])
}

fn median(samples: &[f64]) -> f64 {
    crate::figure::Figure::of("", "", "", samples).median
}

impl Backlog {
    fn fill(bench: &Bench, waiting: usize) -> Result<Self> {
        let folder = bench.folder()?;
        let mut store = append::open(folder.path())?;
        let mut workload = Workload::new(waiting as u64);
        for _ in 0..waiting.div_ceil(1000) {
            store.append(&workload.events(1000)).context("a group cannot be appended")?;
        }
        let (append_us, fetch_us, acknowledge_us) = (vec![], vec![], vec![]);
        Ok(Self { waiting, folder, store, workload, append_us, fetch_us, acknowledge_us })
    }

    /// The backlog is as long afterwards as it was before, but for a few.
    fn round(&mut self) -> Result<()> {
        let events = self.workload.events(AT_ONCE);
        let begun = Instant::now();
        for event in &events {
            self.store
                .append(std::slice::from_ref(event))
                .context("an event cannot be appended")?;
        }
        self.append_us.push(begun.elapsed().as_secs_f64() * 1e6 / AT_ONCE as f64);
        let (mut fetching, mut acknowledging) = (0.0, 0.0);
        let batches = BATCHES.min(self.waiting / exercise::LIMITS.max_events / 10).max(1);
        for _ in 0..batches {
            let begun = Instant::now();
            let batch = exercise::next_batch(&mut self.store)?.context("nothing waits")?;
            fetching += begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            exercise::acknowledge(&mut self.store, &batch)?;
            acknowledging += begun.elapsed().as_secs_f64();
        }
        self.fetch_us.push(fetching * 1e6 / batches as f64);
        self.acknowledge_us.push(acknowledging * 1e6 / batches as f64);
        let refill = self.workload.events(batches * exercise::LIMITS.max_events);
        self.store.append(&refill).context("a group cannot be appended")?;
        Ok(())
    }

    /// Starts it as after an end and as after a kill, and tells everything in one row.
    fn finish(self, measured: &mut Measured) -> Result<Vec<String>> {
        let home = self.folder.path();
        let bytes = fs::metadata(home.join("wal.db")).context("there is no log")?.len();
        let mut killed = Vec::new();
        let copy = home.join("killed");
        for _ in 0..STARTS {
            // What a killed agent leaves is what lies there while it runs.
            copy_files(home, &copy)?;
            killed.push(open_ms(&copy)?);
            fs::remove_dir_all(&copy).context("a copy cannot be removed")?;
        }
        drop(self.store);
        let clean = (0..STARTS).map(|_| open_ms(home)).collect::<Result<Vec<_>>>()?;
        let mut add = |name: &str, what: &str, unit: &str, samples: &[f64]| {
            let waiting = self.waiting;
            let what = format!("{what}, {} waiting", Number(waiting as f64));
            measured.add(&format!("backlog.{waiting}.{name}"), &what, unit, samples);
            Number(median(samples)).to_string()
        };
        Ok(vec![
            Number(self.waiting as f64).to_string(),
            add("append", "an event appended and synced", "us", &self.append_us),
            add("fetch", "a batch of 100 formed and loaded", "us", &self.fetch_us),
            add("acknowledge", "a batch of 100 acknowledged", "us", &self.acknowledge_us),
            add("open.clean", "the log opened after it was closed", "ms", &clean),
            add("open.killed", "the log opened after a kill", "ms", &killed),
            Number(bytes as f64 / 1e6).to_string(),
        ])
    }
}

fn open_ms(home: &Path) -> Result<f64> {
    let begun = Instant::now();
    let store = append::open(home)?;
    let elapsed = begun.elapsed();
    drop(store);
    Ok(elapsed.as_secs_f64() * 1e3)
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).context("no folder can be made")?;
    for entry in fs::read_dir(from).context("the log's folder cannot be read")? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name)).context("a file cannot be copied")?;
        }
    }
    Ok(())
}
