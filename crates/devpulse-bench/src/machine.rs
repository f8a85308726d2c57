//! The machine's own limits: what no program can be faster than here.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::desktop::VirtualDesktop;
use crate::disk::Pages;
use crate::results::Measured;
use crate::suite::Bench;
use crate::workload::Workload;
use crate::{disk, process};

const REPEATS: usize = 5;
const PROMISES: usize = 500;

/// What the machine is, in one line.
pub(crate) fn told() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |line| line.trim_start_matches(['\t', ' ', ':']));
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let kib = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    let gib = kib.unwrap_or(0).div_ceil(1024 * 1024);
    let release = read("/proc/sys/kernel/osrelease");
    let kernel = release.split('-').next().unwrap_or_default().trim();
    let system = read("/etc/os-release");
    let name = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let system = name.unwrap_or("Linux").trim_matches('"');
    format!("{cores} cores ({model}), {gib} GiB, {system}, Linux {kernel}")
}

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    let folder = bench.folder()?;
    let mut growing_file = Pages::growing(folder.path())?;
    let mut fixed_file = Pages::fixed(folder.path())?;
    let (mut appends, mut overwrites, mut copies, mut zstd) = (vec![], vec![], vec![], vec![]);
    for _ in 0..REPEATS {
        let (mut growing, mut fixed) = (vec![], vec![]);
        for _ in 0..PROMISES {
            growing.push(growing_file.promise()?);
            fixed.push(fixed_file.promise()?);
        }
        appends.push(disk::rate(&mut growing));
        overwrites.push(disk::rate(&mut fixed));
        copies.push(copy_speed());
        zstd.push(zstd_speed()?);
    }
    measured.add("disk.append", "4 KiB appended to a file and synced (fdatasync)", "/s", &appends);
    measured.add("disk.overwrite", "4 KiB overwritten in a file and synced", "/s", &overwrites);
    measured.add("memory.copy", "memory copied, 8 MiB at a time, one core", "GB/s", &copies);
    measured.add("zstd", "zstd level 3 over batches of 100 events, one core", "MB/s", &zstd);
    let desktop = VirtualDesktop::start(bench, 1920, 1080)?;
    let grabs = desktop.grabs(15)?;
    measured.add(
        "screen.grab",
        "the pixels of a 1920x1080 screen by MIT-SHM, no conversion",
        "ms",
        &grabs,
    );
    Ok(measured)
}

fn copy_speed() -> f64 {
    const BYTES: usize = 8 << 20;
    const TIMES: usize = 100;

    let from = vec![1_u8; BYTES];
    let mut to = vec![0_u8; BYTES];
    let begun = Instant::now();
    for _ in 0..TIMES {
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&to);
    }
    (BYTES * TIMES) as f64 / begun.elapsed().as_secs_f64() / 1e9
}

fn zstd_speed() -> Result<f64> {
    let mut workload = Workload::new(7);
    let batches: Vec<Vec<u8>> = (0..100)
        .map(|_| {
            let events = workload.events(100);
            events.into_iter().flat_map(|event| event.json).collect()
        })
        .collect();
    let begun = process::thread_cpu();
    let mut bytes = 0;
    for batch in &batches {
        std::hint::black_box(zstd::bulk::compress(batch, 3).context("zstd fails")?);
        bytes += batch.len();
    }
    let spent = process::thread_cpu().saturating_sub(begun);
    Ok(bytes as f64 / spent.as_secs_f64() / 1e6)
}
