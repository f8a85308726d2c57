//! What front ends may ask of the agent, and of a one-shot sync.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devpulse_capture::{CaptureHandle, ScreenshotError, Signals};
use devpulse_control::{
    AcceptRequest, AgentStatus, CaptureStatus, ConsentReport, ControlError, Controller, ErrorCode,
    EventsQuery, ImagePart, ListedEvent, PauseRequest, PauseStatus, PendingEmit, PipelineState,
    PipelineStatus, Present, Progress, Resumption, Sample, Status, SyncOutcome, SyncProgress,
    SyncRequest,
};
use devpulse_pipeline::queue::Queue;
use devpulse_pipeline::sender::SenderHandle;
use devpulse_pipeline::wal::{Wal, WalError};
use devpulse_protocol::{Custom, EventBody, EventId, Screenshot, Timestamp};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::agent::wal_hint;
use crate::consent::{self, ConsentError};
use crate::credentials::{DeviceIdentity, SecretPlace};
use crate::delivery::Delivery;
use crate::image;
use crate::intake::Intake;
use crate::offline::Listing;
use crate::pause::{self, PauseHandle, Standing};
use crate::replay::UnknownDeadLetter;
use crate::report::{self, PipelineFigures};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;
use crate::synchronise::Synchroniser;
use crate::trend::Trend;

/// Serves the control socket.
pub(crate) struct Front {
    identity: DeviceIdentity,
    secret_place: SecretPlace,
    started: Instant,
    queue: Queue,
    wal: Wal,
    sender: SenderHandle,
    synchroniser: Synchroniser,
    server_config: watch::Receiver<Option<StoredServerConfig>>,
    role: FrontRole,
}

/// What stands behind the socket.
pub(crate) enum FrontRole {
    /// The agent: it takes events in.
    Agent {
        /// Takes custom events in.
        intake: Box<Intake>,
        /// The figures of the last hour.
        trend: Trend,
        /// What is in force.
        settings: watch::Sender<Arc<Settings>>,
        /// What each signal is served by.
        signals: watch::Receiver<Signals>,
        /// Takes screenshots for as long as capture goes on.
        capture: Weak<CaptureHandle>,
        /// Pauses capture.
        pause: PauseHandle,
        /// Ends the agent.
        quit: CancellationToken,
    },
    /// A sync that will end by itself, or when an agent wants its place.
    OneShot {
        /// Ends it.
        hand_over: CancellationToken,
    },
}

impl Front {
    pub(crate) fn new(
        secret_place: SecretPlace,
        identity: DeviceIdentity,
        delivery: &Delivery,
        server_config: watch::Receiver<Option<StoredServerConfig>>,
        role: FrontRole,
    ) -> Self {
        let (queue, wal, sender) = (delivery.queue(), delivery.wal(), delivery.sender());
        Self {
            identity,
            secret_place,
            started: Instant::now(),
            synchroniser: Synchroniser::new(queue.clone(), wal.clone(), sender.clone()),
            queue,
            wal,
            sender,
            server_config,
            role,
        }
    }

    /// What sends everything while somebody waits.
    pub(crate) fn synchroniser(&self) -> Synchroniser {
        self.synchroniser.clone()
    }

    async fn figures(&self) -> Result<PipelineFigures, WalError> {
        let (ledger, oldest_pending, wal_bytes) = self
            .wal
            .call(|store| {
                let oldest = store.oldest_pending()?;
                Ok((store.ledger().clone(), oldest, store.bytes_on_disk()))
            })
            .await?;
        Ok(PipelineFigures {
            ledger,
            oldest_pending,
            wal_bytes,
            queued: self.queue.len() as u64,
            trouble: self.queue.trouble(),
            sender: Some(self.sender.state().borrow().clone()),
        })
    }

    fn signals(&self) -> Option<Signals> {
        match &self.role {
            FrontRole::Agent { signals, .. } => Some(signals.borrow().clone()),
            FrontRole::OneShot { .. } => None,
        }
    }

    fn withheld(&self) -> u64 {
        match &self.role {
            FrontRole::Agent { capture, .. } => {
                capture.upgrade().map_or(0, |capture| capture.withheld())
            }
            FrontRole::OneShot { .. } => 0,
        }
    }

    /// When each stage last moved; a sync without an agent has no stages to watch.
    fn progress(&self) -> Progress {
        let FrontRole::Agent { intake, settings, .. } = &self.role else {
            return Progress::default();
        };
        let sender = self.sender.state();
        let sender = sender.borrow();
        let deadline = report::progress_deadline(settings.borrow().config());
        Progress {
            captured_at: intake.captured_at(),
            stored_at: self.queue.last_commit(),
            sent_at: sender.last_sent,
            acknowledged_at: sender.last_receipt,
            deadline_s: Some(deadline.as_secs_f64()),
        }
    }

