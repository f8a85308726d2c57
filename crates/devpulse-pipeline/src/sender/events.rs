//! The lane of events.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use devpulse_protocol::{CheckedReceipt, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::suspicion::{Choice, Pace, Suspicion};
use super::{Command, Context, SenderPolicy, SenderState, alarm, blocked};
use crate::batcher::Due;
use crate::clock::Sleep;
use crate::lane::{Lane, Obstacle};
use crate::uplink::Answer;
use crate::verdict::{self, Refusal, Trouble, Verdict};
use crate::wal::{BatchMeta, LoadedBatch, Split, Standing, Store, WalError, WalState};

/// How long to wait before the log is tried again that failed.
const LOG_RETRY: Duration = Duration::from_secs(1);
/// How often delivered events are looked through for old ones, at most.
const FORGET_EVERY: Duration = Duration::from_secs(60);

pub(super) struct EventLane {
    context: Context,
    commands: mpsc::Receiver<Command>,
    config_version: watch::Sender<Option<i64>>,
    waiting: watch::Receiver<WalState>,
    lane: Lane,
    /// For what was set aside, so that it never closes the way for others.
    suspects: Lane,
    suspicion: Suspicion,
    /// Formed with the last acknowledgement, and the only open batch.
    next: Option<BatchMeta>,
    /// Why another call was told that the device is revoked, until that is taken in.
    told_revoked: Option<String>,
    sleep: Sleep,
    stop_at: Option<Instant>,
    forgot_at: Option<Instant>,
}

/// Which of the two lanes a batch goes through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Ordinary,
    Suspect,
}

impl EventLane {
    pub(super) fn new(
        context: Context,
        commands: mpsc::Receiver<Command>,
        config_version: watch::Sender<Option<i64>>,
    ) -> Self {
        let waiting = context.wal.state();
        Self {
            context,
            commands,
            config_version,
            waiting,
            lane: Lane::default(),
            suspects: Lane::default(),
            suspicion: Suspicion::default(),
            next: None,
            told_revoked: None,
            sleep: Sleep::default(),
            stop_at: None,
            forgot_at: None,
        }
    }

