//! What the agent takes while nothing happens, and while the focus moves once a second.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use devpulse_lab::{Agent, Device, TestServer, first_line};

use crate::desktop::{Ended, VirtualDesktop};
use crate::process::{self, Usage};
use crate::results::Measured;
use crate::suite::Bench;
use crate::{delivery, screenshot};

/// Long enough for three heartbeats.
const REST: Duration = Duration::from_secs(185);
/// What an agent does right after its start is no rest.
const SETTLING: Duration = Duration::from_secs(45);
const SWITCHES: usize = 60;
const NO_HEARTBEAT_S: &str = "86400";

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    let text = screenshot::text(bench)?;
    let desktop = VirtualDesktop::at_work(bench, text.path())?;
    // One server each: a machine that enrolls again takes the key of its former device away,
    // and a device without a key asks for a token each minute.
    let servers: [TestServer; 3] = std::array::from_fn(|_| TestServer::start());
    let bus = Bus::start()?;
    let usual = on_desktop(bench, &servers[0], &desktop);
    let quiet = on_desktop(bench, &servers[1], &desktop)
        .with("DEVPULSE_HEARTBEAT_INTERVAL", NO_HEARTBEAT_S);
    let with_bus = on_desktop(bench, &servers[2], &desktop)
        .with("DEVPULSE_HEARTBEAT_INTERVAL", NO_HEARTBEAT_S)
        .with("DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
    let agents = [&usual, &quiet, &with_bus].map(Device::start_agent);
    pause(SETTLING);
    let before = looks(&agents)?;
    let begun = Instant::now();
    pause(REST);
    let after = looks(&agents)?;
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let percent = |index: usize| {
        let spent: Duration = after[index].cpu.saturating_sub(before[index].cpu);
        spent.as_secs_f64() / (minutes * 60.0) * 100.0
    };
    let waits = |index: usize| (after[index].waits - before[index].waits) as f64 / minutes;
    let memory = process::memory(agents[0].pid())?;
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let told = [
        ("rest.cpu", "at rest, a heartbeat a minute: share of a core", "%", percent(0)),
        ("rest.waits.usual", "its wakeups a minute, heartbeats included", "", waits(0)),
        ("rest.waits", "wakeups a minute besides heartbeats", "", waits(1)),
        ("rest.cpu.quiet", "share of a core besides heartbeats", "%", percent(1)),
        ("rest.waits.bus", "wakeups a minute besides heartbeats, with a system bus", "", waits(2)),
        ("rest.pss", "memory at rest (PSS)", "MB", mega(memory.proportional)),
        ("rest.private", "of which private and dirty", "MB", mega(memory.private_dirty)),
    ];
    for (name, what, unit, value) in told {
        measured.add(name, what, unit, &[value]);
    }
    drop(agents);
    focus(&usual, &desktop, &mut measured)?;
    Ok(measured)
}

/// The focus moves once a second.
fn focus(device: &Device, desktop: &VirtualDesktop, measured: &mut Measured) -> Result<()> {
    let agent = device.start_agent();
    pause(Duration::from_secs(10));
    let before = process::usage(agent.pid())?;
    let begun = Instant::now();
    for number in 0..SWITCHES {
        desktop.switch(number)?;
        let next = begun + Duration::from_secs(number as u64 + 1);
        pause(next.saturating_duration_since(Instant::now()));
    }
    let after = process::usage(agent.pid())?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let waits = (after.waits - before.waits) as f64 / (seconds / 60.0);
    let written = (after.written - before.written) as f64 / SWITCHES as f64;
    let pss = process::memory(agent.pid())?.proportional as f64 / 1e6;
    measured.add(
        "focus.cpu",
        "focus moves once a second: share of a core",
        "%",
        &[cpu / seconds * 100.0],
    );
    let each = [cpu * 1e6 / SWITCHES as f64];
    measured.add(
        "focus.event",
        "processor time for one move, from X11 to the receipt",
        "us",
        &each,
    );
    measured.add("focus.waits", "wakeups a minute then", "", &[waits]);
    measured.add("focus.written", "bytes written for one move", "B", &[written]);
    measured.add("focus.pss", "memory then (PSS)", "MB", &[pss]);
    Ok(())
}

/// A device on the desktop.
pub(crate) fn on_desktop(bench: &Bench, server: &TestServer, desktop: &VirtualDesktop) -> Device {
    delivery::device(bench, server, &server.url()).with("DISPLAY", desktop.display())
}

fn looks(agents: &[Agent<'_>]) -> Result<Vec<Usage>> {
    agents.iter().map(|agent| process::usage(agent.pid())).collect()
}

/// Time passes, and nothing else.
pub(crate) fn pause(length: Duration) {
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        std::thread::park_timeout(left);
    }
}

/// A bus that stands in for the system's, with nobody on it.
struct Bus {
    address: String,
    _daemon: Ended,
}

impl Bus {
    fn start() -> Result<Self> {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("dbus-daemon does not start")?;
        let said = daemon.stdout.take().context("dbus-daemon says nothing")?;
        let daemon = Ended(daemon);
        Ok(Self { address: first_line(said), _daemon: daemon })
    }
}
