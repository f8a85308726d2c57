//! A device's home, and the real client's processes on it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::finished::Finished;
use crate::server::TestServer;
use crate::waiting::wait;

/// A device's home, and the client's processes on it.
#[derive(Debug)]
pub struct Device {
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Device {
    /// A device that is not enrolled.
    #[must_use]
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// A device that is not enrolled, whose home lies within `folder`.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self { home: tempfile::tempdir_in(folder).unwrap(), environment: Vec::new() }
    }

    /// A device that is enrolled at the server.
    #[must_use]
    pub fn enrolled(server: &TestServer) -> Self {
        let mut device = Self::new();
        if let Some(authority) = server.authority() {
            device = device.with("DEVPULSE_CA_CERT", authority.to_str().unwrap());
        }
        device.run(&enrollment(&server.url(), &server.secret())).expect_exit(0);
        device
    }

    /// A device of its own among others, enrolled by way of `url`.
    #[must_use]
    pub fn enrolled_through(server: &TestServer, url: &str, hostname: &str) -> Self {
        let device = Self::new();
        device.enroll_again(server, url, hostname).expect_exit(0);
        device
    }

    /// Enrolls by way of `url`, whether or not it is enrolled already.
    pub fn enroll_again(&self, server: &TestServer, url: &str, hostname: &str) -> Finished {
        let secret = server.secret();
        let mut arguments = enrollment(url, &secret).to_vec();
        arguments.extend(["--hostname", hostname, "--force"]);
        self.run(&arguments)
    }

    /// Sets a variable for every process to come.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `DEVPULSE_HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.home.path().join("home")
    }

    /// Where the processes run: no `.env` but the test's own.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// A call of the client.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments);
        self.prepare(command)
    }

    /// A call of the client by way of another program, such as a tracer.
    #[must_use]
    pub fn command_under(&self, tracer: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(tracer[0]);
        command.args(&tracer[1..]).arg(program()).args(arguments);
        self.prepare(command)
    }

    /// Calls the client and waits until it ends.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(arguments, self.command(arguments).output().unwrap())
    }

    /// What `status --json` says.
    #[must_use]
    pub fn status(&self) -> Value {
        self.run(&["status", "--json"]).expect_exit(0).json()
    }

    /// Starts the agent and waits until it answers.
    #[must_use]
    pub fn start_agent(&self) -> Agent<'_> {
        let agent = self.spawn_agent();
        wait("the agent answers", || {
            self.status()["agent"]["running"].as_bool().filter(|&runs| runs)
        });
        agent
    }

    /// Starts the agent and does not wait for it.
    #[must_use]
    pub fn spawn_agent(&self) -> Agent<'_> {
        let child = self.command(&["run"]).stderr(Stdio::inherit()).spawn().unwrap();
        Agent { device: self, child: Some(child), reach: Reach::Process }
    }

    /// Starts the agent by way of a tracer, and waits until it answers or has ended.
    #[cfg(unix)]
    #[must_use]
    pub fn start_agent_under(&self, tracer: &[&str]) -> Agent<'_> {
        use std::os::unix::process::CommandExt as _;

        let mut command = self.command_under(tracer, &["run"]);
        // The tracer dies with what it traces, and not before it.
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = command.spawn().unwrap();
        let mut agent = Agent { device: self, child: Some(child), reach: Reach::Group };
        wait("the agent answers or ends", || {
            (agent.ended().is_some() || self.answers()).then_some(())
        });
        agent
    }

    /// Whether an agent takes connections.
    #[cfg(unix)]
    #[must_use]
    pub fn answers(&self) -> bool {
        std::os::unix::net::UnixStream::connect(self.home().join("agent.sock")).is_ok()
    }

    /// What the files hold, whoever runs: `--pending`, `--sent` or `--dead`.
    #[must_use]
    pub fn listed(&self, which: &str) -> Vec<Value> {
        let finished = self.run(&["events", which, "--json"]).expect_exit(0);
        finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn prepare(&self, mut command: Command) -> Command {
        command
            .current_dir(self.directory())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DEVPULSE_HOME", self.home())
            .env("DEVPULSE_SECRET_STORE", "file")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub struct Agent<'a> {
    device: &'a Device,
    child: Option<Child>,
    reach: Reach,
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Process,
    Group,
}

impl Agent<'_> {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it with SIGKILL.
    pub fn kill(self) {
        drop(self);
    }

    /// Sends a signal and waits for the end.
    pub fn signal(mut self, signal: &str) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut child = self.child.take().unwrap();
        let status = wait("the agent ends", || child.try_wait().unwrap());
        (status, begun.elapsed())
    }

    /// Waits until it ends by itself.
    #[must_use]
    pub fn wait(mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        wait("the agent ends", || child.try_wait().unwrap())
    }

    /// How it ended, where it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().unwrap().try_wait().unwrap()
    }

    /// Hands `count` custom events to the agent, and returns their ids.
    pub fn emit(&self, count: usize) -> Vec<String> {
        let mut lines = String::new();
        for number in 0..count {
            writeln!(lines, r#"{{"name":"test","data":{{"number":{number}}}}}"#).unwrap();
        }
        let finished = self.emit_lines(&lines).expect_exit(0);
        finished.stdout.lines().map(ToOwned::to_owned).collect()
    }

    /// Hands the lines to `emit --stdin`.
    pub fn emit_lines(&self, lines: &str) -> Finished {
        let file = self.device.directory().join("lines.jsonl");
        std::fs::write(&file, lines).unwrap();
        let mut command = self.device.command(&["emit", "--stdin"]);
        command.stdin(std::fs::File::open(file).unwrap());
        Finished::of(&["emit", "--stdin"], command.output().unwrap())
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        match self.reach {
            Reach::Process => child.kill().ok(),
            #[cfg(unix)]
            Reach::Group => {
                let group = rustix::process::Pid::from_child(child);
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok()
            }
            #[cfg(not(unix))]
            Reach::Group => child.kill().ok(),
        };
        child.wait().ok();
        #[cfg(unix)]
        if self.reach == Reach::Group {
            // What was traced may outlive its tracer by a moment.
            let begun = Instant::now();
            while self.device.answers() && begun.elapsed() < Duration::from_secs(5) {
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    }
}

const fn enrollment<'a>(url: &'a str, secret: &'a str) -> [&'a str; 7] {
    ["enroll", "--username", "ada", "--server", url, "--enrollment-secret", secret]
}

/// The client that was built beside this program.
fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let name = format!("devpulse-client{}", std::env::consts::EXE_SUFFIX);
    let found = here.ancestors().skip(1).take(2).map(|place| place.join(&name));
    let found = found.into_iter().find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("there is no {name} beside {}", here.display()))
}