    pub(super) async fn run(mut self) {
        while !self.is_done() {
            self.notice_sleep();
            if let Some(cause) = self.told_revoked.take() {
                self.revoked(cause).await;
            }
            let work = match self.choose().await {
                Ok(work) => work,
                Err(WalError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "the sender cannot read the event log");
                    self.wait_until(Some(Instant::now() + LOG_RETRY)).await;
                    continue;
                }
            };
            match work {
                Some((batch, way)) => {
                    self.deliver(batch, way).await;
                    self.take_commands();
                }
                None => self.wait_until(self.next_moment()).await,
            }
        }
    }

    /// A machine that wakes says so in an event, whose commit wakes this lane, too.
    fn notice_sleep(&mut self) {
        let slept = self.sleep.noticed();
        self.lane.slept(slept);
        self.suspects.slept(slept);
    }

    fn policy(&self) -> SenderPolicy {
        *self.context.policy.borrow()
    }

    fn waiting(&self) -> WalState {
        *self.waiting.borrow()
    }

    /// When stopping: whether nothing waits, something stands in the way, or time is up.
    fn is_done(&self) -> bool {
        self.stop_at.is_some_and(|deadline| {
            let now = Instant::now();
            self.waiting().pending == 0 || now >= deadline || !self.lane.may_try(now)
        })
    }

    /// The batch to send now, formed where it is due.
    async fn choose(&mut self) -> Result<Option<(BatchMeta, Way)>, WalError> {
        let now = Instant::now();
        if !self.lane.may_try(now) || self.waiting().pending == 0 {
            return Ok(None);
        }
        if let Some(next) = self.next.take() {
            return Ok(Some((next, Way::Ordinary)));
        }
        let open = self.context.wal.call(|store| store.open_batches(16)).await?;
        let (fallback, flush) = match self.suspicion.choose(&open) {
            Choice::Send(batch) => return Ok(Some((batch.clone(), Way::Ordinary))),
            Choice::PreferOther(batch) => (Some((batch.clone(), Way::Ordinary)), true),
            Choice::Suspect(batch) => {
                let probe = self.suspects.may_try(now) && self.suspects.closed().is_some();
                if self.suspects.closed().is_none() {
                    self.suspect_waits(now);
                }
                (probe.then(|| (batch.clone(), Way::Suspect)), true)
            }
            Choice::Nothing => {
                self.suspects.opened();
                (None, self.lane.is_hurried(now))
            }
        };
        let policy = self.policy().batch;
        if policy.due(&self.waiting(), flush, now.into_std()) == Due::Now {
            let form = move |store: &mut Store| store.form_batch(policy.limits, Timestamp::now());
            if let Some(batch) = self.context.wal.call(form).await? {
                return Ok(Some((batch, Way::Ordinary)));
            }
        }
        Ok(fallback)
    }

    async fn deliver(&mut self, batch: BatchMeta, way: Way) {
        let load = move |store: &mut Store| store.load_batch(&batch);
        let loaded = match self.context.wal.call_unlocked(load).await {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return,
            Err(WalError::Locked(locked)) => {
                return self.obstruct(Obstacle::Sealed, locked.to_string(), None).await;
            }
            Err(error) => {
                tracing::warn!(%error, "a batch cannot be read");
                return self.obstruct(Obstacle::BackingOff, error.to_string(), None).await;
            }
        };
        if let Some(cause) = self.suspicion.proof(&loaded.meta) {
            return self.blame(loaded, cause, way).await;
        }
        self.note(|state| state.last_sent = Some(Timestamp::now()));
        self.show(loaded.meta.events);
        // What is cut off when stopping is sent again at the next start.
        let Some(answer) = self.send(&loaded).await else { return };
        let verdict = verdict::of_batch(
            &answer,
            loaded.meta.id,
            &loaded.outgoing.event_ids,
            self.policy().receipts,
            SystemTime::now(),
        );
        self.act(loaded, verdict, way).await;
        self.context.state.send_modify(|state| state.attempts += 1);
        self.show(0);
    }

    /// Sends a batch, heeding commands meanwhile; `None` where the time to stop came first.
    async fn send(&mut self, batch: &LoadedBatch) -> Option<Answer> {
        let uplink = Arc::clone(&self.context.uplink);
        let mut sending = std::pin::pin!(uplink.send_batch(&batch.outgoing));
        loop {
            let stop_at = self.stop_at;
            tokio::select! {
                answer = &mut sending => return Some(answer),
                command = self.commands.recv() => self.take_or_stop(command),
                () = alarm(stop_at) => return None,
            }
        }
    }

    async fn act(&mut self, batch: LoadedBatch, verdict: Verdict, way: Way) {
        match verdict {
            Verdict::Acknowledged(receipt) => self.acknowledge(batch, receipt).await,
            // No server answers a batch like that; the same again is harmless.
            Verdict::Stored => {
                let cause = "the server answered a batch as if it were an image".to_owned();
                self.obstruct(Obstacle::BackingOff, cause, None).await;
            }
            Verdict::Retry { trouble, not_before, cause } => {
                if trouble == Trouble::Failed && self.suspicion.failed(batch.meta.id, &cause) {
                    self.blame(batch, cause, way).await;
                } else {
                    self.obstruct(Obstacle::of(trouble), cause, not_before).await;
                }
            }
            Verdict::AuthBlocked { cause } => {
                self.obstruct(Obstacle::AuthBlocked, cause, None).await;
            }
            Verdict::NoKey { cause } => self.obstruct(Obstacle::NoKey, cause, None).await,
            Verdict::ConfigBlocked { cause } => {
                self.obstruct(Obstacle::ConfigBlocked, cause, None).await;
            }
            Verdict::Revoked { cause } => self.revoked(cause).await,
            Verdict::Bisect(refusal) => {
                self.divide(batch, refusal, Split::ByCount, way).await;
            }
            Verdict::Halve(refusal) => {
                self.divide(batch, refusal, Split::ByBytes, way).await;
            }
            Verdict::Rename { cause } => {
                tracing::error!(batch = %batch.meta.id, cause, "the server knows the batch id for other events");
                self.record(move |store| store.rename_batch(&batch.meta)).await;
                self.obstruct(Obstacle::BackingOff, cause, None).await;
            }
        }
    }

    /// Stores the acknowledgement. Until it is stored nothing else is sent: sending the
    /// batch again for that reason would be endless on a disk that takes no writes.
    async fn acknowledge(&mut self, batch: LoadedBatch, receipt: CheckedReceipt) {
        let policy = self.policy();
        let keep_history = policy.history > Duration::ZERO;
        let version = receipt.receipt().config_version;
        for rejection in &receipt.receipt().rejected {
            tracing::warn!(event = %rejection.event_id, code = %rejection.code, "the server rejected an event");
        }
        self.lane.opened();
        self.suspects.opened();
        self.suspicion.accepted(batch.meta.id);
        let batch = Arc::new((batch, receipt));
        loop {
            let flush = self.lane.is_hurried(Instant::now());
            let due = policy.batch.due(&self.waiting(), flush, std::time::Instant::now());
            let limits = (due == Due::Now).then_some(policy.batch.limits);
            let batch = Arc::clone(&batch);
            let work = move |store: &mut Store| {
                let others = store.open_batches(2)?.len() > 1;
                let limits = limits.filter(|_| !others);
                store.acknowledge(&batch.0, &batch.1, keep_history, limits, Timestamp::now())
            };
            match self.context.wal.call(work).await {
                Ok(next) => {
                    self.next = next;
                    break;
                }
                Err(WalError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "an acknowledgement cannot be stored yet");
                    tokio::time::sleep(LOG_RETRY).await;
                    self.take_commands();
                    if self.stop_at.is_some() {
                        return;
                    }
                }
            }
        }
        self.note(|state| state.last_receipt = Some(Timestamp::now()));
        if version.is_some() {
            self.config_version.send_if_modified(|known| {
                let changed = *known != version;
                *known = version;
                changed
            });
        }
        self.forget(policy.history).await;
    }

    /// The server fails because of this batch.
    async fn blame(&mut self, batch: LoadedBatch, cause: String, way: Way) {
        let (id, refusal) = (batch.meta.id, Refusal { status: 500, code: None, cause });
        let halves = self.divide(batch, refusal, Split::ByCount, way).await;
        self.suspicion.divided(id, &halves);
    }

    /// Divides a refused batch, or sets its lone event aside, or condemns it after its last
    /// trial. Returns the halves.
    async fn divide(
        &mut self,
        batch: LoadedBatch,
        refusal: Refusal,
        split: Split,
        way: Way,
    ) -> Vec<BatchMeta> {
        let now = Instant::now();
        let alone = batch.events.len() < 2;
        let cause = refusal.cause.clone();
        if way == Way::Suspect {
            self.suspect_waits(now);
            return Vec::new();
        }
        if batch.meta.standing == Standing::LastTrial {
            self.condemn(batch.meta, refusal).await;
            return Vec::new();
        }
        tracing::warn!(
            batch = %batch.meta.id, events = batch.events.len(), cause,
            "the server refuses the batch as a whole"
        );
        if alone {
            let rng = &mut rand::rng();
            self.suspects = Lane::default();
            self.suspects.obstructed(Obstacle::ConfigBlocked, cause.clone(), None, now, rng);
        }
        let divided = self
            .context
            .wal
            .call(move |store| {
                if alone {
                    store.set_aside(&batch.meta, &refusal).map(|()| Vec::new())
                } else {
                    store.split_batch(&batch, split, Timestamp::now())
                }
            })
            .await;
        match (divided, self.suspicion.refused(alone)) {
            (Ok(halves), Pace::AtOnce) => halves,
            (Ok(halves), Pace::AfterAWait) => {
                self.obstruct(Obstacle::ConfigBlocked, cause, None).await;
                halves
            }
            (Err(error), _) => {
                tracing::warn!(%error, "a refused batch cannot be divided yet");
                self.obstruct(Obstacle::BackingOff, error.to_string(), None).await;
                Vec::new()
            }
        }
    }

    /// Makes a dead letter of a lone event.
    async fn condemn(&mut self, batch: BatchMeta, refusal: Refusal) {
        tracing::warn!(batch = %batch.id, cause = refusal.cause, "an event is refused for good");
        let work = move |store: &mut Store| store.condemn(&batch, &refusal, Timestamp::now());
        if let Err(error) = self.context.wal.call(work).await {
            tracing::warn!(%error, "a dead letter cannot be stored yet");
            self.obstruct(Obstacle::BackingOff, error.to_string(), None).await;
        }
    }

    /// What was set aside is tried again later, in the usual rhythm.
    fn suspect_waits(&mut self, now: Instant) {
        let cause = self.suspects.closed().map_or_else(
            || "the server refuses an event, and has accepted no other one since".to_owned(),
            |closed| closed.cause.clone(),
        );
        self.suspects.obstructed(Obstacle::ConfigBlocked, cause, None, now, &mut rand::rng());
    }

    async fn revoked(&mut self, cause: String) {
        self.record(|store| store.set_revoked(Some(Timestamp::now()))).await;
        self.obstruct(Obstacle::Revoked, cause, None).await;
    }

    async fn obstruct(&mut self, obstacle: Obstacle, cause: String, not_before: Option<Duration>) {
        let now = Instant::now();
        tracing::info!(?obstacle, cause, "delivery has to wait");
        self.lane.obstructed(obstacle, cause.clone(), not_before, now, &mut rand::rng());
        self.show(0);
        self.record(move |store| store.set_last_error(Some(&cause))).await;
    }

    /// Writes something to the log whose loss would only cost a repetition.
    async fn record(&self, work: impl FnOnce(&mut Store) -> Result<(), WalError> + Send + 'static) {
        if let Err(error) = self.context.wal.call(work).await {
            tracing::warn!(%error, "the event log does not take a note");
        }
    }

    async fn forget(&mut self, history: Duration) {
        let now = Instant::now();
        if self.forgot_at.is_some_and(|at| now.duration_since(at) < FORGET_EVERY) {
            return;
        }
        self.forgot_at = Some(now);
        let before = Timestamp::now().minus(history);
        self.record(move |store| {
            while store.forget_delivered(before)? {}
            while store.forget_images(before)? {}
            Ok(())
        })
        .await;
    }

    /// When there is something to do by itself.
    fn next_moment(&self) -> Option<Instant> {
        let now = Instant::now();
        let state = self.waiting();
        if state.pending == 0 {
            return self.stop_at;
        }
        if let Some(closed) = self.lane.closed().filter(|closed| closed.next_attempt > now) {
            return Some(closed.next_attempt);
        }
        let due = match self.policy().batch.due(&state, false, now.into_std()) {
            Due::Never => None,
            Due::At(at) => Some(Instant::from_std(at)),
            Due::Now => Some(now),
        };
        let probe = self.suspects.closed().map(|closed| closed.next_attempt);
        [due, probe, self.stop_at].into_iter().flatten().min()
    }

    async fn wait_until(&mut self, moment: Option<Instant>) {
        self.show(0);
        tokio::select! {
            () = alarm(moment) => {}
            command = self.commands.recv() => self.take_or_stop(command),
            changed = self.waiting.changed() => {
                if changed.is_err() {
                    self.stop_at = Some(Instant::now());
                }
            }
            changed = self.context.policy.changed() => {
                if changed.is_err() {
                    self.stop_at = Some(Instant::now());
                }
            }
        }
    }

    fn take_commands(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.take(command);
        }
    }

    fn take_or_stop(&mut self, command: Option<Command>) {
        match command {
            Some(command) => self.take(command),
            None => self.stop_at = Some(Instant::now()),
        }
    }

    fn take(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Hurry(until) => {
                self.lane.hurry(until, now);
                self.suspects.hurry(until, now);
            }
            Command::Relax => {
                self.lane.relax();
                self.suspects.relax();
            }
            Command::Revoked(cause) => self.told_revoked = Some(cause),
            Command::Stop(deadline) => {
                self.stop_at = Some(deadline);
                // The last try is made only where the way was open.
                if self.lane.may_try(now) {
                    self.lane.hurry(deadline, now);
                }
            }
        }
    }

    /// Keeps what is told with the next change, and wakes nobody for it.
    fn note(&self, note: impl FnOnce(&mut SenderState)) {
        self.context.state.send_if_modified(|state| {
            note(state);
            false
        });
    }

    fn show(&self, in_flight: u64) {
        let suspects_only = self.lane.closed().is_none() && in_flight == 0;
        let shown = blocked(&self.lane).or_else(|| {
            let state = self.waiting();
            (suspects_only && state.pending > state.unbatched)
                .then(|| blocked(&self.suspects))
                .flatten()
        });
        self.context.state.send_if_modified(|state| {
            let changed = state.in_flight != in_flight || state.events != shown;
            state.in_flight = in_flight;
            state.events = shown;
            changed
        });
    }
}
