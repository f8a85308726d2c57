//! Windows: built and linked with the mingw tools, and tried under Wine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::toolchain;
use super::windows_agent::WindowsAgent;
use super::wine::Wine;
use crate::demo::desktop::Desktop;
use crate::demo::home::Home;
use crate::demo::interrupts::Interrupts;
use crate::demo::process::Process;
use crate::demo::server::Server;
use crate::{packages, workspace};

pub(super) const TARGET: &str = "x86_64-pc-windows-gnu";

/// Packages whose own tests run under Wine: what calls Windows, and what is pure and the
/// same everywhere, so that a test that fails there and not here speaks of Windows.
const TESTED: [&str; 3] = ["devpulse-windows", "devpulse-control", "devpulse-capture"];

/// Wine 8 makes a first instance of a pipe that is there already; Windows refuses it.
const UNKNOWN_TO_WINE: &str = "a_name_that_is_taken_is_not_shared";

/// How many events are emitted in all, before each kill and after the last.
const PARTS: [std::ops::Range<u64>; 3] = [0..334, 334..667, 667..1000];

/// Builds the programs of the core, and everything that they consist of.
pub(super) fn build() -> Result<()> {
    let mut command = toolchain::cargo("build", TARGET)?;
    command.args(toolchain::CORE.iter().flat_map(|package| ["--package", *package]));
    workspace::run(&mut command)?;
    for name in ["devpulse-client.exe", "devpulse-server.exe"] {
        let program = program(name)?;
        println!("{:>10} {}", program.metadata()?.len(), program.display());
    }
    Ok(())
}

/// Runs the tests of what calls Windows, then the agent: two kills, and every event once.
pub(super) fn try_under_wine() -> Result<()> {
    packages::ensure_desktop()?;
    let interrupts = Interrupts::listen()?;
    let home = Home::create()?;
    workspace::run(workspace::cargo()?.args([
        "build",
        "--locked",
        "--package",
        "devpulse-server",
    ]))?;
    let desktop = Desktop::start(&home, &interrupts)?;
    let wine = Wine::set_up(desktop.display())?;
    tests(&wine)?;
    let server = workspace::target()?.join("debug/devpulse-server");
    let mut server = Server::start(&server, &home, &interrupts)?;
    let client = program("devpulse-client.exe")?;
    let mut agent = WindowsAgent::new(&wine, client, home.logs());
    agent.enroll(&server)?;
    let _notepad = notepad(&wine, &desktop, &home, &interrupts)?;
    let mut taken = Vec::new();
    let last = PARTS.len() - 1;
    for (part, numbers) in PARTS.into_iter().enumerate() {
        let pid = agent.start(&interrupts)?;
        taken.extend(agent.emit(numbers)?);
        if part < last {
            agent.kill(pid, &interrupts)?;
            println!("{} events were taken; agent {pid} was killed", taken.len());
        }
    }
    agent.show_itself(&interrupts)?;
    agent.sync()?;
    show_capture(&agent.status()?);
    server.check_running()?;
    let events = everything(&mut server)?;
    delivered_once(&events, &taken)?;
    was_seen(&events)
}

/// A window for the agent to see.
fn notepad(
    wine: &Wine,
    desktop: &Desktop,
    home: &Home,
    interrupts: &Interrupts,
) -> Result<Process> {
    let process = Process::start("notepad", &mut wine.command(Path::new("notepad")), &home.logs())?;
    interrupts.until("the window of Notepad", Duration::from_secs(30), || {
        let mut command = desktop.command("xdotool");
        let found = command.args(["search", "--onlyvisible", "--name", "Notepad"]).output()?;
        Ok((!found.stdout.trim_ascii().is_empty()).then_some(()))
    })?;
    Ok(process)
}

/// Every event that the server has.
fn everything(server: &mut Server) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    loop {
        let page = server.new_events()?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

/// Fails unless the window that had the focus was told of, and an image of the screen taken.
fn was_seen(events: &[Value]) -> Result<()> {
    let told =
        |event: &&Value| event["window_title"].as_str().unwrap_or_default().contains("Notepad");
    let window = events
        .iter()
        .filter(|event| event["event_type"] == "window")
        .find(told)
        .context("Notepad was not told of")?;
    let text = |field: &str| window[field].as_str().unwrap_or("-").to_owned();
    println!(
        "seen: {:?} of {:?}, process {}",
        text("window_title"),
        text("app_name"),
        window["pid"]
    );
    let image = events
        .iter()
        .find(|event| event["event_type"] == "screenshot")
        .context("no image was taken")?;
    println!("image: {} by {}, {} bytes", image["width"], image["height"], image["size_bytes"]);
    Ok(())
}

/// Fails unless the server has each of these events once, and no other of the kind.
fn delivered_once(events: &[Value], taken: &[String]) -> Result<()> {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event_type"] == "custom") {
        let id = event["event_id"].as_str().unwrap_or_default();
        *times.entry(id.to_owned()).or_default() += 1;
    }
    for id in taken {
        ensure!(times.get(id) == Some(&1), "{id} was delivered {:?} times", times.get(id));
    }
    ensure!(
        times.len() == taken.len(),
        "{} events were delivered that nobody emitted",
        times.len() - taken.len()
    );
    println!("{} events emitted, the agent killed twice: each was delivered once", taken.len());
    Ok(())
}

fn show_capture(status: &Value) {
    for signal in ["focus", "idle", "session", "screen"] {
        let shown = &status["capture"][signal];
        let text = |field: &str| shown[field].as_str().unwrap_or("-").to_owned();
        println!("{signal:<8} {:<12} {:<12} {}", text("backend"), text("state"), text("detail"));
    }
}

fn tests(wine: &Wine) -> Result<()> {
    let mut command = toolchain::cargo("test", TARGET)?;
    command.args(TESTED.iter().flat_map(|package| ["--package", *package])).arg("--lib");
    command.args(["--", "--skip", UNKNOWN_TO_WINE]);
    command.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", Wine::runner());
    wine.surround(&mut command);
    workspace::run(&mut command)
}

fn program(name: &str) -> Result<PathBuf> {
    Ok(toolchain::folder()?.join(TARGET).join("debug").join(name))
}
