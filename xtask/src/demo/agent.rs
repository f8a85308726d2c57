//! The agent of the demo, used by its command line as a person would.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::home::Home;
use super::interrupts::Interrupts;
use super::process::Process;

const PATIENCE: Duration = Duration::from_secs(15);

/// Longer than this the agent may not take to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// The client, on a home of its own.
pub(super) struct Agent {
    program: PathBuf,
    /// The tray app, where that is to run the agent.
    tray: Option<PathBuf>,
    home: PathBuf,
    folder: PathBuf,
    logs: PathBuf,
    display: Option<String>,
    running: Option<Process>,
}

impl Agent {
    /// The agent with this `display`, or with the person's own one where there is none.
    pub(super) fn new(program: PathBuf, home: &Home, display: Option<&str>) -> Self {
        Self {
            program,
            tray: None,
            home: home.agent(),
            folder: home.path().to_owned(),
            logs: home.logs(),
            display: display.map(str::to_owned),
            running: None,
        }
    }

    /// Has the tray app run the agent, in place of the command line.
    pub(super) fn run_in(&mut self, tray: PathBuf) {
        self.tray = Some(tray);
    }

    /// Agrees to what is captured.
    pub(super) fn consent(&self) -> Result<()> {
        answer(&mut self.command(&["consent", "--accept"])).map(drop)
    }

    /// Enrolls with a secret that lies in a file.
    pub(super) fn enroll(&self, server: &str, secret: &str) -> Result<()> {
        let file = self.folder.join("enrollment-secret");
        std::fs::write(&file, secret).context("the secret cannot be written")?;
        let mut command = self.command(&["enroll", "--username", "ada", "--server", server]);
        answer(command.arg("--enrollment-secret-file").arg(&file)).map(drop)
    }

    /// Starts the agent and waits until it runs, and until it sees the virtual desktop.
    pub(super) fn start(&mut self, interrupts: &Interrupts) -> Result<()> {
        let process = Process::start("agent", &mut self.runner(), &self.logs)?;
        self.running = Some(process);
        let mut focus = Value::Null;
        let ready = interrupts.until("the agent's view of the desktop", PATIENCE, || {
            self.check_running()?;
            let Ok(status) = answer(&mut self.command(&["status", "--json"])) else {
                return Ok(None);
            };
            let status: Value =
                serde_json::from_str(&status).context("`status --json` is no JSON")?;
            focus = status["capture"]["focus"].clone();
            let sees = self.display.is_none() || focus["state"] == "ok";
            Ok((status["agent"]["running"] == true && sees).then_some(()))
        });
        ready.with_context(|| format!("the agent says of the focus: {focus}"))
    }

    /// Fails if the agent has ended.
    pub(super) fn check_running(&mut self) -> Result<()> {
        self.running.as_mut().map_or(Ok(()), Process::check_running)
    }

    /// Ends the agent by SIGTERM and says how long that took.
    pub(super) fn stop(&mut self, interrupts: &Interrupts) -> Result<Duration> {
        let mut process = self.running.take().context("the agent was not started")?;
        let asked = Instant::now();
        let status = process.terminate(PATIENCE, interrupts)?;
        let taken = asked.elapsed();
        if !status.success() {
            bail!("the agent ended with {status}\n{}", process.last_words());
        }
        if taken > FAREWELL {
            bail!("the agent took {:.1} s to end", taken.as_secs_f64());
        }
        Ok(taken)
    }

    /// Delivers what still waits.
    pub(super) fn sync(&self) -> Result<()> {
        answer(&mut self.command(&["sync", "--timeout", "20"])).map(drop)
    }

    /// What runs the agent, in the foreground.
    fn runner(&self) -> Command {
        let Some(tray) = &self.tray else { return self.command(&["run"]) };
        let mut command = Command::new(tray);
        self.surround(&mut command);
        // Its pages' cache, and the person's own entry for start at login, are not the demo's.
        let user = self.folder.join("user");
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, &user);
        }
        command
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.surround(&mut command);
        command.args(arguments);
        command
    }

    /// Has a program find this agent, and none of the settings of whoever runs the demo.
    pub(super) fn surround(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DEVPULSE_") {
                command.env_remove(&name);
            }
        }
        if let Some(display) = &self.display {
            command.env("DISPLAY", display).env("HOME", &self.folder);
            for name in ["DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "XAUTHORITY"] {
                command.env_remove(name);
            }
        }
        // An `.env` in the folder where the demo was called is not the demo's.
        command.current_dir(&self.folder);
        command.env("DEVPULSE_HOME", &self.home).env("DEVPULSE_SECRET_STORE", "file");
    }
}

fn answer(command: &mut Command) -> Result<String> {
    let output = command.output().context("devpulse-client does not start")?;
    let task = command.get_args().next().unwrap_or_default().to_string_lossy().into_owned();
    check(&task, output.status, &output.stderr)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(task: &str, status: ExitStatus, stderr: &[u8]) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("devpulse-client {task}: {status}\n{}", String::from_utf8_lossy(stderr).trim());
}
