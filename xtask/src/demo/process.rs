//! Child processes that end with the demo, however it ends.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::interrupts::Interrupts;

/// A running program, in a process group of its own, so that a Ctrl-C on the
/// terminal reaches only the demo. It is killed when this is dropped.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it writes goes to a file in `logs`.
    pub(crate) fn start(name: &'static str, command: &mut Command, logs: &Path) -> Result<Self> {
        let log = logs.join(name).with_extension("log");
        let file = File::create(&log).with_context(|| format!("{} is refused", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Self::spawn(name, command, log)
    }

    /// As [`Process::start`], but the lines on its stdout are given out.
    pub(crate) fn start_and_read(
        name: &'static str,
        command: &mut Command,
        logs: &Path,
    ) -> Result<(Self, Receiver<String>)> {
        let log = logs.join(name).with_extension("log");
        let file = File::create(&log).with_context(|| format!("{} is refused", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let mut process = Self::spawn(name, command, log)?;
        let output = process.child.stdout.take().context("the output was taken before")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            // Reads on when nobody listens, so that the program never waits to be read.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        Ok((process, lines))
    }

    fn spawn(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("{program} does not start"))?;
        Ok(Self { name, child, log })
    }

    /// Fails if the program has ended, with the last that it said.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended ({status})\n{}", self.name, self.last_words());
        }
        Ok(())
    }

    /// Asks the program to end, by SIGTERM, and waits until it has.
    pub(crate) fn terminate(
        &mut self,
        time: Duration,
        interrupts: &Interrupts,
    ) -> Result<ExitStatus> {
        self.check_running()?;
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .with_context(|| format!("{} cannot be told to end", self.name))?;
        self.wait(time, interrupts)
    }

    /// Waits until the program has ended by itself.
    pub(crate) fn wait(&mut self, time: Duration, interrupts: &Interrupts) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        interrupts.until(&what, time, || Ok(self.child.try_wait()?))
    }

    /// The last lines that the program wrote.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // Both fail only when it is gone already, which is what is wanted.
        kill_process_group(Pid::from_child(&self.child), Signal::KILL).ok();
        self.child.wait().ok();
    }
}
