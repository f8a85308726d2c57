//! The sender: takes batches out of the log and brings them to the server.
//!
//! # Constraints
//!
//! 1. Only a receipt that adds up moves an event out of the pending set.
//! 2. One batch is under way at a time, oldest first; a retry is the same id and the
//!    same bytes.
//! 3. One bad event never holds up its neighbours: what is refused as a whole is
//!    halved until the culprit is alone, and it is condemned only when the server
//!    has accepted another one since and refuses it again.
//! 4. Images have a lane of their own and never delay an event.
//! 5. What an answer means is decided by [`crate::verdict`], when to try again by
//!    [`crate::lane`], which batch comes next by `suspicion`; this module only acts.
//!
//! # Failures
//!
//! | what happens | what follows |
//! |---|---|
//! | no answer, 5xx, 408, 425, 429, a 2xx without receipt | the same batch after a wait with full jitter, 1 s to 5 min, `Retry-After` obeyed |
//! | 401, 403 | a pause: `auth_blocked`, tried every 1 to 60 min |
//! | 404 and other signs of a wrong server | a pause: `config_blocked`, tried every 5 to 60 min |
//! | `device_revoked` | a pause: `revoked`, tried once an hour, images stop |
//! | 400, 422 | halved by count; a lone event is set aside until another one is accepted, then tried once more and delivered or condemned |
//! | the fifth 5xx of one batch, while others are accepted | as 400 |
//! | 411, 413 | halved by bytes |
//! | 409 | the same events under another id |
//! | the acknowledgement cannot be stored | nothing is sent until it could be |

mod events;
mod images;
mod suspicion;

use std::sync::Arc;
use std::time::Duration;

use devpulse_protocol::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::batcher::BatchPolicy;
use crate::lane::{Lane, Obstacle};
use crate::uplink::Uplink;
use crate::verdict::ReceiptMode;
use crate::wal::Wal;

/// How the sender works; may change at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderPolicy {
    /// When a batch is complete.
    pub batch: BatchPolicy,
    /// For how long delivered events stay readable; zero is not at all.
    pub history: Duration,
    /// What acknowledges a batch.
    pub receipts: ReceiptMode,
}

/// What the sender does at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderState {
    /// Events that are under way.
    pub in_flight: u64,
    /// Attempts at batches that have ended, in whatever way, since the sender was started.
    pub attempts: u64,
    /// When a batch was last put on its way.
    pub last_sent: Option<Timestamp>,
    /// When a receipt was last stored.
    pub last_receipt: Option<Timestamp>,
    /// What stands in the way of events.
    pub events: Option<Blocked>,
    /// What stands in the way of images.
    pub images: Option<Blocked>,
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// What kind of obstacle it is.
    pub obstacle: Obstacle,
    /// What happened, for people.
    pub cause: String,
    /// When it is tried again.
    pub next_attempt: Timestamp,
}

/// The running sender.
#[derive(Debug)]
pub struct Sender {
    handle: SenderHandle,
    tasks: [JoinHandle<()>; 2],
}

/// Talks to the sender. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SenderHandle {
    events: mpsc::Sender<Command>,
    images: mpsc::Sender<Command>,
    state: watch::Receiver<SenderState>,
    config_version: watch::Receiver<Option<i64>>,
}

#[derive(Clone, Debug)]
enum Command {
    /// End every wait for one try, and keep the next ones short until then.
    Hurry(Instant),
    /// Nobody waits any more.
    Relax,
    /// Another call was told that the device is revoked.
    Revoked(String),
    /// Send what waits until then, and end.
    Stop(Instant),
}

/// What both lanes share.
struct Context {
    wal: Wal,
    uplink: Arc<dyn Uplink>,
    policy: watch::Receiver<SenderPolicy>,
    state: Arc<watch::Sender<SenderState>>,
}

impl Sender {
    /// Starts both lanes.
    #[must_use]
    pub fn start(
        wal: &Wal,
        uplink: &Arc<dyn Uplink>,
        policy: &watch::Receiver<SenderPolicy>,
    ) -> Self {
        let (events, event_commands) = mpsc::channel(8);
        let (images, image_commands) = mpsc::channel(8);
        let (publish, state) = watch::channel(SenderState::default());
        let (publish_version, config_version) = watch::channel(None);
        let publish = Arc::new(publish);
        let context = || Context {
            wal: wal.clone(),
            uplink: Arc::clone(uplink),
            policy: policy.clone(),
            state: Arc::clone(&publish),
        };
        let tasks = [
            tokio::spawn(events::EventLane::new(context(), event_commands, publish_version).run()),
            tokio::spawn(images::ImageLane::new(context(), image_commands).run()),
        ];
        Self { handle: SenderHandle { events, images, state, config_version }, tasks }
    }

    /// A handle.
    #[must_use]
    pub fn handle(&self) -> SenderHandle {
        self.handle.clone()
    }

    /// Sends what waits for at most `flush`, gives up at the first obstacle, and ends.
    /// What is under way then is sent again at the next start.
    pub async fn stop(self, flush: Duration) {
        let deadline = Instant::now() + flush;
        for lane in [&self.handle.events, &self.handle.images] {
            // A lane that has ended needs no word to end.
            lane.send(Command::Stop(deadline)).await.ok();
        }
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a lane of the sender failed");
            }
        }
    }
}

impl SenderHandle {
    /// What the sender does, published on every change.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<SenderState> {
        self.state.clone()
    }

    /// The version of the configuration that the last receipt named.
    #[must_use]
    pub fn config_version(&self) -> watch::Receiver<Option<i64>> {
        self.config_version.clone()
    }

    /// Sends everything now: ends every wait for one try at once, and keeps the waits
    /// between the next tries short until `until`.
    pub async fn hurry(&self, until: Instant) {
        for lane in [&self.events, &self.images] {
            // A lane that has ended cannot be hurried.
            lane.send(Command::Hurry(until)).await.ok();
        }
    }

    /// Another call was told that the device is revoked, for the cause given: that holds
    /// for events and images, too, so that nobody asks the server beside the others.
    pub async fn revoked(&self, cause: String) {
        // A lane that has ended asks for nothing any more.
        self.events.send(Command::Revoked(cause)).await.ok();
    }

    /// Ends the hurry: nobody waits any more.
    pub async fn relax(&self) {
        for lane in [&self.events, &self.images] {
            // A lane that has ended is relaxed.
            lane.send(Command::Relax).await.ok();
        }
    }
}

/// What a lane shows of itself.
fn blocked(lane: &Lane) -> Option<Blocked> {
    lane.closed().map(|closed| Blocked {
        obstacle: closed.obstacle,
        cause: closed.cause.clone(),
        next_attempt: Timestamp::now()
            .plus(closed.next_attempt.saturating_duration_since(Instant::now())),
    })
}

/// Waits until `moment`, or for ever where there is none.
async fn alarm(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
