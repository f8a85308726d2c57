//! The agent itself: events handed to it, delivered to the reference server over loopback,
//! and its start with a million of them waiting.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use devpulse_lab::{Agent, Device, TestServer};
use serde_json::json;

use crate::figure::Number;
use crate::meter::Meter;
use crate::process;
use crate::results::{Measured, Table};
use crate::suite::Bench;
use crate::workload::Workload;

const REPEATS: usize = 5;
const EVENTS: usize = 100_000;
const ON_THE_WIRE: usize = 10_000;
const LONE: usize = 9;
const MILLION: usize = 1_000_000;
const STARTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(120);

/// A device whose log may grow beyond what is usual, and its server.
pub(crate) fn roomy_server() -> TestServer {
    let server = TestServer::start();
    server.set_config(json!({"limits": {"max_disk_mb": 65536}}));
    server
}

/// A device of that server, reached at `url`, with its home on the disk that is measured.
pub(crate) fn device(bench: &Bench, server: &TestServer, url: &str) -> Device {
    let device = Device::within(bench.scratch()).with("DEVPULSE_LOG", "error");
    device.enroll_again(server, url, "bench").expect_exit(0);
    device
}

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut server = roomy_server();
    let device = device(bench, &server, &server.url());
    let agent = device.start_agent();
    let mut workload = Workload::new(11);
    let mut taken = Samples::default();
    let mut drained = Samples::default();
    for _ in 0..REPEATS {
        server.stop();
        let lines = workload.lines(EVENTS);
        taken.take(EVENTS, agent.pid(), || {
            agent.emit_lines(&lines).expect_exit(0);
        })?;
        server.start_again();
        drained.take(EVENTS, agent.pid(), || {
            device.run(&["sync", "--timeout", "300"]).expect_exit(0);
        })?;
    }
    measured.add("emit.rate", "events through `emit --stdin`, durable", "/s", &taken.rates);
    measured.add("emit.cpu", "the agent's processor time for such an event", "us", &taken.cpu);
    measured.add("drain.rate", "events delivered to a loopback server", "/s", &drained.rates);
    measured.add(
        "drain.cpu",
        "the agent's processor time for an event delivered, from the log on",
        "us",
        &drained.cpu,
    );
    let memory = process::memory(agent.pid())?;
    measured.add(
        "drain.private",
        "private memory of the agent afterwards",
        "MB",
        &[memory.private_dirty as f64 / 1e6],
    );
    drop(agent);
    wire(bench, &server, &mut measured)?;
    Ok(measured)
}

/// What goes over the wire, at the batch size that is usual.
fn wire(bench: &Bench, server: &TestServer, measured: &mut Measured) -> Result<()> {
    let meter = Meter::start(server.address())?;
    let device = device(bench, server, &meter.url());
    let agent = device.start_agent();
    device.run(&["sync"]).expect_exit(0);
    let mut workload = Workload::new(13);
    let (mut there, mut back) = (vec![], vec![]);
    for _ in 0..3 {
        let lines = workload.lines(ON_THE_WIRE);
        let before = meter.counted();
        agent.emit_lines(&lines).expect_exit(0);
        device.run(&["sync"]).expect_exit(0);
        let after = meter.counted();
        there.push((after[0] - before[0]) as f64 / ON_THE_WIRE as f64);
        back.push((after[1] - before[1]) as f64 / ON_THE_WIRE as f64);
    }
    let what = "bytes on the wire for an event, headers included, batches of up to 100";
    measured.add("drain.wire", what, "B", &there);
    measured.add("drain.wire.back", "bytes answered for it", "B", &back);
    let (mut there, mut back) = (vec![], vec![]);
    for _ in 0..LONE {
        let before = meter.counted();
        agent.emit_lines(&workload.lines(1)).expect_exit(0);
        device.run(&["sync"]).expect_exit(0);
        let after = meter.counted();
        there.push((after[0] - before[0]) as f64);
        back.push((after[1] - before[1]) as f64);
    }
    measured.add("request.there", "bytes of a request with one event", "B", &there);
    measured.add("request.back", "bytes of its answer", "B", &back);
    Ok(())
}

