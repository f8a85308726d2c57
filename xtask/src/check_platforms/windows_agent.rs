//! The agent for Windows at work, under Wine: enrolled, given events, killed, and asked to
//! deliver, against the reference server on this machine.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::wine::Wine;
use crate::demo::interrupts::Interrupts;
use crate::demo::process::Process;
use crate::demo::server::Server;

const PATIENCE: Duration = Duration::from_secs(60);

/// Where the agent keeps its things; with a space, as `C:\Users\Ada Lovelace` has one.
const HOME: &str = r"C:\users\Ada Lovelace\.devpulse";

/// `TerminateProcess` leaves nobody any time.
const ENDED_BY_TASKKILL: [&str; 3] = ["taskkill", "/f", "/pid"];

/// The command line, under Wine.
pub(super) struct WindowsAgent<'a> {
    wine: &'a Wine,
    program: PathBuf,
    logs: PathBuf,
    running: Option<Process>,
}

impl<'a> WindowsAgent<'a> {
    pub(super) fn new(wine: &'a Wine, program: PathBuf, logs: PathBuf) -> Self {
        Self { wine, program, logs, running: None }
    }

    /// Enrolls with a key in the Credential Manager.
    pub(super) fn enroll(&self, server: &Server) -> Result<()> {
        let secret = server.issue_secret()?;
        let mut command = self.command(&["enroll", "--username", "ada", "--server", server.url()]);
        answer(command.args(["--enrollment-secret", &secret]))?;
        let home = self.wine.drive().join("users/Ada Lovelace/.devpulse");
        let credentials = std::fs::read_to_string(home.join("credentials.json"))
            .context("there are no credentials")?;
        let credentials: Value = serde_json::from_str(&credentials)?;
        ensure!(credentials["secret_store"] == "keyring", "the key is in no keychain");
        ensure!(credentials.get("api_key").is_none(), "the key lies in the file, too");
        println!("enrolled; the key is in the Credential Manager, not in the file");
        Ok(())
    }

    /// Starts the agent and waits until it answers.
    pub(super) fn start(&mut self, interrupts: &Interrupts) -> Result<u64> {
        let mut command = self.command(&["run"]);
        self.running = Some(Process::start("windows-agent", &mut command, &self.logs)?);
        interrupts.until("the agent under Wine", PATIENCE, || {
            if let Some(process) = &mut self.running {
                process.check_running()?;
            }
            let status = self.status()?;
            let is_running = status["agent"]["running"] == true;
            Ok(status["agent"]["pid"].as_u64().filter(|_| is_running))
        })
    }

    /// Emits events that are numbered so, and returns their ids once all of them are durable.
    /// The input stays open until then.
    pub(super) fn emit(&self, numbers: std::ops::Range<u64>) -> Result<BTreeSet<String>> {
        let mut command = self.command(&["emit", "--stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut emitting = command.spawn().context("wine does not start")?;
        let mut input = emitting.stdin.take().context("there is no input")?;
        let output = emitting.stdout.take().context("there is no output")?;
        let wanted = usize::try_from(numbers.end - numbers.start)?;
        let writing = std::thread::spawn(move || {
            for number in numbers {
                writeln!(input, r#"{{"name": "platform", "data": {{"n": {number}}}}}"#)?;
            }
            input.flush().map(|()| input)
        });
        let lines = BufReader::new(output).lines().take(wanted);
        let ids: BTreeSet<String> = lines
            .map(|line| line.map(|line| line.trim().to_owned()))
            .collect::<std::io::Result<_>>()?;
        drop(writing.join().ok().context("the events were not written")??);
        ensure!(emitting.wait()?.success(), "emit failed");
        ensure!(ids.len() == wanted, "{} events of {wanted} were taken", ids.len());
        Ok(ids)
    }

    /// Ends the agent by `TerminateProcess`.
    pub(super) fn kill(&mut self, pid: u64, interrupts: &Interrupts) -> Result<()> {
        let mut command = self.wine.command(Path::new(ENDED_BY_TASKKILL[0]));
        answer(command.args(&ENDED_BY_TASKKILL[1..]).arg(pid.to_string()))?;
        let mut process = self.running.take().context("the agent was not started")?;
        process.wait(PATIENCE, interrupts)?;
        ensure!(self.status()?["agent"]["running"] == false, "the agent still runs");
        Ok(())
    }

    /// Waits until every hook serves, takes an image, and ends the session of the window that has
    /// the focus, by a pause.
    pub(super) fn show_itself(&self, interrupts: &Interrupts) -> Result<()> {
        interrupts.until("the hooks", PATIENCE, || {
            let capture = &self.status()?["capture"];
            let serves = |signal| capture[signal]["state"] == "ok";
            Ok(["focus", "idle", "session", "screen"].into_iter().all(serves).then_some(()))
        })?;
        for command in [&["screenshot"][..], &["pause", "--minutes", "1"], &["resume"]] {
            answer(&mut self.command(command))?;
        }
        Ok(())
    }

    /// Delivers what still waits.
    pub(super) fn sync(&self) -> Result<()> {
        answer(&mut self.command(&["sync", "--timeout", "60"])).map(drop)
    }

    pub(super) fn status(&self) -> Result<Value> {
        let status = answer(&mut self.command(&["status", "--json"]))?;
        serde_json::from_str(&status).context("`status --json` is no JSON")
    }

    /// A command of the client, in this home.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.wine.command(&self.program);
        command.args(arguments);
        command.env("DEVPULSE_HOME", HOME).env("DEVPULSE_SECRET_STORE", "keyring");
        command
    }
}

/// What a command prints.
pub(super) fn answer(command: &mut Command) -> Result<String> {
    let output = command.output().context("wine does not start")?;
    if !output.status.success() {
        let arguments: Vec<_> = command.get_args().map(|text| text.to_string_lossy()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}`: {}\n{}", arguments.join(" "), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
