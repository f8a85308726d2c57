//! The peers' own programs, and a run of one of them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use super::sink::Sink;
use super::{AROUND, BURST, Burst, Fate, Mishap, OUTAGE, PACE, PATIENCE, UNTIL_KILLED};
use crate::meter::Meter;
use crate::rest::pause;
use crate::suite::Bench;

const REQUIREMENTS: &str = include_str!("../../peers/requirements.txt");

/// A product, and the script that uses it.
pub(super) struct Peer {
    pub(super) name: &'static str,
    script: &'static str,
}

pub(super) const PEERS: [Peer; 3] = [
    Peer { name: "aw-client 0.5.15 (disk queue)", script: "run_aw_client.py" },
    Peer { name: "OpenTelemetry logs 1.45.2", script: "run_opentelemetry.py" },
    Peer { name: "Snowplow tracker 1.1.0", script: "run_snowplow.py" },
];

/// Makes the environment, where it is not there in these versions.
pub(super) fn install(bench: &Bench) -> Result<()> {
    let folder = bench.scratch().join("peers");
    let installed = folder.join("installed");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(());
    }
    println!("installing the peers from the Python package index");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let requirements = scripts().join("requirements.txt");
    let mut pip = Command::new(folder.join("bin/pip"));
    run(pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements))?;
    std::fs::write(installed, REQUIREMENTS).context("a file cannot be written")
}

/// The interpreter of the environment.
pub(super) fn python(bench: &Bench) -> PathBuf {
    bench.scratch().join("peers/bin/python")
}

/// Where the scripts lie.
pub(super) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} does not start"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}

impl Peer {
    /// Hands over a burst.
    pub(super) fn burst(&self, bench: &Bench) -> Result<Burst> {
        let home = bench.folder()?;
        let sink = Sink::start();
        let meter = Meter::start(sink.address().context("a sink without an address")?)?;
        let count = BURST.to_string();
        let run = self.start(bench, &home, &["emit", &count, "0", "120", &meter.url()])?;
        let account = run.account().context("a peer gave no account")?;
        let of = |name: &str| account[name].as_f64().unwrap_or(f64::NAN);
        let seen = sink.seen().keys().filter(|&&number| number < BURST as u64).count();
        anyhow::ensure!(seen > 0, "{} delivered nothing", self.name);
        let events = BURST as f64;
        Ok(Burst {
            taken: events / of("emit_s"),
            delivered: seen as f64 / of("all_s"),
            cpu_us: of("all_cpu_s") * 1e6 / events,
            wire: meter.counted()[0] as f64 / seen as f64,
            peak_mb: of("peak_kib") * 1024.0 / 1e6,
        })
    }

    /// Hands over events while something goes wrong.
    pub(super) fn fate(&self, bench: &Bench, mishap: Mishap) -> Result<Fate> {
        let home = bench.folder()?;
        let sink = Sink::start();
        let url = sink.url();
        let seconds = OUTAGE + 2 * AROUND;
        let count = (seconds.as_secs() as usize * PACE).to_string();
        let (pace, patience) = (PACE.to_string(), PATIENCE.as_secs().to_string());
        let mut run = self.start(bench, &home, &["emit", &count, &pace, &patience, &url])?;
        match mishap {
            Mishap::Killed => {
                run.until_it_takes()?;
                pause(UNTIL_KILLED);
                run.kill();
            }
            Mishap::Answered(status) => {
                run.until_it_takes()?;
                pause(AROUND);
                sink.answer(status);
                pause(OUTAGE);
                sink.answer(200);
            }
        }
        let taken = run.taken();
        let left = (PATIENCE.as_secs() / 2).to_string();
        self.start(bench, &home, &["resume", &left, &url])?.taken();
        let seen = sink.seen();
        let lost = taken.iter().filter(|number| !seen.contains_key(number)).count();
        let repeated = seen.values().filter(|&&times| times > 1).count();
        Ok(Fate { taken: taken.len(), lost, repeated })
    }

    fn start(&self, bench: &Bench, home: &TempDir, arguments: &[&str]) -> Result<Run> {
        let place = |name: &str| home.path().join(name);
        let mut child = Command::new(python(bench))
            .arg(scripts().join(self.script))
            .args(arguments)
            .env("HOME", home.path())
            .env("XDG_DATA_HOME", place("data"))
            .env("XDG_CONFIG_HOME", place("config"))
            .env("XDG_CACHE_HOME", place("cache"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} does not start", self.name))?;
        let said = child.stdout.take().context("a peer says nothing")?;
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                // Whoever reads may have enough.
                tell.send(line).ok();
            }
        });
        Ok(Run { child, lines, taken: Vec::new() })
    }
}

/// A peer that runs.
struct Run {
    child: Child,
    lines: mpsc::Receiver<String>,
    taken: Vec<u64>,
}

impl Run {
    /// Waits until it has taken its first event.
    fn until_it_takes(&mut self) -> Result<()> {
        let begun = Instant::now();
        let line = self.lines.recv_timeout(Duration::from_secs(60));
        let line = line.with_context(|| format!("a peer said nothing in {:?}", begun.elapsed()))?;
        self.taken.extend(line.parse::<u64>());
        Ok(())
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
    }

    /// Waits for its end, and says which events it took.
    fn taken(mut self) -> Vec<u64> {
        let lines = self.lines.iter().filter_map(|line| line.parse().ok());
        let rest: Vec<u64> = lines.collect();
        self.taken.extend(rest);
        std::mem::take(&mut self.taken)
    }

    /// Waits for its end, and for what it says last.
    fn account(self) -> Option<Value> {
        self.lines.iter().filter_map(|line| serde_json::from_str(&line).ok()).last()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