    fn settings(&self) -> Option<Arc<Settings>> {
        match &self.role {
            FrontRole::Agent { settings, .. } => Some(Arc::clone(&settings.borrow())),
            FrontRole::OneShot { .. } => None,
        }
    }

    const fn pauses(&self) -> Option<&PauseHandle> {
        match &self.role {
            FrontRole::Agent { pause, .. } => Some(pause),
            FrontRole::OneShot { .. } => None,
        }
    }
}

#[async_trait]
impl Controller for Front {
    async fn status(&self) -> Status {
        let standing = self.pauses().map(|pause| pause.standing().borrow().clone());
        let pause = standing.as_ref().and_then(Standing::pause).map(pause::status);
        let pipeline = match self.figures().await {
            Ok(figures) => PipelineStatus {
                progress: self.progress(),
                ..report::pipeline(figures, pause.is_some(), Timestamp::now())
            },
            Err(error) => PipelineStatus {
                last_error: Some(error.to_string()),
                ..PipelineStatus::empty(PipelineState::Idle)
            },
        };
        let agent = match &self.role {
            FrontRole::Agent { .. } => AgentStatus {
                running: true,
                pid: Some(std::process::id()),
                uptime_s: Some(self.started.elapsed().as_secs_f64()),
            },
            FrontRole::OneShot { .. } => AgentStatus::default(),
        };
        let capture = self.signals().map_or_else(
            || CaptureStatus::unavailable("no agent is running"),
            |signals| report::capture(&signals),
        );
        let config = self.server_config.borrow().clone();
        let consent = self.settings().and_then(|settings| consent::status(&settings));
        Status {
            pause,
            consent,
            secret_store: self.secret_place.now(),
            key_expires_at: self.secret_place.key_expires_at(),
            withheld: self.withheld(),
            ..report::status(Some(&self.identity), agent, pipeline, capture, config.as_ref())
        }
    }

    async fn emit(&self, name: String, data: Box<RawValue>) -> Result<PendingEmit, ControlError> {
        let FrontRole::Agent { intake, pause, .. } = &self.role else { return Err(no_agent()) };
        if let Some(pause) = pause.standing().borrow().pause() {
            let sentence = format!("capture is paused until {}", pause.until);
            return Err(ControlError::new(ErrorCode::Forbidden, sentence)
                .with_hint("go on before with: devpulse-client resume"));
        }
        let custom = Custom::new(name, data)
            .map_err(|error| ControlError::new(ErrorCode::Invalid, error.to_string()))?;
        let event_id = EventId::new();
        let ticket = intake
            .submit(event_id, Timestamp::now(), EventBody::Custom(custom))
            .await
            .map_err(|_| ControlError::stopping())?;
        Ok(Box::pin(async move {
            ticket.durable().await.map(|_| event_id).map_err(|_| ControlError::stopping())
        }))
    }

    async fn sync(
        &self,
        request: SyncRequest,
        progress: mpsc::Sender<SyncProgress>,
    ) -> SyncOutcome {
        self.synchroniser.run(request, progress).await
    }

    async fn hand_over(&self) -> Result<(), ControlError> {
        match &self.role {
            FrontRole::OneShot { hand_over } => {
                hand_over.cancel();
                Ok(())
            }
            FrontRole::Agent { .. } => {
                let pid = std::process::id();
                let sentence = format!("an agent is running already (pid {pid})");
                Err(ControlError::new(ErrorCode::Forbidden, sentence))
            }
        }
    }

