//! The lane of images. It yields to events: while something stands in their way, no
//! image is tried.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use devpulse_protocol::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Command, Context, SenderState, alarm, blocked};
use crate::lane::{Lane, Obstacle};
use crate::uplink::{Answer, OutgoingImage};
use crate::verdict::{self, Verdict};
use crate::wal::{PendingImage, Store, WalError, WalState};

pub(super) struct ImageLane {
    context: Context,
    commands: mpsc::Receiver<Command>,
    waiting: watch::Receiver<WalState>,
    events: watch::Receiver<SenderState>,
    lane: Lane,
    stop_at: Option<Instant>,
}

impl ImageLane {
    pub(super) fn new(context: Context, commands: mpsc::Receiver<Command>) -> Self {
        let waiting = context.wal.state();
        let events = context.state.subscribe();
        Self { context, commands, waiting, events, lane: Lane::default(), stop_at: None }
    }

    pub(super) async fn run(mut self) {
        while !self.is_done() {
            if !self.may_send() {
                self.wait().await;
                continue;
            }
            match self.context.wal.call_unlocked(Store::next_image).await {
                Ok(Some(image)) => self.deliver(image).await,
                Ok(None) => self.wait().await,
                Err(WalError::Closed) => return,
                Err(WalError::Locked(locked)) => {
                    self.obstruct(Obstacle::Sealed, locked.to_string(), None);
                }
                Err(error) => self.obstruct(Obstacle::BackingOff, error.to_string(), None),
            }
        }
    }

    fn is_done(&self) -> bool {
        self.stop_at.is_some_and(|deadline| {
            Instant::now() >= deadline
                || self.waiting.borrow().images_pending == 0
                || !self.may_send()
        })
    }

    fn may_send(&self) -> bool {
        self.waiting.borrow().images_pending > 0
            && self.lane.may_try(Instant::now())
            && self.events.borrow().events.is_none()
    }

    async fn deliver(&mut self, image: PendingImage) {
        let id = image.id;
        let Some(bytes) = image.bytes else {
            tracing::warn!(
                image = image.sha256,
                "an image is gone from the disk, or can never be opened"
            );
            return self.settle(move |store| store.image_refused(id, Timestamp::now())).await;
        };
        let outgoing = OutgoingImage { sha256: image.sha256, media_type: image.media_type, bytes };
        // What is cut off when stopping is sent again at the next start.
        let Some(answer) = self.send(&outgoing).await else { return };
        let keep_history = self.context.policy.borrow().history > Duration::ZERO;
        match verdict::of_image(&answer, SystemTime::now()) {
            Verdict::Stored => {
                self.lane.opened();
                self.show();
                self.settle(move |store| store.image_sent(id, keep_history, Timestamp::now()))
                    .await;
            }
            Verdict::Bisect(refusal) | Verdict::Halve(refusal) => {
                tracing::warn!(
                    image = outgoing.sha256,
                    cause = refusal.cause,
                    "the server refuses an image"
                );
                self.settle(move |store| store.image_refused(id, Timestamp::now())).await;
            }
            Verdict::Retry { trouble, not_before, cause } => {
                self.obstruct(Obstacle::of(trouble), cause, not_before);
            }
            // Verdicts on batches; for an image they are no more than a failure.
            Verdict::Acknowledged(_) => {
                let cause = "the server answered an image as if it were a batch".to_owned();
                self.obstruct(Obstacle::BackingOff, cause, None);
            }
            Verdict::Rename { cause } => self.obstruct(Obstacle::BackingOff, cause, None),
            Verdict::AuthBlocked { cause } => self.obstruct(Obstacle::AuthBlocked, cause, None),
            Verdict::NoKey { cause } => self.obstruct(Obstacle::NoKey, cause, None),
            Verdict::ConfigBlocked { cause } => self.obstruct(Obstacle::ConfigBlocked, cause, None),
            Verdict::Revoked { cause } => self.obstruct(Obstacle::Revoked, cause, None),
        }
    }

    /// Sends an image, heeding commands meanwhile; `None` where the time to stop came first.
    async fn send(&mut self, image: &OutgoingImage) -> Option<Answer> {
        let uplink = Arc::clone(&self.context.uplink);
        let mut sending = std::pin::pin!(uplink.send_image(image));
        loop {
            let stop_at = self.stop_at;
            tokio::select! {
                answer = &mut sending => return Some(answer),
                command = self.commands.recv() => self.take(command.as_ref()),
                () = alarm(stop_at) => return None,
            }
        }
    }

    async fn settle(
        &mut self,
        work: impl FnOnce(&mut Store) -> Result<(), WalError> + Send + 'static,
    ) {
        if let Err(error) = self.context.wal.call(work).await {
            self.obstruct(Obstacle::BackingOff, error.to_string(), None);
        }
    }

    fn obstruct(&mut self, obstacle: Obstacle, cause: String, not_before: Option<Duration>) {
        tracing::info!(?obstacle, cause, "images have to wait");
        self.lane.obstructed(obstacle, cause, not_before, Instant::now(), &mut rand::rng());
        self.show();
    }

    async fn wait(&mut self) {
        let now = Instant::now();
        let closed = self.lane.closed().filter(|closed| closed.next_attempt > now);
        let waits = self.waiting.borrow().images_pending > 0;
        let moment = closed.filter(|_| waits).map(|closed| closed.next_attempt);
        let moment = [moment, self.stop_at].into_iter().flatten().min();
        let open = closed.is_none();
        tokio::select! {
            () = alarm(moment) => {}
            command = self.commands.recv() => self.take(command.as_ref()),
            changed = self.waiting.changed(), if open => {
                if changed.is_err() {
                    self.stop_at = Some(Instant::now());
                }
            }
            changed = self.events.changed(), if open => {
                if changed.is_err() {
                    self.stop_at = Some(Instant::now());
                }
            }
        }
    }

    fn take(&mut self, command: Option<&Command>) {
        let now = Instant::now();
        match command {
            Some(&Command::Hurry(until)) => self.lane.hurry(until, now),
            Some(Command::Relax) => self.lane.relax(),
            Some(Command::Revoked(_)) => {}
            Some(&Command::Stop(deadline)) => self.stop_at = Some(deadline),
            None => self.stop_at = Some(now),
        }
    }

    fn show(&self) {
        let shown = blocked(&self.lane);
        self.context.state.send_if_modified(|state| {
            let changed = state.images != shown;
            state.images = shown;
            changed
        });
    }
}
