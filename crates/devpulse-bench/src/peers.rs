//! What people use today, in the same run: how much it loses, what it takes, what it sends.
//! They run in an environment of Python that is made for them, in the versions that
//! `peers/requirements.txt` names.

mod ours;
mod program;
mod screens;
mod sink;

use std::time::Duration;

use anyhow::Result;

use crate::figure::Number;
use crate::results::{Measured, Table};
use crate::suite::Bench;
use program::{PEERS, Peer};

/// Handed over as fast as it goes.
pub(crate) const BURST: usize = 5000;
/// A second, where something goes wrong meanwhile.
pub(crate) const PACE: usize = 20;
/// Handed over before a kill.
pub(crate) const UNTIL_KILLED: Duration = Duration::from_secs(8);
/// For how long the server answers with an error, and for how long all is well before and
/// after it.
pub(crate) const OUTAGE: Duration = Duration::from_secs(30);
pub(crate) const AROUND: Duration = Duration::from_secs(5);
/// What a product has to deliver what it holds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a burst takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Burst {
    /// Events a second that the product's own call took.
    pub(crate) taken: f64,
    /// Events a second until the last one was delivered.
    pub(crate) delivered: f64,
    /// Processor time an event in microseconds, from the call to the answer.
    pub(crate) cpu_us: f64,
    /// Bytes an event on the wire, headers included.
    pub(crate) wire: f64,
    /// The most memory that the process had, in MB.
    pub(crate) peak_mb: f64,
}

/// What became of events while something went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// The product's own call had returned.
    pub(crate) taken: usize,
    /// Neither delivered, nor delivered after the product was started once more.
    pub(crate) lost: usize,
    /// Delivered more than once.
    pub(crate) repeated: usize,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mishap {
    Killed,
    Answered(u16),
}

const MISHAPS: [Mishap; 3] = [Mishap::Killed, Mishap::Answered(500), Mishap::Answered(401)];

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    program::install(bench)?;
    let mut measured = Measured::default();
    measured.tables.push(bursts(bench)?);
    measured.tables.push(fates(bench)?);
    measured.tables.push(screens::table(bench)?);
    Ok(measured)
}

fn bursts(bench: &Bench) -> Result<Table> {
    let head = [
        "",
        "taken, events/s",
        "delivered, events/s",
        "processor, us an event",
        "wire, bytes an event",
        "most memory, MB",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.push(row("DevPulse", ours::burst(bench)?));
    for peer in &PEERS {
        rows.push(row(peer.name, peer.burst(bench)?));
    }
    return Ok(Table { name: "peers.burst".to_owned(), rows });

    fn row(name: &str, burst: Burst) -> Vec<String> {
        let Burst { taken, delivered, cpu_us, wire, peak_mb } = burst;
        let figures = [taken, delivered, cpu_us, wire, peak_mb];
        let figures = figures.map(|figure| Number(figure).to_string());
        [name.to_owned()].into_iter().chain(figures).collect()
    }
}

/// All products at once: what they lose does not depend on how fast they are.
fn fates(bench: &Bench) -> Result<Table> {
    let outage = OUTAGE.as_secs();
    let head = [
        String::new(),
        "lost after kill -9".to_owned(),
        format!("lost after {outage} s of 500"),
        format!("lost after {outage} s of 401"),
        "delivered twice".to_owned(),
    ];
    let mut rows = vec![head.to_vec()];
    let ours = |mishap| ours::fate(bench, mishap);
    let all: Vec<[Fate; 3]> = std::thread::scope(|scope| {
        let mut running = vec![scope.spawn(move || three(ours))];
        for peer in &PEERS {
            running.push(scope.spawn(move || three(|mishap| peer.fate(bench, mishap))));
        }
        running
            .into_iter()
            .map(|thread| {
                let joined = thread.join();
                joined.unwrap_or_else(|_| Err(anyhow::anyhow!("a product's run ended in a panic")))
            })
            .collect::<Result<_>>()
    })?;
    let names = ["DevPulse"].into_iter().chain(PEERS.iter().map(|peer: &Peer| peer.name));
    for (name, fates) in names.zip(all) {
        let lost = fates.map(|fate| format!("{} of {}", fate.lost, fate.taken));
        let repeated: usize = fates.iter().map(|fate| fate.repeated).sum();
        let cells = [name.to_owned()].into_iter().chain(lost).chain([repeated.to_string()]);
        rows.push(cells.collect());
    }
    Ok(Table { name: "peers.loss".to_owned(), rows })
}

fn three(fate: impl Fn(Mishap) -> Result<Fate>) -> Result<[Fate; 3]> {
    let [killed, failing, refusing] = MISHAPS;
    Ok([fate(killed)?, fate(failing)?, fate(refusing)?])
}