    async fn events(
        &self,
        query: EventsQuery,
        out: mpsc::Sender<ListedEvent>,
    ) -> Result<(), ControlError> {
        // What stays closed is listed as such.
        self.wal.unlock_now_and_then().await.ok();
        let mut listing = self
            .wal
            .call(move |store| Listing::begin(query, |which, count| store.newest(which, count)))
            .await
            .map_err(storage)?;
        while let Some((which, after, limit)) = listing.next_page() {
            let page = self
                .wal
                .call(move |store| store.list(which, after, limit))
                .await
                .map_err(storage)?;
            for event in listing.take(page) {
                if out.send(event).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn pause(&self, request: PauseRequest) -> Result<PauseStatus, ControlError> {
        self.pauses().ok_or_else(no_agent)?.pause(request).await
    }

    async fn resume(&self) -> Result<Resumption, ControlError> {
        self.pauses().ok_or_else(no_agent)?.resume().await
    }

    async fn screenshot(&self) -> Result<Vec<Screenshot>, ControlError> {
        let FrontRole::Agent { capture, .. } = &self.role else { return Err(no_agent()) };
        let capture = capture.upgrade().ok_or_else(ControlError::stopping)?;
        capture.screenshot().await.map_err(|error| no_screenshot(&error))
    }

    async fn replay(&self, event_id: Option<EventId>) -> Result<u64, ControlError> {
        let replayed = self.wal.call(move |store| store.replay(event_id)).await.map_err(storage)?;
        match event_id {
            Some(event_id) if replayed == 0 => {
                let unknown = UnknownDeadLetter(event_id);
                Err(ControlError::new(ErrorCode::Invalid, unknown.to_string())
                    .with_hint(UnknownDeadLetter::HINT))
            }
            _ => Ok(replayed),
        }
    }

    async fn image(&self, sha256: String, offset: u64) -> Result<Option<ImagePart>, ControlError> {
        /// In Base64 they fit into a frame.
        const PART: usize = 512 * 1024;

        let sha = image::parse(&sha256)
            .map_err(|error| ControlError::new(ErrorCode::Invalid, error.to_string()))?;
        // What stays closed says so itself.
        self.wal.unlock_now_and_then().await.ok();
        let found = self.wal.call(move |store| store.image(&sha)).await.map_err(storage)?;
        Ok(found.map(|found| {
            let rest = found.bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..);
            let part = rest.and_then(|rest| rest.chunks(PART).next()).unwrap_or_default();
            let (media_type, size) = (found.media_type, found.bytes.len() as u64);
            ImagePart { media_type, size, base64: STANDARD.encode(part) }
        }))
    }

    async fn trend(&self) -> Result<Vec<Sample>, ControlError> {
        let FrontRole::Agent { trend, .. } = &self.role else { return Err(no_agent()) };
        Ok(trend.samples())
    }

    async fn present(&self) -> Result<Present, ControlError> {
        let FrontRole::Agent { capture, pause, .. } = &self.role else { return Err(no_agent()) };
        let capture = capture.upgrade().ok_or_else(ControlError::stopping)?;
        let present = capture.present().await.ok_or_else(ControlError::stopping)?;
        let standing = pause.standing();
        Ok(report::present(present, standing.borrow().pause()))
    }

    async fn consent(&self) -> Result<ConsentReport, ControlError> {
        self.settings().map(|settings| consent::report(&settings)).ok_or_else(no_agent)
    }

    async fn accept(&self, request: AcceptRequest) -> Result<ConsentReport, ControlError> {
        let FrontRole::Agent { settings, .. } = &self.role else { return Err(no_agent()) };
        let asked = Arc::clone(&settings.borrow());
        let recording = tokio::task::spawn_blocking(move || consent::accept(&asked, &request));
        let record = recording
            .await
            .map_err(|_| ControlError::stopping())?
            .map_err(|error| no_consent(&error))?;
        // What the server asked for meanwhile is held to what was just agreed to.
        settings.send_modify(|settings| *settings = Arc::new(settings.with_consent(record)));
        let settings = Arc::clone(&settings.borrow());
        Ok(consent::report(&settings))
    }

    async fn stop(&self) -> Result<(), ControlError> {
        match &self.role {
            FrontRole::Agent { quit, .. } => quit.cancel(),
            FrontRole::OneShot { hand_over } => hand_over.cancel(),
        }
        Ok(())
    }
}

fn no_agent() -> ControlError {
    let sentence = "no agent is running, only a sync that will end by itself";
    ControlError::new(ErrorCode::NoAgent, sentence).with_hint("start it with: devpulse-client run")
}

fn no_consent(error: &ConsentError) -> ControlError {
    let code = match error {
        ConsentError::Outdated | ConsentError::NotEnrolled => ErrorCode::Invalid,
        ConsentError::Unwritable(_) => ErrorCode::Storage,
    };
    let source = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let sentence = format!("{error}{}", source.unwrap_or_default());
    ControlError { hint: error.hint().map(ToOwned::to_owned), ..ControlError::new(code, sentence) }
}

fn no_screenshot(error: &ScreenshotError) -> ControlError {
    let (code, hint) = match error {
        ScreenshotError::Policy => (ErrorCode::Forbidden, Some("ask your administrator")),
        ScreenshotError::Paused => {
            (ErrorCode::Forbidden, Some("go on with: devpulse-client resume"))
        }
        ScreenshotError::Ended => (ErrorCode::Stopping, None),
        ScreenshotError::Locked => (ErrorCode::Failed, Some("unlock it, and try again")),
        ScreenshotError::Unavailable(_) => {
            (ErrorCode::Failed, Some("see what is missing with: devpulse-client doctor"))
        }
        _ => (ErrorCode::Failed, Some("try again; see also: devpulse-client doctor")),
    };
    let source = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let sentence = format!("{error}{}", source.unwrap_or_default());
    ControlError { hint: hint.map(ToOwned::to_owned), ..ControlError::new(code, sentence) }
}

fn storage(error: WalError) -> ControlError {
    match error {
        WalError::Closed => ControlError::stopping(),
        error => {
            let hint = wal_hint(&error);
            ControlError { hint, ..ControlError::new(ErrorCode::Storage, error.to_string()) }
        }
    }
}
