//! The guard: what hardly depends on the machine and not at all on its load, against a
//! committed baseline. Instructions that an event takes, and bytes that it becomes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use devpulse_protocol::Timestamp;

use crate::figure::Number;
use crate::workload::Workload;
use crate::{append, exercise, process, programs};

/// So much more than the baseline is a fault; compilers alone account for a few percent.
const MORE: f64 = 1.25;
/// So much less is worth a new baseline.
const LESS: f64 = 0.8;

const BASELINE: &str = include_str!("../baseline.json");

/// Events of the shorter of two runs, whose difference is counted.
const EVENTS: usize = 2000;

/// What was counted, by its name.
type Counts = BTreeMap<String, f64>;

/// Counts, and compares with the baseline; where `fresh` is given, the counts are written
/// there instead.
///
/// # Errors
/// Fails where something takes a quarter more than it did, and where nothing can be counted.
pub fn run(scratch: &Path, fresh: Option<&Path>) -> Result<()> {
    std::fs::create_dir_all(scratch).context("no folder can be made")?;
    let mut counts = bytes(scratch)?;
    if programs::find("valgrind").is_some() {
        for name in exercise::EXERCISES {
            let counted = instructions(scratch, name)?;
            counts.insert(format!("instructions an event: {name}"), counted);
        }
    } else {
        println!("valgrind is not installed, so instructions are not counted");
    }
    if let Some(path) = fresh {
        let mut text = serde_json::to_string_pretty(&counts).context("counts without JSON")?;
        text.push('\n');
        return std::fs::write(path, text).context("the baseline cannot be written");
    }
    let baseline: Counts = serde_json::from_str(BASELINE).context("the baseline is not JSON")?;
    let faults = compare(&baseline, &counts);
    for (name, count) in &counts {
        let before = baseline.get(name).copied().unwrap_or(f64::NAN);
        println!(
            "{name:<44} {:>10}   baseline {:>10}",
            Number(*count).to_string(),
            Number(before).to_string()
        );
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

/// Everything that takes far more than it did, a sentence each.
fn compare(baseline: &Counts, counts: &Counts) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, count) in counts {
        let Some(before) = baseline.get(name) else {
            faults.push(format!("{name}: the baseline does not know it"));
            continue;
        };
        let ratio = count / before;
        if ratio > MORE {
            faults.push(format!("{name}: {} where {} was usual", Number(*count), Number(*before)));
        } else if ratio < LESS {
            println!(
                "{name}: {} where {} was usual; take a new baseline",
                Number(*count),
                Number(*before)
            );
        }
    }
    faults
}

/// Bytes that an event becomes on the disk and on the wire.
fn bytes(scratch: &Path) -> Result<Counts> {
    const GROUPS: usize = 600;

    let folder = tempfile::tempdir_in(scratch).context("no folder can be made")?;
    let mut store = append::open(folder.path())?;
    let mut workload = Workload::new(29);
    let events = GROUPS * exercise::GROUP;
    let before = process::written()?;
    exercise::fill(&mut store, &mut workload, events)?;
    let written = (process::written()? - before) as f64 / events as f64;
    let (mut compressed, mut plain, mut sent) = (0, 0, 0);
    for _ in 0..20 {
        let Some(batch) = exercise::next_batch(&mut store)? else { break };
        let body = zstd::bulk::compress(&batch.outgoing.body, 3).context("zstd fails")?;
        compressed += body.len();
        plain += batch.outgoing.body.len();
        sent += batch.events.len();
        let receipt = exercise::receipt(&batch)?;
        store.acknowledge(&batch, &receipt, true, None, Timestamp::now()).context("no receipt")?;
    }
    let each = |bytes: usize| bytes as f64 / sent as f64;
    Ok(Counts::from([
        ("bytes written an event: groups of 64".to_owned(), written),
        ("bytes of JSON an event: batches of 100".to_owned(), each(plain)),
        ("bytes of zstd an event: batches of 100".to_owned(), each(compressed)),
    ]))
}

/// Instructions that one more event takes: what a start takes falls out of the difference.
fn instructions(scratch: &Path, name: &str) -> Result<f64> {
    let few = counted(scratch, name, EVENTS)?;
    let many = counted(scratch, name, 2 * EVENTS)?;
    Ok((many - few) / EVENTS as f64)
}

fn counted(scratch: &Path, name: &str, events: usize) -> Result<f64> {
    let folder = tempfile::tempdir_in(scratch).context("no folder can be made")?;
    let here = std::env::current_exe().context("this program has no place")?;
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(here)
        .args(["--scratch"])
        .arg(folder.path())
        .args(["--exercise", name, "--events", &events.to_string()])
        .output()
        .context("valgrind does not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line =
        said.lines().find_map(|line| line.split_once("I   refs:").or(line.split_once("I refs:")));
    let count = line.and_then(|(_, count)| count.trim().replace(',', "").parse().ok());
    match count {
        Some(count) if output.status.success() => Ok(count),
        _ => bail!("`{name}` could not be counted:\n{said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(value: f64) -> Counts {
        Counts::from([("a".to_owned(), value)])
    }

    #[test]
    fn a_quarter_more_is_a_fault_and_less_is_none() {
        assert!(compare(&counts(100.0), &counts(124.0)).is_empty());
        assert_eq!(compare(&counts(100.0), &counts(126.0)).len(), 1);
        assert!(compare(&counts(100.0), &counts(10.0)).is_empty());
    }

    #[test]
    fn what_the_baseline_does_not_know_is_a_fault() {
        assert_eq!(compare(&Counts::new(), &counts(1.0)).len(), 1);
    }
}
