//! The thread that owns the log's connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use devpulse_protocol::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Store, WalError};
use crate::clock::{self, WallClock};
use crate::vault::{Locked, Vault};

/// A handle on the log's thread. The thread ends, and the log is closed, when the last
/// handle is dropped.
#[derive(Clone, Debug)]
pub struct Wal {
    jobs: mpsc::Sender<Job>,
    state: watch::Receiver<WalState>,
    /// Ends when the thread has closed the log.
    open: watch::Receiver<()>,
    vault: Arc<Vault>,
}

/// Tells when the log is closed.
#[derive(Debug)]
pub struct WalClosed(watch::Receiver<()>);

impl WalClosed {
    /// Waits until the last handle was dropped and the log is closed.
    pub async fn wait(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// What the sender has to know to decide when a batch is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalState {
    /// Events that wait.
    pub pending: u64,
    /// Of those, events that are in no batch yet.
    pub unbatched: u64,
    /// Bytes of those.
    pub unbatched_bytes: u64,
    /// Since when there are some.
    pub unbatched_since: Option<Instant>,
    /// Images that wait.
    pub images_pending: u64,
}

/// Does its work, and gives back how to tell the caller: what waits is published before,
/// so that a caller that was answered never sees an older state.
type Job = Box<dyn FnOnce(&mut Store) -> Tell + Send>;
type Tell = Box<dyn FnOnce()>;

/// Jobs that may wait for the thread; callers beyond that wait themselves.
const WAITING_JOBS: usize = 64;
/// After so long without a job the log is tidied, once.
const QUIET: Duration = Duration::from_secs(30);

impl Wal {
    /// Starts the thread.
    ///
    /// # Errors
    /// Fails where no thread can be started.
    pub fn start(store: Store) -> Result<Self, std::io::Error> {
        let (jobs, queue) = mpsc::channel(WAITING_JOBS);
        let (publish, state) = watch::channel(observe(&store, None, true));
        let (keep_open, open) = watch::channel(());
        let vault = Arc::clone(store.vault());
        std::thread::Builder::new().name("wal".to_owned()).spawn(move || {
            serve(store, queue, &publish);
            drop(keep_open);
        })?;
        Ok(Self { jobs, state, open, vault })
    }

    /// Runs `work` on the log's thread and waits for its result. Work that was begun is
    /// finished even where the caller stops waiting.
    ///
    /// # Errors
    /// Fails as `work` does, or with [`WalError::Closed`].
    pub async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<R, WalError> + Send + 'static,
    ) -> Result<R, WalError> {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let result = work(store);
            // The caller may have stopped waiting; the work counts all the same.
            Box::new(move || drop(answer.send(result)))
        });
        self.jobs.send(job).await.map_err(|_| WalError::Closed)?;
        result.await.map_err(|_| WalError::Closed)?
    }

    /// As [`Wal::call`]. Where that meets what is sealed, the keys are asked for, and it is
    /// done once more.
    ///
    /// # Errors
    /// As [`Wal::call`]; with [`WalError::Locked`] where the keys are not at hand.
    pub async fn call_unlocked<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<R, WalError> + Clone + Send + 'static,
    ) -> Result<R, WalError> {
        match self.call(work.clone()).await {
            Err(WalError::Locked(_)) => {
                // What matters is whether the work can now be done.
                self.ask(Vault::unlock).await.ok();
                self.call(work).await
            }
            done => done,
        }
    }

    /// Asks for the keys of what earlier runs kept, where they are not at hand and that has a
    /// chance; it may take seconds, and the log goes on meanwhile.
    ///
    /// # Errors
    /// Says why something stays sealed for now.
    pub async fn unlock_now_and_then(&self) -> Result<(), Locked> {
        if self.vault.is_open() {
            return Ok(());
        }
        self.ask(Vault::unlock_now_and_then).await
    }

    async fn ask(&self, how: fn(&Vault) -> Result<(), Locked>) -> Result<(), Locked> {
        let vault = Arc::clone(&self.vault);
        match tokio::task::spawn_blocking(move || how(&vault)).await {
            Ok(unlocked) => unlocked,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// What seals and opens what the log keeps.
    #[must_use]
    pub const fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// Tells when the log is closed. It holds the log open no longer than the handles do.
    #[must_use]
    pub fn closed(&self) -> WalClosed {
        WalClosed(self.open.clone())
    }

    /// What waits, published after every job.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<WalState> {
        self.state.clone()
    }
}

fn serve(mut store: Store, mut queue: mpsc::Receiver<Job>, publish: &watch::Sender<WalState>) {
    let timer = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(timer) = timer else { return };
    let mut wall_clock = WallClock::new(clock::since_boot(), Timestamp::now());
    loop {
        let job = if store.is_dirty() {
            match timer.block_on(async { tokio::time::timeout(QUIET, queue.recv()).await }) {
                Ok(job) => job,
                Err(_) => {
                    if let Err(error) = store.tidy() {
                        tracing::debug!(%error, "the event log could not be tidied");
                    }
                    continue;
                }
            }
        } else {
            queue.blocking_recv()
        };
        let Some(job) = job else { return };
        follow(&mut wall_clock, &mut store);
        let tell = job(&mut store);
        store.hold_ballast_now_and_then();
        publish.send_if_modified(|state| {
            let fresh = observe(&store, state.unbatched_since, false);
            let changed = fresh != *state;
            *state = fresh;
            changed
        });
        tell();
    }
}

/// Keeps ages as they are where somebody has set the wall clock.
fn follow(wall_clock: &mut WallClock, store: &mut Store) {
    let before = *wall_clock;
    let set_by = wall_clock.was_set_by(clock::since_boot(), Timestamp::now());
    if set_by == 0 {
        return;
    }
    tracing::warn!(seconds = set_by / 1000, "the wall clock was set");
    if let Err(error) = store.clock_was_set(set_by) {
        tracing::debug!(%error, "the log cannot follow the clock yet");
        *wall_clock = before;
    }
}

/// `since` is when the first of the events arrived that are in no batch yet. Those of an
/// earlier run are due at once, because their age is unknown to a clock that can be trusted.
fn observe(store: &Store, since: Option<Instant>, first: bool) -> WalState {
    const LONG_AGO: Duration = Duration::from_secs(2 * 60 * 60);

    let ledger = store.ledger();
    let now = Instant::now();
    let begun = if first { now.checked_sub(LONG_AGO).unwrap_or(now) } else { now };
    WalState {
        pending: ledger.pending,
        unbatched: ledger.unbatched,
        unbatched_bytes: ledger.unbatched_bytes,
        unbatched_since: (ledger.unbatched > 0).then(|| since.unwrap_or(begun)),
        images_pending: ledger.images_pending,
    }
}
