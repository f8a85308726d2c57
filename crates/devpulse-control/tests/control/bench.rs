//! A server over a controller that does what the test says, and a front end that speaks in bytes.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, ControlClient, ControlError, ControlServer,
    Controller, ErrorCode, EventsQuery, ListedEvent, OpenSession, PauseRequest, PauseStatus,
    PendingEmit, PipelineState, PipelineStatus, Presence, Present, Resumption, Sample, Status,
    SyncOutcome, SyncProgress, SyncRequest, SyncResult,
};
use devpulse_protocol::{EventId, Timestamp};
use serde_json::Value;
use serde_json::value::RawValue;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A server at a socket of its own.
pub(crate) struct Bench {
    folder: TempDir,
    path: PathBuf,
    controller: Arc<TestController>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Bench {
    pub(crate) fn start() -> Self {
        Self::start_at(tempfile::tempdir().unwrap())
    }

    pub(crate) fn start_at(folder: TempDir) -> Self {
        let path = folder.path().join("agent.sock");
        let server = ControlServer::bind(&path).unwrap();
        let (controller, stop) = (TestController::new(), CancellationToken::new());
        let serving = tokio::spawn(server.serve(controller.clone(), stop.clone()));
        Self { folder, path, controller, stop, serving }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn controller(&self) -> &Arc<TestController> {
        &self.controller
    }

    pub(crate) async fn client(&self) -> ControlClient {
        deadline(ControlClient::connect(&self.path)).await.unwrap()
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.folder
    }
}

/// Fails the test where `future` takes ten seconds.
pub(crate) async fn deadline<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("it took ten seconds")
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

/// Does what the test says.
pub(crate) struct TestController {
    emitted: Mutex<Vec<(String, EventId)>>,
    changed: Notify,
    durable: Arc<Semaphore>,
    finish_sync: Notify,
    syncs: AtomicUsize,
    stalled: Notify,
}

impl TestController {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            emitted: Mutex::default(),
            changed: Notify::new(),
            durable: Arc::new(Semaphore::new(0)),
            finish_sync: Notify::new(),
            syncs: AtomicUsize::new(0),
            stalled: Notify::new(),
        })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.emitted.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn ids(&self) -> Vec<EventId> {
        self.emitted.lock().unwrap().iter().map(|(_, id)| *id).collect()
    }

    /// Waits until so many events were emitted.
    pub(crate) async fn emitted(&self, count: usize) {
        while self.ids().len() < count {
            self.changed.notified().await;
        }
    }

    /// Lets so many more events become durable.
    pub(crate) fn make_durable(&self, count: usize) {
        self.durable.add_permits(count);
    }

    pub(crate) fn finish_sync(&self) {
        self.finish_sync.notify_one();
    }

    pub(crate) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::SeqCst)
    }

    /// Waits until no synchronisation is under way.
    pub(crate) async fn no_syncs(&self) {
        while self.syncs() > 0 {
            self.changed.notified().await;
        }
    }

    /// Waits until a listing has to wait for its reader.
    pub(crate) async fn listing_stalled(&self) {
        self.stalled.notified().await;
    }
}

/// Counts a synchronisation for as long as its future lives.
struct Counted<'a>(&'a TestController);

impl<'a> Counted<'a> {
    fn new(controller: &'a TestController) -> Self {
        controller.syncs.fetch_add(1, Ordering::SeqCst);
        Self(controller)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.syncs.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_one();
    }
}

#[async_trait]
impl Controller for TestController {
    async fn status(&self) -> Status {
        Status {
            version: "0.1.0".to_owned(),
            enrolled: true,
            device_id: None,
            user_id: None,
            username: None,
            server_url: None,
            agent: AgentStatus::default(),
            pipeline: PipelineStatus::empty(PipelineState::Idle),
            pause: None,
            capture: CaptureStatus::unavailable("a test"),
            config: ConfigStatus::default(),
            consent: None,
            secret_store: None,
            key_expires_at: None,
            withheld: 0,
        }
    }

    async fn emit(&self, name: String, _data: Box<RawValue>) -> Result<PendingEmit, ControlError> {
        if name == "refuse me" {
            return Err(ControlError::new(ErrorCode::Invalid, "no such name"));
        }
        let id = EventId::new();
        self.emitted.lock().unwrap().push((name, id));
        self.changed.notify_one();
        let durable = Arc::clone(&self.durable);
        Ok(Box::pin(async move {
            durable.acquire().await.unwrap().forget();
            Ok(id)
        }))
    }

