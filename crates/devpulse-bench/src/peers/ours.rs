//! DevPulse through the same: the same events, the same mishaps.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use anyhow::{Context as _, Result};
use devpulse_lab::{Device, Fault, FaultProxy, Reply, TestServer};
use serde_json::json;

use super::sink::numbers_in;
use super::{AROUND, BURST, Burst, Fate, Mishap, OUTAGE, PACE, UNTIL_KILLED};
use crate::meter::Meter;
use crate::rest::pause;
use crate::suite::Bench;
use crate::workload::Workload;
use crate::{delivery, process};

pub(super) fn burst(bench: &Bench) -> Result<Burst> {
    let server = TestServer::start();
    let meter = Meter::start(server.address())?;
    let device = delivery::device(bench, &server, &meter.url());
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    let lines = Workload::new(19).lines(BURST);
    let (begun, before) = (Instant::now(), process::cpu(agent.pid())?);
    let sent = meter.counted()[0];
    agent.emit_lines(&lines).expect_exit(0);
    let taken = begun.elapsed();
    device.run(&["sync"]).expect_exit(0);
    let (all, spent) = (begun.elapsed(), process::cpu(agent.pid())?.saturating_sub(before));
    let events = BURST as f64;
    Ok(Burst {
        taken: events / taken.as_secs_f64(),
        delivered: events / all.as_secs_f64(),
        cpu_us: spent.as_secs_f64() * 1e6 / events,
        wire: (meter.counted()[0] - sent) as f64 / events,
        peak_mb: process::peak(agent.pid())? as f64 / 1e6,
    })
}

pub(super) fn fate(bench: &Bench, mishap: Mishap) -> Result<Fate> {
    let server = TestServer::start();
    let layer = FaultProxy::start(server.address());
    let device = delivery::device(bench, &server, &layer.url());
    let status = Arc::new(AtomicU16::new(200));
    let answered = Arc::clone(&status);
    layer.set(move |_| match answered.load(Ordering::SeqCst) {
        200 => Fault::Pass,
        status => Fault::answer(Reply::status(status)),
    });
    let agent = device.start_agent();
    let mut emission = Emission::start(&device)?;
    let taken = match mishap {
        Mishap::Killed => {
            emission.feed(UNTIL_KILLED.as_secs() as usize * PACE);
            agent.kill();
            let taken = emission.end();
            let agent = device.start_agent();
            device.run(&["sync"]).expect_exit(0);
            agent.kill();
            taken
        }
        Mishap::Answered(answer) => {
            emission.feed(AROUND.as_secs() as usize * PACE);
            status.store(answer, Ordering::SeqCst);
            emission.feed(OUTAGE.as_secs() as usize * PACE);
            status.store(200, Ordering::SeqCst);
            emission.feed(AROUND.as_secs() as usize * PACE);
            let taken = emission.end();
            device.run(&["sync"]).expect_exit(0);
            agent.kill();
            taken
        }
    };
    let mut held: Vec<u64> = server
        .events()
        .iter()
        .flat_map(|event| numbers_in(event.to_string().as_bytes()).collect::<Vec<_>>())
        .collect();
    let all = held.len();
    held.sort_unstable();
    held.dedup();
    // Ids are printed in the order of the lines, so that these are the first ones.
    let lost = (0..taken as u64).filter(|number| held.binary_search(number).is_err()).count();
    Ok(Fate { taken, lost, repeated: all - held.len() })
}

/// `emit --stdin`, fed at the common pace.
struct Emission {
    child: Child,
    ids: mpsc::Receiver<String>,
    next: usize,
}

impl Emission {
    fn start(device: &Device) -> Result<Self> {
        let mut command = device.command(&["emit", "--stdin"]);
        let mut child =
            command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().context("no client")?;
        let said = child.stdout.take().context("the client says nothing")?;
        let (tell, ids) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                // Whoever reads may have enough.
                tell.send(line).ok();
            }
        });
        Ok(Self { child, ids, next: 0 })
    }

    fn feed(&mut self, count: usize) {
        let begun = Instant::now();
        for number in 1..=count {
            let title = format!("ev{:08} a window", self.next);
            let line = json!({"name": "window", "data": {"window_title": title}});
            self.next += 1;
            if let Some(stdin) = &mut self.child.stdin {
                // A client that has lost its agent has ended.
                writeln!(stdin, "{line}").ok();
            }
            let due = begun + std::time::Duration::from_secs_f64(number as f64 / PACE as f64);
            pause(due.saturating_duration_since(Instant::now()));
        }
    }

    /// Ends it, and says how many events it has acknowledged.
    fn end(mut self) -> usize {
        drop(self.child.stdin.take());
        let taken = self.ids.iter().count();
        self.child.wait().ok();
        taken
    }
}
