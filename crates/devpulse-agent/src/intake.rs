//! From capture into the queue: an event is given its owner, its image is put on disk,
//! and it waits for its commit.

use std::path::PathBuf;
use std::sync::Arc;

use devpulse_capture::{Captured, CapturedImage, CheckpointUpdate, OpenWindow, Urgency};
use devpulse_pipeline::queue::{Queue, QueueClosed, Ticket, Urgency as QueueUrgency};
use devpulse_pipeline::vault::Vault;
use devpulse_pipeline::wal::{self, NewEvent, NewImage, Wal, WalError};
use devpulse_protocol::{EventBody, EventDraft, EventId, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::credentials::DeviceIdentity;
use crate::pause::{Standing, is_of_the_agent};
use crate::revocation::Extent;

/// Makes captured events into stored ones.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    queue: Queue,
    identity: DeviceIdentity,
    images: PathBuf,
    vault: Arc<Vault>,
    standing: watch::Receiver<Standing>,
    extent: watch::Receiver<Extent>,
    captured_at: Arc<watch::Sender<Option<Timestamp>>>,
}

impl Intake {
    pub(crate) fn new(
        queue: Queue,
        identity: DeviceIdentity,
        (vault, images): (Arc<Vault>, PathBuf),
        standing: watch::Receiver<Standing>,
        extent: watch::Receiver<Extent>,
    ) -> Self {
        let captured_at = Arc::new(watch::Sender::new(None));
        Self { queue, identity, images, vault, standing, extent, captured_at }
    }

    /// When capture last handed on an event; `None` before the first.
    pub(crate) fn captured_at(&self) -> Option<Timestamp> {
        *self.captured_at.borrow()
    }

    /// Takes events in until capture ends.
    pub(crate) async fn run(self, mut captured: mpsc::Receiver<Captured>) {
        while let Some(event) = captured.recv().await {
            if self.take(event).await.is_err() {
                return;
            }
        }
    }

    /// Puts one event into the queue, at once where its kind asks for it.
    pub(crate) async fn submit(
        &self,
        event_id: EventId,
        at: Timestamp,
        body: EventBody,
    ) -> Result<Ticket, QueueClosed> {
        let Some(event) = self.encode(event_id, at, body) else { return Err(QueueClosed) };
        self.queue.push(event, QueueUrgency::Urgent).await
    }

    /// Reports the window that was open when the last agent was cut off, closed at its
    /// last checkpoint; the checkpoint goes in the same transaction.
    pub(crate) async fn recover(&self, wal: &Wal) -> Result<(), WalError> {
        wal.call(wal::Store::leave_checkpoint).await?;
        self.report_left(wal).await
    }

    /// Reports what could not be read before, each time that a key is found.
    pub(crate) async fn report_later(self, wal: Wal, stop: CancellationToken) {
        let vault = Arc::clone(wal.vault());
        while stop.run_until_cancelled(vault.opened()).await.is_some() {
            if let Err(error) = self.report_left(&wal).await {
                tracing::warn!(%error, "the window that was open last is not reported yet");
            }
        }
    }

    async fn report_left(&self, wal: &Wal) -> Result<(), WalError> {
        let left = match wal.call_unlocked(wal::Store::left_checkpoints).await {
            Err(WalError::Locked(locked)) => {
                tracing::warn!(%locked, "the window that was open last is reported later");
                return Ok(());
            }
            left => left?,
        };
        for checkpoint in left {
            let event = checkpoint.open_window.as_deref().and_then(|open| self.recovered(open));
            if event.is_none() {
                tracing::warn!("the checkpoint of the open window cannot be read");
            }
            wal.call(move |store| store.report_checkpoint(&checkpoint, event.as_ref())).await?;
        }
        Ok(())
    }

    fn recovered(&self, checkpoint: &[u8]) -> Option<NewEvent> {
        let open: OpenWindow = serde_json::from_slice(checkpoint).ok()?;
        let (event_id, at, window) = open.recovered();
        self.encode(event_id, at, EventBody::Window(window))
    }

    async fn take(&self, captured: Captured) -> Result<(), QueueClosed> {
        self.captured_at.send_replace(Some(Timestamp::now()));
        let admitted = self.standing.borrow().admit(captured.body);
        // Windows and screens end with the policy; presence has no switch there.
        let nothing = *self.extent.borrow() == Extent::Nothing;
        let admitted = admitted.filter(|body| !nothing || is_of_the_agent(body));
        let encode = |body| self.encode(captured.event_id, captured.at, body);
        let Some(mut event) = admitted.and_then(encode) else { return Ok(()) };
        event.checkpoint = checkpoint(captured.checkpoint);
        event.image = match captured.image {
            Some(image) => self.stage(image).await,
            None => None,
        };
        let urgency = match captured.urgency {
            Urgency::Routine => QueueUrgency::Routine,
            Urgency::Edge => QueueUrgency::Urgent,
        };
        let ticket = self.queue.push(event, urgency).await?;
        if let Some(durable) = captured.durable {
            // Beside the others: the events that come after it need not wait for the commit.
            tokio::spawn(async move {
                if ticket.durable().await.is_ok() {
                    // Whoever held up the machine's sleep for it may have lost patience.
                    durable.send(()).ok();
                }
            });
        }
        Ok(())
    }

