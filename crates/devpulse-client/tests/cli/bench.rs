//! The program in a home of its own, with an agent that does what the test says.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, ControlError, ControlServer, Controller, ErrorCode,
    EventsQuery, ListedEvent, PendingEmit, PipelineState, PipelineStatus, Status, SyncOutcome,
    SyncProgress, SyncRequest, SyncResult, Which,
};
use devpulse_protocol::EventId;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A home, and an agent in it where one was started.
pub(crate) struct Bench {
    home: TempDir,
    agent: Arc<TestAgent>,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn without_agent() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            agent: TestAgent::new(),
            stop: CancellationToken::new(),
            serving: None,
        }
    }

    pub(crate) fn start() -> Self {
        Self::without_agent().started()
    }

    fn started(mut self) -> Self {
        let server = ControlServer::bind(&self.socket()).unwrap();
        let agent: Arc<TestAgent> = Arc::clone(&self.agent);
        self.serving = Some(tokio::spawn(server.serve(agent, self.stop.clone())));
        self
    }

    /// Ends the agent and starts another one on the same home.
    pub(crate) async fn restart(self) -> Self {
        let home = self.stop().await;
        Self { home, ..Self::without_agent() }.started()
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.stop.cancel();
        if let Some(serving) = self.serving {
            deadline(serving).await.unwrap();
        }
        self.home
    }

    pub(crate) fn agent(&self) -> &Arc<TestAgent> {
        &self.agent
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devpulse-client"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("DEVPULSE_HOME", self.home.path())
            .current_dir(self.home.path())
            .kill_on_drop(true);
        command
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let piped = Stdio::piped;
        let mut command = self.command(arguments);
        command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "").await
    }

    pub(crate) async fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.as_bytes().to_vec();
        let writing = tokio::spawn(async move {
            // A program that needs no input may be gone before it is written.
            drop(stdin.write_all(&input).await);
        });
        let output = deadline(child.wait_with_output()).await.unwrap();
        deadline(writing).await.unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("agent.sock")
    }
}

/// The ids that were printed, one a line.
pub(crate) fn ids(stdout: &str) -> Vec<EventId> {
    stdout.lines().map(|line| line.parse().unwrap()).collect()
}

/// Fails the test where `future` takes thirty seconds.
pub(crate) async fn deadline<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it took thirty seconds")
}

/// Does what the test says.
pub(crate) struct TestAgent {
    emitted: Mutex<Vec<(String, String, EventId)>>,
    grown: Notify,
    durable: Arc<Semaphore>,
    sync_result: Mutex<SyncResult>,
}

impl TestAgent {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            emitted: Mutex::default(),
            grown: Notify::new(),
            durable: Arc::new(Semaphore::new(0)),
            sync_result: Mutex::new(SyncResult::Drained),
        })
    }

    pub(crate) fn ids(&self) -> Vec<EventId> {
        self.emitted.lock().unwrap().iter().map(|(_, _, id)| *id).collect()
    }

    /// Names and data, in the order in which they came.
    pub(crate) fn emitted(&self) -> Vec<(String, String)> {
        let emitted = self.emitted.lock().unwrap();
        emitted.iter().map(|(name, data, _)| (name.clone(), data.clone())).collect()
    }

    pub(crate) async fn wait_for(&self, count: usize) {
        while self.ids().len() < count {
            self.grown.notified().await;
        }
    }

    /// Lets so many more events become durable.
    pub(crate) fn make_durable(&self, count: usize) {
        self.durable.add_permits(count);
    }

    pub(crate) fn end_sync_with(&self, result: SyncResult) {
        *self.sync_result.lock().unwrap() = result;
    }

    pub(crate) fn state(&self) -> PipelineState {
        PipelineState::BackingOff
    }
}

#[async_trait]
impl Controller for TestAgent {
    async fn status(&self) -> Status {
        Status {
            version: "0.1.0".to_owned(),
            enrolled: true,
            device_id: None,
            user_id: None,
            username: None,
            server_url: None,
            agent: AgentStatus { running: true, pid: Some(1), uptime_s: Some(2.5) },
            pipeline: PipelineStatus {
                last_error: Some("\x1b]0;title\x07".to_owned()),
                ..PipelineStatus::empty(self.state())
            },
            pause: None,
            capture: CaptureStatus::unavailable("a test"),
            config: ConfigStatus::default(),
            consent: None,
            secret_store: None,
            key_expires_at: None,
            withheld: 0,
        }
    }

    async fn emit(&self, name: String, data: Box<RawValue>) -> Result<PendingEmit, ControlError> {
        if name == "refuse me" {
            let refusal = ControlError::new(ErrorCode::Invalid, "not \x1b[31mwanted");
            return Err(refusal.with_hint("try another name"));
        }
        let id = EventId::new();
        self.emitted.lock().unwrap().push((name, data.get().to_owned(), id));
        self.grown.notify_one();
        let durable = Arc::clone(&self.durable);
        Ok(Box::pin(async move {
            durable.acquire().await.unwrap().forget();
            Ok(id)
        }))
    }

    async fn sync(&self, _: SyncRequest, progress: mpsc::Sender<SyncProgress>) -> SyncOutcome {
        let report = SyncProgress {
            sent: 3,
            pending: 7,
            state: self.state(),
            last_error: Some("server \x1b[2J down".to_owned()),
        };
        progress.send(report).await.unwrap();
        let result = *self.sync_result.lock().unwrap();
        SyncOutcome { result, sent: 10, pending: 7, in_the_way: None }
    }

    async fn hand_over(&self) -> Result<(), ControlError> {
        Ok(())
    }

    async fn events(
        &self,
        query: EventsQuery,
        out: mpsc::Sender<ListedEvent>,
    ) -> Result<(), ControlError> {
        let is_dead = query.which == Which::Dead;
        for n in 0..query.limit.unwrap_or(100_000) {
            let json = format!(
                "{{\"event_id\":\"{}\",\"epoch\":\"00000000000000ff\",\"seq\":{n},\
                 \"timestamp\":\"2025-11-22T09:30:00.050Z\",\"username\":\"anna\",\
                 \"client_id\":\"d\",\"event_type\":\"custom\",\"name\":\"n{n}\",\
                 \"data\":{{\n\t\"title\": \"a\u{9b}b\"}}}}",
                EventId::new()
            );
            let event = ListedEvent {
                json: RawValue::from_string(json).unwrap(),
                reason: is_dead.then(|| "invalid".to_owned()),
                status: is_dead.then_some(422),
                at: None,
            };
            if out.send(event).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
