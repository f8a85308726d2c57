//! Sending everything now, while somebody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use devpulse_control::{PipelineState, SyncOutcome, SyncProgress, SyncRequest, SyncResult};
use devpulse_pipeline::lane::Obstacle;
use devpulse_pipeline::queue::Queue;
use devpulse_pipeline::sender::{SenderHandle, SenderState};
use devpulse_pipeline::wal::{Wal, WalState};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::report::state_of;

/// How often progress is told at most.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Makes the sender hurry for as long as anybody waits.
#[derive(Clone, Debug)]
pub(crate) struct Synchroniser {
    queue: Queue,
    wal: Wal,
    sender: SenderHandle,
    waiting: Arc<AtomicUsize>,
}

impl Synchroniser {
    pub(crate) fn new(queue: Queue, wal: Wal, sender: SenderHandle) -> Self {
        Self { queue, wal, sender, waiting: Arc::new(AtomicUsize::new(0)) }
    }

    /// Sends everything that waits, telling how far it has got.
    pub(crate) async fn run(
        &self,
        request: SyncRequest,
        progress: mpsc::Sender<SyncProgress>,
    ) -> SyncOutcome {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let relax = Relax { waiting: Arc::clone(&self.waiting), sender: self.sender.clone() };
        let deadline = Instant::now() + request.timeout;
        let sender = self.sender.state();
        let attempts_before = sender.borrow().attempts;
        let delivered_before = self.delivered().await;
        let wal = self.wal.state();
        let mut watched = Watched { wal, sender, attempts_before, delivered_before };
        self.sender.hurry(deadline).await;
        let settled = tokio::time::timeout_at(deadline, self.queue.settle()).await;
        let result = match settled {
            Ok(Ok(())) => self.watch(&mut watched, deadline, &progress).await,
            Ok(Err(_)) => SyncResult::Stopped,
            Err(_) => SyncResult::TimedOut,
        };
        relax.now().await;
        let progress = self.progress(&watched).await;
        let in_the_way = match result {
            SyncResult::Drained => None,
            SyncResult::TimedOut | SyncResult::Revoked | SyncResult::Stopped => {
                progress.last_error.or_else(|| self.queue.trouble())
            }
        };
        SyncOutcome { result, sent: progress.sent, pending: progress.pending, in_the_way }
    }

    async fn watch(
        &self,
        watched: &mut Watched,
        deadline: Instant,
        progress: &mpsc::Sender<SyncProgress>,
    ) -> SyncResult {
        let mut told = None;
        loop {
            if let Some(result) = watched.ended() {
                return result;
            }
            let now = Instant::now();
            if told.is_none_or(|at| now.duration_since(at) >= TELL_EVERY) {
                told = Some(now);
                // Nobody may be listening, or not fast enough: the next word is newer.
                progress.try_send(self.progress(watched).await).ok();
            }
            let changed = async {
                tokio::select! {
                    changed = watched.wal.changed() => changed.is_ok(),
                    changed = watched.sender.changed() => changed.is_ok(),
                }
            };
            match tokio::time::timeout_at(deadline, changed).await {
                Ok(true) => {}
                Ok(false) => return SyncResult::Stopped,
                Err(_) => return SyncResult::TimedOut,
            }
        }
    }

    async fn progress(&self, watched: &Watched) -> SyncProgress {
        let pending = watched.wal.borrow().pending;
        let sent = self.delivered().await.saturating_sub(watched.delivered_before);
        let sender = watched.sender.borrow().clone();
        SyncProgress {
            sent,
            pending,
            state: state(&sender),
            last_error: sender.events.map(|blocked| blocked.cause),
        }
    }

    async fn delivered(&self) -> u64 {
        self.wal.call(|store| Ok(store.ledger().delivered)).await.unwrap_or_default()
    }
}

/// What is watched while somebody waits.
struct Watched {
    wal: watch::Receiver<WalState>,
    sender: watch::Receiver<SenderState>,
    attempts_before: u64,
    delivered_before: u64,
}

impl Watched {
    /// How it has ended, if it has. A revoked device ends it once the server said so
    /// anew; images are waited for as long as their way is open.
    fn ended(&mut self) -> Option<SyncResult> {
        let waits = *self.wal.borrow_and_update();
        let sender = self.sender.borrow_and_update();
        if waits.pending == 0 && (waits.images_pending == 0 || sender.images.is_some()) {
            return Some(SyncResult::Drained);
        }
        let revoked =
            sender.events.as_ref().is_some_and(|blocked| blocked.obstacle == Obstacle::Revoked);
        (revoked && sender.attempts > self.attempts_before).then_some(SyncResult::Revoked)
    }
}

/// Ends the hurry when the last one who waited is gone, also where it just went away.
struct Relax {
    waiting: Arc<AtomicUsize>,
    sender: SenderHandle,
}

impl Relax {
    async fn now(self) {
        if self.waiting.load(Ordering::SeqCst) == 1 {
            self.sender.relax().await;
        }
    }
}

impl Drop for Relax {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

fn state(sender: &SenderState) -> PipelineState {
    match &sender.events {
        Some(blocked) => state_of(blocked.obstacle),
        None if sender.in_flight > 0 => PipelineState::Sending,
        None => PipelineState::Idle,
    }
}
