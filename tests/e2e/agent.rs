//! What the tests stand on: a home, a server, the client's processes.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use devpulse_server::{Database, EventQuery, RunningServer, SecretRequest, Server, ServerOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Nothing here may take longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A server that can be stopped and started again at the same address.
pub(crate) struct TestServer {
    runtime: Runtime,
    running: Option<RunningServer>,
    options: ServerOptions,
    _files: TempDir,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let options = ServerOptions {
            database: Database::File(files.path().join("server.db")),
            ..ServerOptions::default()
        };
        Self::start_with(options, files)
    }

    fn start_with(mut options: ServerOptions, files: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let running = runtime.block_on(Server::start(options.clone())).unwrap();
        options.listen = address(&running.url());
        Self { runtime, running: Some(running), options, _files: files }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.options.listen)
    }

    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown());
        }
    }

    pub(crate) fn start_again(&mut self) {
        let options = self.options.clone();
        self.running = Some(self.runtime.block_on(Server::start(options)).unwrap());
    }

    pub(crate) fn secret(&self) -> String {
        let admin = self.running.as_ref().unwrap().admin();
        let issued = self.runtime.block_on(admin.create_secret(SecretRequest::default())).unwrap();
        issued.secret.expose().to_owned()
    }

    pub(crate) fn set_config(&self, config: Value) {
        let admin = self.running.as_ref().unwrap().admin();
        self.runtime.block_on(admin.set_config(config)).unwrap();
    }

    /// As another server's software would, which may send values that are not allowed.
    pub(crate) fn set_config_unchecked(&self, config: Value) {
        let admin = self.running.as_ref().unwrap().admin();
        self.runtime.block_on(admin.set_config_unchecked(config)).unwrap();
    }

    /// The image files that the server holds.
    pub(crate) fn images(&self) -> Vec<Vec<u8>> {
        let admin = self.running.as_ref().unwrap().admin();
        self.runtime.block_on(async {
            let mut images = Vec::new();
            for summary in admin.screenshots().await.unwrap() {
                let image = admin.screenshot(&summary.sha256).await.unwrap().unwrap();
                images.push(image.bytes);
            }
            images
        })
    }

    pub(crate) fn revoke_all(&self) {
        let admin = self.running.as_ref().unwrap().admin();
        self.runtime.block_on(async {
            for device in admin.devices().await.unwrap() {
                assert!(admin.revoke(device.device_id).await.unwrap());
            }
        });
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let admin = self.running.as_ref().unwrap().admin();
        let events = self.runtime.block_on(admin.events(EventQuery::default())).unwrap();
        events.iter().map(|json| serde_json::from_str(json).unwrap()).collect()
    }

    /// Waits until the server holds an event that `wanted` picks.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait(what, || self.events().into_iter().find(&wanted))
    }
}

/// A device's home, and the client's processes on it.
pub(crate) struct Device {
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub(crate) fn enrolled(server: &TestServer) -> Self {
        let device = Self::new();
        let secret = server.secret();
        let arguments = [
            "enroll",
            "--username",
            "ada",
            "--server",
            &server.url(),
            "--enrollment-secret",
            &secret,
        ];
        device.run(&arguments).expect_exit(0);
        device
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.home.path().join("home")
    }

    /// Where the processes run: no `.env` but the test's own.
    pub(crate) fn directory(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devpulse-client"));
        command
            .args(arguments)
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

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(arguments, self.command(arguments).output().unwrap())
    }

    pub(crate) fn status(&self) -> Value {
        self.run(&["status", "--json"]).expect_exit(0).json()
    }

    /// Starts the agent and waits until it answers.
    pub(crate) fn start_agent(&self) -> Agent<'_> {
        let child = self.command(&["run"]).stderr(Stdio::inherit()).spawn().unwrap();
        let agent = Agent { device: self, child: Some(child) };
        wait("the agent answers", || {
            self.status()["agent"]["running"].as_bool().filter(|&runs| runs)
        });
        agent
    }

    /// What the files hold, whoever runs.
    pub(crate) fn listed(&self, which: &str) -> Vec<Value> {
        let finished = self.run(&["events", which, "--json"]).expect_exit(0);
        finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A running agent; killed when dropped.
pub(crate) struct Agent<'a> {
    device: &'a Device,
    child: Option<Child>,
}

impl Agent<'_> {
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn signal(mut self, signal: &str) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let mut child = self.child.take().unwrap();
        let status = wait("the agent ends", || child.try_wait().unwrap());
        (status, begun.elapsed())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        wait("the agent ends", || child.try_wait().unwrap())
    }

    /// Hands `count` custom events to the agent, and returns their ids.
    pub(crate) fn emit(&self, count: usize) -> Vec<String> {
        let mut lines = String::new();
        for number in 0..count {
            writeln!(lines, r#"{{"name":"test","data":{{"number":{number}}}}}"#).unwrap();
        }
        let file = self.device.directory().join("lines.jsonl");
        std::fs::write(&file, lines).unwrap();
        let mut command = self.device.command(&["emit", "--stdin"]);
        command.stdin(std::fs::File::open(file).unwrap());
        let finished = Finished::of(&["emit", "--stdin"], command.output().unwrap()).expect_exit(0);
        finished.stdout.lines().map(ToOwned::to_owned).collect()
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Finished {
    call: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn of(arguments: &[&str], output: Output) -> Self {
        Self {
            call: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn expect_exit(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}{}", self.call, self.stdout, self.stderr);
        self
    }

    /// The cause and the hint that were printed, and that nothing else was.
    #[track_caller]
    pub(crate) fn cause_and_hint(&self) -> (String, String) {
        let mut lines = self.stderr.lines().filter(|line| !line.is_empty());
        let cause = lines.next().and_then(|line| line.strip_prefix("error: "));
        let hint = lines.next().and_then(|line| line.strip_prefix("hint: "));
        let (Some(cause), Some(hint)) = (cause, hint) else {
            panic!("{} printed no cause and hint:\n{}", self.call, self.stderr)
        };
        assert_eq!(lines.next(), None, "{} printed more:\n{}", self.call, self.stderr);
        assert_eq!(self.stdout, "", "{} printed a result beside its error", self.call);
        (cause.to_owned(), hint.to_owned())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", self.call, self.stdout))
    }
}

/// Looks until there is something, or fails at the deadline.
#[track_caller]
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Reads the first line that a process prints.
pub(crate) fn first_line(source: impl Read) -> String {
    let mut line = String::new();
    BufReader::new(source).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn address(url: &str) -> SocketAddr {
    url.rsplit('/').next().unwrap().parse().unwrap()
}
