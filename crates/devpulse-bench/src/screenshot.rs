//! A screenshot of 1920x1080, from the pixels to the file that waits to be sent.

use std::time::Instant;

use anyhow::{Context as _, Result};
use devpulse_control::ControlClient;
use tempfile::NamedTempFile;

use crate::desktop::VirtualDesktop;
use crate::results::Measured;
use crate::suite::Bench;
use crate::{delivery, process, rest};

const SHOTS: usize = 15;

/// The text that fills the terminals: always the same, and long enough.
const TEXT: &str = include_str!("../../../LICENSE");

pub(crate) fn text(bench: &Bench) -> Result<NamedTempFile> {
    let file = NamedTempFile::new_in(bench.scratch()).context("no file can be made")?;
    std::fs::write(file.path(), TEXT.repeat(2)).context("a file cannot be written")?;
    Ok(file)
}

pub(crate) fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    let text = text(bench)?;
    let desktop = VirtualDesktop::at_work(bench, text.path())?;
    let Taken { first, shots, peak, pss } = take(bench, &desktop)?;
    let of = |index: usize| shots.iter().map(|shot| shot[index]).collect::<Vec<_>>();
    measured.add("screenshot.cpu", "the agent's processor time for a screenshot", "ms", &of(1));
    measured.add("screenshot.wall", "from asking for it until it is durable", "ms", &of(0));
    measured.add("screenshot.bytes", "its file", "kB", &of(2));
    let [wall, cpu, _] = first;
    measured.add("screenshot.first.cpu", "processor time of the first one", "ms", &[cpu]);
    measured.add("screenshot.first.wall", "the first one until it is durable", "ms", &[wall]);
    let mega = |bytes: u64| [bytes as f64 / 1e6];
    measured.add("screenshot.peak", "most memory of the agent (RSS)", "MB", &mega(peak));
    measured.add("screenshot.pss", "its memory afterwards (PSS)", "MB", &mega(pss));
    Ok(measured)
}

/// Milliseconds on the clock, milliseconds on a core, and kilobytes, of each screenshot.
pub(crate) fn shots(bench: &Bench, desktop: &VirtualDesktop) -> Result<Vec<[f64; 3]>> {
    Ok(take(bench, desktop)?.shots)
}

struct Taken {
    /// It finds buffers that nobody has touched yet.
    first: [f64; 3],
    shots: Vec<[f64; 3]>,
    peak: u64,
    pss: u64,
}

fn take(bench: &Bench, desktop: &VirtualDesktop) -> Result<Taken> {
    let mut server = delivery::roomy_server();
    let device = rest::on_desktop(bench, &server, desktop);
    // Nothing is sent while it is measured.
    server.stop();
    let agent = device.start_agent();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let socket = device.home().join("agent.sock");
    let client = runtime.block_on(ControlClient::connect(&socket)).context("no agent")?;
    let mut all = Vec::with_capacity(SHOTS + 1);
    for _ in 0..=SHOTS {
        desktop.change()?;
        let (begun, before) = (Instant::now(), process::cpu(agent.pid())?);
        let shots = runtime.block_on(client.screenshot()).context("no screenshot")?;
        let took = begun.elapsed();
        let spent = process::cpu(agent.pid())?.saturating_sub(before);
        let shot = shots.first().context("no monitor")?;
        anyhow::ensure!(shot.duplicate_of.is_none(), "the screen did not change");
        let kilobytes = shot.size_bytes as f64 / 1e3;
        all.push([took.as_secs_f64() * 1e3, spent.as_secs_f64() * 1e3, kilobytes]);
    }
    let peak = process::peak(agent.pid())?;
    let pss = process::memory(agent.pid())?.proportional;
    Ok(Taken { first: all.remove(0), shots: all, peak, pss })
}
