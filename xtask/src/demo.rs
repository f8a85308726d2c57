//! `cargo xtask demo`: DevPulse at work, from an empty machine to a checked result.
//!
//! A server, an agent and a virtual desktop run in a temporary folder. The demo drives
//! windows, shows the events as they reach the server, and in the end compares what
//! the server holds with what it did.

mod agent;
mod album;
mod clock;
pub(crate) mod desktop;
mod feed;
mod gallery;
pub(crate) mod home;
mod http;
mod image;
pub(crate) mod interrupts;
mod panel;
pub(crate) mod process;
mod script;
pub(crate) mod server;
mod summary;
mod verdict;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::agent::Agent;
use self::desktop::{Desktop, WindowId};
use self::feed::Feed;
use self::gallery::Gallery;
use self::home::Home;
use self::interrupts::Interrupts;
use self::process::Process;
use self::script::{Deeds, IDLE_THRESHOLD, Script};
use self::server::Server;
use crate::{packages, ui, workspace};

/// How often the server is asked what has arrived.
const LOOK: Duration = Duration::from_millis(200);

/// A first build on a slow machine takes so long at the most.
const BUILD: Duration = Duration::from_secs(45 * 60);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End by itself after so many seconds, 10 at the least; without it, on Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(10..=86_400))]
    seconds: Option<u64>,
    /// Watch the desktop that you sit at, after asking, instead of a virtual one.
    #[arg(long)]
    here: bool,
    /// Keep the events and images that arrived in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Show the tray app, too, and save a picture of each of its screens in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "here")]
    screenshots: Option<PathBuf>,
}

impl Arguments {
    /// Whether the tray app takes part: on a desktop that a person sits at, and for pictures.
    fn wants_tray(&self) -> bool {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let sees_display = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
        self.screenshots.is_some() || (self.here && sees_display)
    }
}

/// What was built.
struct Programs {
    server: PathBuf,
    client: PathBuf,
    tray: Option<PathBuf>,
}

/// Shows DevPulse at work.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.here {
        ask_for_consent(arguments.keep.as_deref())?;
    } else {
        packages::ensure_desktop()?;
    }
    let interrupts = Interrupts::listen()?;
    let home = Home::create()?;
    let programs = build(arguments.wants_tray(), &home, &interrupts)?;

    let (desktop, windows) =
        if arguments.here { (None, Vec::new()) } else { furnish(&home, &interrupts)? };
    let server = Server::start(&programs.server, &home, &interrupts)?;
    server.configure(&config())?;
    let mut agent = Agent::new(programs.client, &home, desktop.as_ref().map(Desktop::display));
    agent.enroll(server.url(), &server.issue_secret()?)?;
    println!("the server listens on {}; a device has enrolled", server.url());
    if let Some(tray) = &programs.tray {
        agent.consent()?;
        if arguments.here {
            agent.run_in(tray.clone());
        }
    }
    if let Some(desktop) = &desktop {
        desktop.input()?;
    }
    agent.start(&interrupts)?;
    let script = match (&desktop, windows.as_slice()) {
        (Some(desktop), &[editor, browser, terminal, ..]) => {
            Some(Script::new(desktop, &interrupts, [editor, browser, terminal]))
        }
        _ => None,
    };
    let gallery = match (&arguments.screenshots, &programs.tray, &desktop, windows.last()) {
        (Some(folder), Some(tray), Some(desktop), Some(&first)) => {
            Some(Gallery::new(tray, folder, desktop, &home, first)?)
        }
        _ => None,
    };
    let time = arguments.seconds.map(Duration::from_secs);
    let mut stage = Stage { server, agent, gallery, interrupts: &interrupts, events: Vec::new() };
    let deeds = stage.play(script, time)?;
    stage.judge(deeds.as_ref(), arguments.keep.as_deref())
}

/// A virtual desktop with the windows of the script.
fn furnish(home: &Home, interrupts: &Interrupts) -> Result<(Option<Desktop>, Vec<WindowId>)> {
    let mut desktop = Desktop::start(home, interrupts)?;
    let mut windows = Vec::new();
    for design in script::designs() {
        windows.push(desktop.open(&design, interrupts)?);
    }
    Ok((Some(desktop), windows))
}

/// What runs while the demo does, and what has arrived.
struct Stage<'a> {
    server: Server,
    agent: Agent,
    gallery: Option<Gallery<'a>>,
    interrupts: &'a Interrupts,
    events: Vec<Value>,
}