    fn encode(&self, event_id: EventId, timestamp: Timestamp, body: EventBody) -> Option<NewEvent> {
        let draft = EventDraft {
            event_id,
            timestamp,
            username: self.identity.username.clone(),
            client_id: self.identity.device_id.clone(),
            body,
        };
        NewEvent::from_draft(&draft)
            .inspect_err(|error| tracing::error!(%error, "an event has no JSON form"))
            .ok()
    }

    /// Puts the image on disk before its event. An image that finds no room is given up:
    /// its event says that there was one.
    async fn stage(&self, image: CapturedImage) -> Option<NewImage> {
        let (vault, directory) = (Arc::clone(&self.vault), self.images.clone());
        let staged = tokio::task::spawn_blocking(move || {
            NewImage::stage(&vault, &directory, &image.sha256_hex, image.media_type, &image.bytes)
        })
        .await;
        match staged {
            Ok(Ok(image)) => Some(image),
            Ok(Err(error)) => {
                tracing::warn!(%error, "an image cannot be stored");
                None
            }
            Err(error) => {
                tracing::error!(%error, "storing an image failed");
                None
            }
        }
    }
}

fn checkpoint(update: CheckpointUpdate) -> wal::CheckpointUpdate {
    match update {
        CheckpointUpdate::Keep => wal::CheckpointUpdate::Keep,
        CheckpointUpdate::Clear => wal::CheckpointUpdate::Clear,
        CheckpointUpdate::Set(open) => match serde_json::to_vec(&open) {
            Ok(bytes) => wal::CheckpointUpdate::Set(bytes),
            Err(error) => {
                tracing::error!(%error, "the open window has no JSON form");
                wal::CheckpointUpdate::Clear
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;
    use std::time::Duration;

    use devpulse_pipeline::vault::KeysAtHand;
    use devpulse_pipeline::wal::{Store, WalOptions};
    use devpulse_protocol::{Activity, ActivityType, DeviceId, Username};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;
    use crate::origin::{PlainHttp, ServerUrl};

    const DEADLINE: Duration = Duration::from_secs(20);

    fn captured(activity: ActivityType, durable: Option<oneshot::Sender<()>>) -> Captured {
        Captured {
            event_id: EventId::new(),
            at: Timestamp::from_millis(1_000),
            body: EventBody::Activity(Activity::of(activity)),
            urgency: Urgency::Edge,
            checkpoint: CheckpointUpdate::Keep,
            image: None,
            durable,
        }
    }

    #[tokio::test]
    async fn whoever_waits_is_told_after_the_commit_and_other_events_do_not_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let identity = DeviceIdentity {
            server_url: ServerUrl::parse("http://127.0.0.1:1", PlainHttp::LoopbackOnly).unwrap(),
            device_id: DeviceId::new("dev-1"),
            user_id: None,
            username: Username::new("ada"),
            issued_at: None,
            expires_at: None,
        };
        let store = Store::open(WalOptions {
            path: folder.path().join("wal.db"),
            images: folder.path().join("blobs"),
            identity: wal::Identity {
                username: identity.username.clone(),
                device_id: identity.device_id.clone(),
            },
            vault: KeysAtHand::default().vault(&folder.path().join("wal.db")),
        });
        let wal = Wal::start(store.unwrap()).unwrap();
        let (queue, _committer) = Queue::start(wal.clone(), CancellationToken::new());
        let (_standing, standing) = watch::channel(Standing::Running);
        let (_everything, extent) = watch::channel(Extent::Everything);
        let images = (Arc::clone(wal.vault()), folder.path().join("blobs"));
        let intake = Intake::new(queue, identity, images, standing, extent);
        let (events, received) = mpsc::channel(1);
        tokio::spawn(intake.run(received));

        let (go_on, hold_up) = blocking::channel::<()>();
        let holding = wal.clone();
        let disk = tokio::spawn(async move {
            holding.call(move |_| Ok(hold_up.recv_timeout(DEADLINE).is_ok())).await
        });
        let (durable, mut told) = oneshot::channel();
        events.send(captured(ActivityType::Suspended, Some(durable))).await.unwrap();
        for _ in 0..10 {
            let another = events.send(captured(ActivityType::Active, None));
            timeout(DEADLINE, another).await.unwrap().unwrap();
        }
        assert!(timeout(Duration::from_millis(100), &mut told).await.is_err());
        go_on.send(()).unwrap();
        timeout(DEADLINE, told).await.unwrap().unwrap();
        assert!(disk.await.unwrap().unwrap());
        assert!(wal.call(|store| Ok(store.ledger().pending)).await.unwrap() >= 1);
    }
}
