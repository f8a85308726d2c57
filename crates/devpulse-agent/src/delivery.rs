//! The pipeline of one home: log, queue and sender, started and stopped together.

use std::sync::Arc;
use std::time::Duration;

use devpulse_pipeline::Uplink;
use devpulse_pipeline::batcher::BatchPolicy;
use devpulse_pipeline::queue::Queue;
use devpulse_pipeline::sender::{Sender, SenderHandle, SenderPolicy};
use devpulse_pipeline::vault::Vault;
use devpulse_pipeline::wal::{BatchLimits, Identity, Store, Wal, WalError, WalOptions};
use devpulse_protocol::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::credentials::{DeviceIdentity, log_key};
use crate::owner::Owner;
use crate::settings::Settings;

/// The running pipeline.
#[derive(Debug)]
pub(crate) struct Delivery {
    queue: Queue,
    wal: Wal,
    sender: Sender,
    policy: Arc<watch::Sender<SenderPolicy>>,
    committer: JoinHandle<()>,
    give_up: CancellationToken,
}

impl Delivery {
    /// Opens the log and starts what takes events in and what sends them.
    pub(crate) fn start(
        settings: &Settings,
        identity: &DeviceIdentity,
        uplink: &Arc<dyn Uplink>,
    ) -> Result<Self, WalError> {
        let mut store = Store::open(options(settings, identity)?)?;
        store.set_cap(settings.config().limits.max_disk_bytes);
        if let Err(error) = store.forgive_the_future(Timestamp::now()) {
            tracing::debug!(%error, "what was kept under another clock stays as it is");
        }
        if let Err(error) = store.remove_orphans() {
            tracing::warn!(%error, "forgotten images cannot be looked for");
        }
        sign(&Owner::of(identity), &mut store)?;
        let wal = Wal::start(store).map_err(WalError::Create)?;
        let give_up = CancellationToken::new();
        let (queue, committer) = Queue::start(wal.clone(), give_up.clone());
        let (policy, receiver) = watch::channel(policy(settings));
        let sender = Sender::start(&wal, uplink, &receiver);
        Ok(Self { queue, wal, sender, policy: Arc::new(policy), committer, give_up })
    }

    pub(crate) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    pub(crate) fn wal(&self) -> Wal {
        self.wal.clone()
    }

    pub(crate) fn vault(&self) -> Arc<Vault> {
        Arc::clone(self.wal.vault())
    }

    pub(crate) fn sender(&self) -> SenderHandle {
        self.sender.handle()
    }

    /// What puts changed settings in force.
    pub(crate) fn applier(&self) -> Applier {
        Applier { policy: Arc::clone(&self.policy), wal: self.wal.clone() }
    }

    /// Sends what waits for at most `flush`, and closes the log. What is in the queue is
    /// committed where that is possible at once; whoever wants to be sure settles the
    /// queue before.
    pub(crate) async fn stop(self, flush: Duration) {
        const LAST_COMMIT: Duration = Duration::from_millis(250);

        let Self { queue, wal, sender, policy, mut committer, give_up } = self;
        drop(queue);
        sender.stop(flush).await;
        if tokio::time::timeout(LAST_COMMIT, &mut committer).await.is_err() {
            give_up.cancel();
        }
        let closed = wal.closed();
        drop((policy, wal));
        if tokio::time::timeout(LAST_COMMIT, closed.wait()).await.is_err() {
            tracing::warn!("the event log was not closed in time");
        }
    }
}

/// Puts changed settings in force.
#[derive(Clone, Debug)]
pub(crate) struct Applier {
    policy: Arc<watch::Sender<SenderPolicy>>,
    wal: Wal,
}

impl Applier {
    pub(crate) async fn apply(&self, settings: &Settings) {
        let new = policy(settings);
        self.policy.send_if_modified(|policy| std::mem::replace(policy, new) != new);
        let cap = settings.config().limits.max_disk_bytes;
        let set = self.wal.call(move |store| {
            store.set_cap(cap);
            Ok(())
        });
        if let Err(error) = set.await {
            tracing::debug!(%error, "the log's share of the disk stays as it was");
        }
    }
}

/// Writes into the log whose it is. A log that turns out to be damaged is put right by the
/// next call, and a disk that failed once may work again.
fn sign(owner: &Owner, store: &mut Store) -> Result<(), WalError> {
    const TRIES: u32 = 4;

    for _ in 1..TRIES {
        match owner.sign(store) {
            Err(error @ (WalError::Damaged(_) | WalError::Storage(_))) => {
                tracing::warn!(%error, "the event log does not take its owner's name yet");
            }
            done => return done,
        }
    }
    owner.sign(store)
}

/// Where the log of these settings lies.
///
/// # Errors
/// Fails where there is no key to seal it with, and none can be made.
pub(crate) fn options(
    settings: &Settings,
    identity: &DeviceIdentity,
) -> Result<WalOptions, WalError> {
    Ok(WalOptions {
        path: settings.local().wal_db_path.clone(),
        images: settings.local().screenshot_dir.clone(),
        identity: Identity {
            username: identity.username.clone(),
            device_id: identity.device_id.clone(),
        },
        vault: log_key::vault(settings)?,
    })
}

fn policy(settings: &Settings) -> SenderPolicy {
    let config = settings.config();
    SenderPolicy {
        batch: BatchPolicy {
            limits: BatchLimits {
                max_events: config.batch.max_events,
                max_bytes: config.batch.max_bytes,
            },
            max_interval: config.batch.max_interval,
        },
        history: config.limits.history,
        receipts: settings.local().receipt,
    }
}
