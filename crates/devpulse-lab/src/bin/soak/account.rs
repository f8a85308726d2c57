//! What a person reads in the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::meter::Trend;
use crate::tally::Tally;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    /// The battered device's, then the steady one's.
    pub(crate) accounts: Vec<devpulse_lab::Account>,
    pub(crate) weather: BTreeMap<&'static str, u64>,
    pub(crate) tally: Tally,
    pub(crate) trend: Trend,
    pub(crate) faults: Vec<String>,
}

impl Account {
    /// Why too little went wrong for the run to show anything, a sentence each.
    pub(crate) fn toothless(&self) -> Vec<String> {
        let kills = self.tally.steps.get("SIGKILL").copied().unwrap_or(0);
        [
            ("no batch was sent again although the server had it", self.tally.repeated),
            ("nothing was killed", kills),
            ("no request met a fault", self.weather.values().sum()),
        ]
        .into_iter()
        .filter(|(_, count)| *count == 0)
        .map(|(sentence, _)| sentence.to_owned())
        .collect()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, tally, trend) = (self.length.as_secs_f64() / 60.0, &self.tally, &self.trend);
        writeln!(f, "seed {}, {minutes:.1} minutes", self.seed)?;
        for (name, account) in ["battered", "steady"].iter().zip(&self.accounts) {
            let ledger = account.ledger;
            writeln!(f, "\n{name} device")?;
            row(f, "ids given out", account.promised)?;
            row(f, "events that the server holds", account.held)?;
            row(f, "captured", ledger.captured)?;
            row(f, "delivered", ledger.delivered)?;
            row(f, "  of them already there", ledger.duplicates)?;
            row(
                f,
                "pending, dead, dropped",
                format_args!("{}, {}, {}", ledger.pending, ledger.dead_letters, ledger.dropped),
            )?;
        }
        writeln!(f, "\nwire")?;
        row(f, "requests", tally.requests)?;
        row(f, "batches", tally.batches)?;
        row(f, "  sent again", tally.resends)?;
        row(f, "  although the server had them", tally.repeated)?;
        writeln!(f, "\nwhat happened")?;
        for (step, count) in &tally.steps {
            row(f, step, count)?;
        }
        row(f, "slowest end after SIGTERM", seconds(tally.slowest_end))?;
        row(f, "spells of a full disk with refused writes", tally.refused_writes)?;
        row(f, "slowest to go on once there was room", seconds(tally.slowest_resumption))?;
        writeln!(f, "\nrequests that met a fault")?;
        for (kind, count) in &self.weather {
            row(f, kind, count)?;
        }
        writeln!(f, "\nsteady process")?;
        row(
            f,
            "memory, first and second half (median, MiB)",
            format_args!("{:.1}, {:.1}", mib(trend.first_rss_kib), mib(trend.last_rss_kib)),
        )?;
        row(f, "memory, peak (MiB)", format_args!("{:.1}", mib(trend.peak_rss_kib)))?;
        row(f, "memory, slope (MiB an hour)", format_args!("{:+.2}", trend.slope_mib_h))?;
        row(
            f,
            "descriptors, peak of first and second half",
            format_args!("{}, {}", trend.peak_descriptors_early, trend.peak_descriptors_late),
        )?;
        writeln!(f)?;
        for fault in &self.faults {
            writeln!(f, "FAULT: {fault}")?;
        }
        if self.faults.is_empty() {
            writeln!(f, "everything adds up")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {name:<46} {value}")
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