#[derive(Default)]
struct Samples {
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

impl Samples {
    fn take(&mut self, events: usize, pid: u32, work: impl FnOnce()) -> Result<()> {
        let (begun, before) = (Instant::now(), process::cpu(pid)?);
        work();
        self.rates.push(events as f64 / begun.elapsed().as_secs_f64());
        let spent = process::cpu(pid)?.saturating_sub(before);
        self.cpu.push(spent.as_secs_f64() * 1e6 / events as f64);
        Ok(())
    }
}

pub(crate) fn measure_start(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut server = roomy_server();
    let device = device(bench, &server, &server.url());
    server.stop();
    let mut workload = Workload::new(17);
    let agent = device.start_agent();
    while pending(&device) < MILLION as u64 {
        agent.emit_lines(&workload.lines(EVENTS)).expect_exit(0);
    }
    let mut agent = Some(agent);
    let (mut clean, mut killed, mut ends) = (vec![], vec![], vec![]);
    let mut memory = Vec::new();
    for _ in 0..STARTS {
        let Some(running) = agent.take() else { bail!("no agent runs") };
        let (status, took) = running.signal("-TERM");
        anyhow::ensure!(status.success(), "the agent ended with {status}");
        ends.push(took.as_secs_f64());
        let (running, took) = start(&device)?;
        clean.push(took.as_secs_f64());
        memory.push(process::memory(running.pid())?.proportional as f64 / 1e6);
        running.emit_lines(&workload.lines(1000)).expect_exit(0);
        running.kill();
        let (running, took) = start(&device)?;
        killed.push(took.as_secs_f64());
        agent = Some(running);
    }
    measured.add("start.clean", "from `run` to the first answer, closed before", "s", &clean);
    measured.add("start.killed", "the same after kill -9", "s", &killed);
    measured.add("start.end", "from SIGTERM to the end, no server there", "s", &ends);
    measured.add("start.pss", "memory (PSS) after the start", "MB", &memory);
    let status = status_ms(&device)?;
    measured.add("start.status", "`status --json` from the running agent", "ms", &status);
    let Some(agent) = agent else { bail!("no agent runs") };
    drain(&mut server, &device, &agent, &mut measured)?;
    Ok(measured)
}

/// Everything that waits goes out, and what that takes.
fn drain(
    server: &mut TestServer,
    device: &Device,
    agent: &Agent<'_>,
    measured: &mut Measured,
) -> Result<()> {
    let events = usize::try_from(pending(device))?;
    server.start_again();
    let mut drained = Samples::default();
    drained.take(events, agent.pid(), || {
        device.run(&["sync", "--timeout", "900"]).expect_exit(0);
    })?;
    let what = format!("{} events delivered", Number(events as f64));
    measured.add("start.drain.rate", &what, "/s", &drained.rates);
    measured.add("start.drain.cpu", "processor time for one of them", "us", &drained.cpu);
    let memory = process::memory(agent.pid())?;
    let pss = [memory.proportional as f64 / 1e6];
    measured.add("start.drain.pss", "memory (PSS) after that", "MB", &pss);
    let row = |name: &str, value: &[f64]| vec![name.to_owned(), Number(value[0]).to_string()];
    let rows = vec![row("events a second", &drained.rates), row("us an event", &drained.cpu)];
    measured.tables.push(Table { name: "start.drain".to_owned(), rows });
    Ok(())
}

/// Starts the agent, and says how long it took until it answered.
pub(crate) fn start(device: &Device) -> Result<(Agent<'_>, Duration)> {
    let begun = Instant::now();
    let agent = device.spawn_agent();
    while !device.answers() {
        if begun.elapsed() > PATIENCE {
            bail!("the agent does not answer");
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    Ok((agent, begun.elapsed()))
}

fn pending(device: &Device) -> u64 {
    device.status()["pipeline"]["pending"].as_u64().unwrap_or(0)
}

fn status_ms(device: &Device) -> Result<Vec<f64>> {
    (0..STARTS)
        .map(|_| {
            let begun = Instant::now();
            let mut command: Command = device.command(&["status", "--json"]);
            let status = command.stdout(Stdio::null()).status().context("no status")?;
            anyhow::ensure!(status.success(), "`status` ended with {status}");
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        })
        .collect()
}