impl Stage<'_> {
    /// Shows what happens until the time is over or the person ends it.
    fn play(
        &mut self,
        mut script: Option<Script<'_>>,
        time: Option<Duration>,
    ) -> Result<Option<Deeds>> {
        match time {
            Some(time) => println!("the agent runs for {} s", time.as_secs()),
            None => println!("the agent runs until Ctrl-C"),
        }
        let feed = Feed::start();
        let started = Instant::now();
        let mut looked = Instant::now();
        loop {
            self.agent.check_running()?;
            self.server.check_running()?;
            let step = script.as_mut().map_or(Ok(()), Script::advance);
            let interrupted = self.interrupts.wait(Duration::from_millis(30)) > 0;
            // Ctrl-C on a terminal ends the tools that drive the windows, too.
            step.or_else(|error| if interrupted { Ok(()) } else { Err(error) })?;
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.show_arrivals(&feed)?;
            }
            if interrupted || time.is_some_and(|time| started.elapsed() >= time) {
                break;
            }
        }
        if let Some(gallery) = &self.gallery {
            gallery.open(self.interrupts)?;
        }
        let deeds = script.map(Script::finish);
        if let Some(gallery) = &self.gallery {
            gallery.fill(&self.agent, self.interrupts)?;
        }
        let taken = self.agent.stop(self.interrupts)?;
        self.agent.sync()?;
        self.show_arrivals(&feed)?;
        println!("\nthe agent ended {:.1} s after SIGTERM", taken.as_secs_f64());
        Ok(deeds)
    }

    fn show_arrivals(&mut self, feed: &Feed) -> Result<()> {
        loop {
            let page = self.server.new_events()?;
            if page.is_empty() {
                return Ok(());
            }
            page.iter().for_each(|event| feed.print(event));
            self.events.extend(page);
        }
    }

    /// Compares what arrived with what was done.
    fn judge(&self, deeds: Option<&Deeds>, keep: Option<&Path>) -> Result<()> {
        let album = album::open(&self.server, &self.events);
        if let Some(folder) = keep {
            album::keep(&self.server, &self.events, folder)?;
            println!("events and images are in {}", folder.display());
        }
        let compared = deeds.map(|deeds| verdict::compare(deeds, &self.events));
        summary::print(&compared.unwrap_or_default(), &self.events, album.images);
        let mut faults = verdict::faults(deeds, &self.events);
        faults.extend(album.faults);
        if faults.is_empty() {
            let what = if deeds.is_some() { "what happened" } else { "what the agent saw" };
            println!("ok: the server holds {what}, each event once");
            return Ok(());
        }
        bail!("the server does not hold what happened:\n  {}", faults.join("\n  "));
    }
}

/// Fast enough that half a minute shows every kind of event.
fn config() -> Value {
    json!({
        "heartbeat_interval_s": 2,
        "idle_threshold_s": IDLE_THRESHOLD.as_secs(),
        "batch": {"max_interval_ms": 500},
        "screenshot": {"interval_s": 5, "jitter": 0},
    })
}

fn ask_for_consent(keep: Option<&Path>) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("--here has to ask you first, and this is no terminal");
    }
    println!(
        "DevPulse will see the titles of the windows that you use, when you are idle, and\n\
         what is on your screens every 5 s. Nothing leaves this machine."
    );
    match keep {
        Some(folder) => println!("A copy stays in {}.", folder.display()),
        None => println!("All of it is deleted when the demo ends."),
    }
    print!("Go on? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    bail!("nothing was captured, because you did not agree");
}

/// Builds what takes part. A terminal sees cargo's progress; elsewhere its output shows up
/// only where it fails.
fn build(with_tray: bool, home: &Home, interrupts: &Interrupts) -> Result<Programs> {
    let mut packages = vec!["devpulse-server", "devpulse-client"];
    if with_tray {
        packages::ensure_tray_app()?;
        ui::build()?;
        packages.push("devpulse-desktop");
    }
    println!("building {} (minutes the first time)", packages.join(", "));
    let mut command = workspace::cargo()?;
    command.args(["build", "--locked"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    if std::io::stderr().is_terminal() {
        workspace::run(command.stdin(Stdio::null()))?;
    } else {
        let mut cargo = Process::start("cargo", &mut command, &home.logs())?;
        if !cargo.wait(BUILD, interrupts)?.success() {
            bail!("the build failed\n{}", cargo.last_words());
        }
    }
    let target = workspace::target()?.join("debug");
    let program = |name: &str| {
        let program = target.join(name);
        program.metadata().with_context(|| format!("{} was not built", program.display()))?;
        anyhow::Ok(program)
    };
    Ok(Programs {
        server: program("devpulse-server")?,
        client: program("devpulse-client")?,
        tray: with_tray.then(|| program("devpulse-desktop")).transpose()?,
    })
}