    async fn sync(
        &self,
        request: SyncRequest,
        progress: mpsc::Sender<SyncProgress>,
    ) -> SyncOutcome {
        let _counted = Counted::new(self);
        let first = SyncProgress {
            sent: 0,
            pending: request.timeout.as_secs(),
            state: PipelineState::Sending,
            last_error: None,
        };
        progress.send(first).await.unwrap();
        self.finish_sync.notified().await;
        SyncOutcome { result: SyncResult::Drained, sent: 60, pending: 0, in_the_way: None }
    }

    async fn hand_over(&self) -> Result<(), ControlError> {
        Ok(())
    }

    async fn events(
        &self,
        query: EventsQuery,
        out: mpsc::Sender<ListedEvent>,
    ) -> Result<(), ControlError> {
        for n in 0..query.limit.unwrap_or(u64::MAX) {
            let event = ListedEvent {
                json: RawValue::from_string(format!(r#"{{"n": {n}}}"#)).unwrap(),
                reason: Some("invalid".to_owned()),
                status: Some(422),
                at: None,
            };
            match tokio::time::timeout(Duration::from_millis(200), out.send(event.clone())).await {
                Ok(sent) => sent.unwrap(),
                Err(_) => {
                    self.stalled.notify_one();
                    out.send(event).await.unwrap();
                }
            }
        }
        Ok(())
    }

    async fn pause(&self, request: PauseRequest) -> Result<PauseStatus, ControlError> {
        let since = Timestamp::from_millis(0);
        let until = since.plus(Duration::from_secs(60) * request.minutes.unwrap_or_default());
        Ok(PauseStatus { since, until, reason: request.reason })
    }

    async fn resume(&self) -> Result<Resumption, ControlError> {
        Ok(Resumption::NotPaused)
    }

    async fn replay(&self, event_id: Option<EventId>) -> Result<u64, ControlError> {
        match event_id {
            None => Ok(7),
            Some(_) => Err(ControlError::new(ErrorCode::Invalid, "no such dead letter")),
        }
    }

    async fn trend(&self) -> Result<Vec<Sample>, ControlError> {
        Ok((0..61).map(sample).collect())
    }

    async fn present(&self) -> Result<Present, ControlError> {
        let since = Timestamp::from_millis(7_000);
        let window_title = Some("notes".to_owned());
        let window = OpenSession { window_title, app_name: None, since };
        Ok(Present { window: Some(window), presence: Presence::Active, since: None })
    }

    async fn stop(&self) -> Result<(), ControlError> {
        Ok(())
    }
}

/// The figures after so many minutes.
pub(crate) fn sample(minute: u32) -> Sample {
    let at = Timestamp::from_millis(0).plus(Duration::from_secs(60) * minute);
    Sample {
        at,
        captured: minute.into(),
        sent: 0,
        pending: minute.into(),
        dead_letter: 0,
        dropped: 0,
    }
}

/// The other end of a connection, spoken to in bytes.
pub(crate) struct Raw {
    stream: UnixStream,
    received: VecDeque<u8>,
}

impl Raw {
    pub(crate) fn over(stream: UnixStream) -> Self {
        Self { stream, received: VecDeque::new() }
    }

    /// Connected, and the agent's greeting read.
    pub(crate) async fn connected(path: &Path) -> Self {
        let mut raw_client = Self::over(UnixStream::connect(path).await.unwrap());
        assert_eq!(raw_client.frame().await.unwrap()["protocol"], 1);
        raw_client
    }

    pub(crate) async fn greeted(path: &Path) -> Self {
        let mut raw_client = Self::connected(path).await;
        raw_client.send(br#"{"protocol":1,"version":"0.0.1","pid":7}"#).await;
        raw_client
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, frame: &[u8]) {
        self.write(&u32::try_from(frame.len()).unwrap().to_be_bytes()).await;
        self.write(frame).await;
    }

    /// The next frame; `None` once the other side has closed the connection.
    pub(crate) async fn frame(&mut self) -> Option<Value> {
        let head = self.take(4).await?;
        let length = u32::from_be_bytes(head.try_into().unwrap()) as usize;
        let body = self.take(length).await.expect("the frame is cut");
        Some(serde_json::from_slice(&body).unwrap())
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        while self.received.len() < count {
            match deadline(self.stream.read(&mut buffer)).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.received.extend(&buffer[..read]),
            }
        }
        Some(self.received.drain(..count).collect())
    }
}
