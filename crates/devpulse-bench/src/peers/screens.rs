//! Screenshots by other programs, of the same desktop.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::program;
use crate::desktop::VirtualDesktop;
use crate::figure::{Figure, Number};
use crate::results::Table;
use crate::suite::Bench;
use crate::{process, programs, screenshot};

const SHOTS: usize = 9;

/// Milliseconds on the clock, milliseconds on a core, and kilobytes, of each screenshot.
pub(crate) type Shots = Vec<[f64; 3]>;

pub(super) fn table(bench: &Bench) -> Result<Table> {
    let text = screenshot::text(bench)?;
    let desktop = VirtualDesktop::at_work(bench, text.path())?;
    let head = ["", "clock, ms", "processor, ms", "file, kB"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let grabs: Shots = desktop.grabs(SHOTS)?.into_iter().map(|ms| [ms, 0.0, 8294.4]).collect();
    rows.push(row("the pixels alone (MIT-SHM)", &grabs));
    rows.push(row(
        "DevPulse: 1600 wide, WebP, sealed and synced",
        &screenshot::shots(bench, &desktop)?,
    ));
    let ways = [
        ("webp-1600", "mss, Pillow: 1600 wide, WebP 75, method 2"),
        ("webp", "mss, Pillow: WebP 75, as it is by default"),
        ("png", "mss, Pillow: PNG"),
    ];
    for (way, name) in ways {
        rows.push(row(name, &by_pillow(bench, &desktop, way)?));
    }
    if let Some(scrot) = programs::find("scrot") {
        rows.push(row("scrot: PNG, a process each", &by_scrot(bench, &desktop, &scrot)?));
    }
    Ok(Table { name: "peers.screens".to_owned(), rows })
}

fn row(name: &str, shots: &[[f64; 3]]) -> Vec<String> {
    let of = |index: usize| {
        let samples: Vec<f64> = shots.iter().map(|shot| shot[index]).collect();
        let figure = Figure::of("", "", "", &samples);
        format!("{} ({} to {})", Number(figure.median), Number(figure.least), Number(figure.most))
    };
    vec![name.to_owned(), of(0), of(1), of(2)]
}

fn by_pillow(bench: &Bench, desktop: &VirtualDesktop, way: &str) -> Result<Shots> {
    let output = Command::new(program::python(bench))
        .arg(program::scripts().join("screens.py"))
        .args([way, &SHOTS.to_string()])
        .env("DISPLAY", desktop.display())
        .stderr(Stdio::inherit())
        .output()
        .context("Python does not start")?;
    if !output.status.success() {
        bail!("mss or Pillow failed: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("an account that is none")
}

fn by_scrot(bench: &Bench, desktop: &VirtualDesktop, scrot: &Path) -> Result<Shots> {
    let folder = bench.folder()?;
    let file = folder.path().join("screen.png");
    (0..SHOTS)
        .map(|_| {
            let (begun, before) = (Instant::now(), process::children_cpu());
            let status = Command::new(scrot)
                .arg("--overwrite")
                .arg(&file)
                .env("DISPLAY", desktop.display())
                .status()
                .context("scrot does not start")?;
            anyhow::ensure!(status.success(), "scrot ended with {status}");
            let (took, spent): (Duration, Duration) =
                (begun.elapsed(), process::children_cpu().saturating_sub(before));
            let bytes = std::fs::metadata(&file).context("scrot left no file")?.len();
            Ok([took.as_secs_f64() * 1e3, spent.as_secs_f64() * 1e3, bytes as f64 / 1e3])
        })
        .collect()
}
