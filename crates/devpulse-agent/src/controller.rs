//! What front ends may ask of the agent, and of a one-shot sync.

use async_trait::async_trait;
use devpulse_capture::Signals;
use devpulse_control::{
    AgentStatus, CaptureStatus, ControlError, Controller, ErrorCode, EventsQuery, ListedEvent,
    PendingEmit, PipelineState, PipelineStatus, Status, SyncOutcome, SyncProgress, SyncRequest,
};
use devpulse_pipeline::queue::Queue;
use devpulse_pipeline::sender::SenderHandle;
use devpulse_pipeline::wal::{Wal, WalError};
use devpulse_protocol::{Custom, EventBody, EventId, Timestamp};
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::credentials::DeviceIdentity;
use crate::intake::Intake;
use crate::offline::Listing;
use crate::report::{self, PipelineFigures};
use crate::server_config::StoredServerConfig;
use crate::synchronise::Synchroniser;

/// Serves the control socket.
pub(crate) struct Front {
    pub(crate) identity: DeviceIdentity,
    pub(crate) started: Instant,
    pub(crate) queue: Queue,
    pub(crate) wal: Wal,
    pub(crate) sender: SenderHandle,
    pub(crate) synchroniser: Synchroniser,
    pub(crate) server_config: watch::Receiver<Option<StoredServerConfig>>,
    pub(crate) role: FrontRole,
}

/// What stands behind the socket.
pub(crate) enum FrontRole {
    /// The agent: it takes events in.
    Agent {
        /// Takes custom events in.
        intake: Box<Intake>,
        /// What each signal is served by.
        signals: watch::Receiver<Signals>,
    },
    /// A sync that will end by itself, or when an agent wants its place.
    OneShot {
        /// Ends it.
        hand_over: CancellationToken,
    },
}

impl Front {
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
}

#[async_trait]
impl Controller for Front {
    async fn status(&self) -> Status {
        let pipeline = match self.figures().await {
            Ok(figures) => report::pipeline(figures, Timestamp::now()),
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
        report::status(Some(&self.identity), agent, pipeline, capture, config.as_ref())
    }

    async fn emit(&self, name: String, data: Box<RawValue>) -> Result<PendingEmit, ControlError> {
        let FrontRole::Agent { intake, .. } = &self.role else {
            return Err(ControlError::new(
                ErrorCode::NoAgent,
                "no agent is running, only a sync that will end by itself",
            )
            .with_hint("start it with: devpulse-client run"));
        };
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
}

fn storage(error: WalError) -> ControlError {
    match error {
        WalError::Closed => ControlError::stopping(),
        error => ControlError::new(ErrorCode::Storage, error.to_string()),
    }
}
