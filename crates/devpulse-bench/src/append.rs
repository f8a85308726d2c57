//! What it takes to promise an event: appends to the log, alone and in groups, against the
//! rate at which the disk takes promises.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use devpulse_pipeline::vault::KeysAtHand;
use devpulse_pipeline::wal::{Identity, NewEvent, Store, WalOptions};
use devpulse_protocol::{DeviceId, Username};

use crate::disk::{self, Pages};
use crate::process;
use crate::results::Measured;
use crate::suite::Bench;
use crate::workload::Workload;

const REPEATS: usize = 5;
const SINGLES: usize = 400;
const GROUPS: usize = 600;
/// So many in a row: the file system's journal makes each file's writes dearer that follow on
/// another one's.
const BLOCK: usize = 50;

/// A log in `home`, sealed as the agent's is.
pub(crate) fn open(home: &Path) -> Result<Store> {
    let path = home.join("wal.db");
    let vault = KeysAtHand::default().vault(&path);
    let identity = Identity { username: Username::new("ada"), device_id: DeviceId::new("device") };
    let store = Store::open(WalOptions { path, images: home.join("blobs"), identity, vault })
        .context("the log cannot be opened")?;
    store.vault().unlock().context("the log stays sealed")?;
    Ok(store)
}

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    grouped(bench, &mut measured, &Group { size: 1, commits: SINGLES, name: "one" })?;
    grouped(bench, &mut measured, &Group { size: 50, commits: GROUPS, name: "50" })?;
    grouped(bench, &mut measured, &Group { size: 64, commits: GROUPS, name: "64" })?;
    grouped(bench, &mut measured, &Group { size: 1000, commits: GROUPS / 12, name: "1000" })?;
    Ok(measured)
}

/// Events that are committed together.
struct Group {
    size: usize,
    /// How many times, in each repeat.
    commits: usize,
    name: &'static str,
}

/// Block by block in turn with the disk alone, so that both see the same neighbours.
fn grouped(bench: &Bench, measured: &mut Measured, group: &Group) -> Result<()> {
    let folder = bench.folder()?;
    let mut store = open(folder.path())?;
    let mut growing = Pages::growing(folder.path())?;
    let mut fixed = Pages::fixed(folder.path())?;
    let mut workload = Workload::new(group.size as u64);
    let (mut rates, mut ratios, mut fixed_ratios) = (vec![], vec![], vec![]);
    let (mut written, mut cpu) = (vec![], vec![]);
    for _ in 0..REPEATS {
        let events = workload.events(group.size * group.commits);
        let mut times = [vec![], vec![], vec![]];
        let (mut bytes, mut spent) = (0, Duration::ZERO);
        let commits: Vec<&[NewEvent]> = events.chunks(group.size).collect();
        for commits in commits.chunks(BLOCK) {
            for _ in commits {
                times[0].push(growing.promise()?);
            }
            for _ in commits {
                times[1].push(fixed.promise()?);
            }
            let (cpu_before, written_before) = (process::thread_cpu(), process::written()?);
            for events in commits {
                let begun = Instant::now();
                store.append(events).context("events cannot be appended")?;
                times[2].push(begun.elapsed());
            }
            spent += process::thread_cpu().saturating_sub(cpu_before);
            bytes += process::written()? - written_before;
        }
        let [growing, fixed, commits] = &mut times;
        let rate = disk::rate(commits) * group.size as f64;
        rates.push(rate);
        ratios.push(rate / disk::rate(growing));
        fixed_ratios.push(rate / disk::rate(fixed));
        written.push(bytes as f64 / events.len() as f64);
        cpu.push(spent.as_secs_f64() * 1e6 / events.len() as f64);
    }
    let name = |what: &str| format!("append.{}{what}", group.name);
    let each = match group.size {
        1 => "events appended one at a time, each synced".to_owned(),
        size => format!("events appended in groups of {size}, each synced"),
    };
    measured.add(&name(""), &each, "/s", &rates);
    let against = |with: &str| format!("{each}, against {with}");
    measured.add(&name(".ratio"), &against("4 KiB appended and synced"), "", &ratios);
    measured.add(&name(".fixed"), &against("4 KiB overwritten and synced"), "", &fixed_ratios);
    measured.add(&name(".written"), "bytes written for such an event", "B", &written);
    measured.add(&name(".cpu"), "processor time for it", "us", &cpu);
    Ok(())
}
