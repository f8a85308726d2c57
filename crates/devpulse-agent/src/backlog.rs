//! What waits on a home whose enrollment is about to end: it is sent first, or discarded
//! by the person's word.

use std::time::Duration;

use devpulse_control::{PipelineState, SyncProgress, SyncRequest, SyncResult};
use devpulse_pipeline::wal::{Discarded, Shut, Snapshot, Store, WalError};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::credentials::{DeviceIdentity, log_key};
use crate::delivery::{self, Delivery};
use crate::intake::Intake;
use crate::pause::Standing;
use crate::revocation::Extent;
use crate::settings::Settings;
use crate::synchronise::Synchroniser;
use crate::upstream::Upstream;

/// How long sending may take.
const LONGEST: Duration = Duration::from_secs(60);
/// How long something may stand in the way with nothing getting through.
const PATIENCE: Duration = Duration::from_secs(5);
/// Reports of progress that may wait to be looked at.
const REPORTS: usize = 16;

/// What becomes of events and images that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// They are sent; where that fails, nothing is changed.
    #[default]
    Send,
    /// They are discarded.
    Discard,
}

/// What could not be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Events that still wait.
    pub events: u64,
    /// Images that still wait.
    pub images: u64,
    /// What stands in the way.
    pub cause: Option<String>,
    /// What kind of obstacle that is; `None` where it is not on the way to the server.
    pub state: Option<PipelineState>,
}

impl Left {
    /// Whether anything still waits.
    pub(crate) const fn is_something(&self) -> bool {
        self.events > 0 || self.images > 0
    }

    /// How much that is, in words.
    pub(crate) fn amount(&self) -> String {
        let of = |number: u64, one: &str| match number {
            1 => format!("1 {one}"),
            _ => format!("{number} {one}s"),
        };
        match (self.events, self.images) {
            (0, images) => of(images, "image"),
            (events, 0) => of(events, "event"),
            (events, images) => format!("{} and {}", of(events, "event"), of(images, "image")),
        }
    }
}

/// What waits, by the files; nothing where there is no log. The caller holds the lock.
pub(crate) fn count(settings: &Settings) -> Result<Left, WalError> {
    let snapshot = Snapshot::open(&settings.local().wal_db_path)?;
    Ok(snapshot.map_or_else(Left::default, |snapshot| Left {
        events: snapshot.ledger().pending,
        images: snapshot.ledger().images_pending,
        ..Left::default()
    }))
}

/// What waits and cannot be read with the keys that are at hand, and why; `None` where all
/// of it can. Asks the keychain, for 5 s at the most, only where something is sealed to it;
/// the caller holds the lock.
pub(crate) fn shut(settings: &Settings) -> Result<Option<Left>, WalError> {
    let Some(snapshot) = Snapshot::open(&settings.local().wal_db_path)? else { return Ok(None) };
    let vault = log_key::reading_vault(settings);
    snapshot.show_keys(&vault)?;
    let Err(locked) = vault.unlock() else { return Ok(None) };
    let Shut { events, images } = snapshot.shut(&vault)?;
    let left = Left { events, images, cause: Some(locked.to_string()), state: None };
    Ok(left.is_something().then_some(left))
}

/// Sends what waits, for a minute at most, and gives up early where nothing gets through.
/// The caller holds the lock.
pub(crate) async fn send(settings: &Settings, upstream: &Upstream) -> Result<Left, WalError> {
    let identity = upstream.identity();
    let delivery = Delivery::start(settings, identity, &upstream.transport())?;
    recover_open_window(&delivery, settings, identity).await;
    let synchroniser = Synchroniser::new(delivery.queue(), delivery.wal(), delivery.sender());
    let (progress, reports) = mpsc::channel(REPORTS);
    let mut obstacle = None;
    let outcome = tokio::select! {
        outcome = synchroniser.run(SyncRequest { timeout: LONGEST }, progress) => Some(outcome),
        () = give_up(reports, &mut obstacle) => None,
    };
    let ledger = delivery.wal().call(|store| Ok(store.ledger().clone())).await?;
    let is_readable = delivery.vault().is_open();
    drop(synchroniser);
    let images = delivery.sender().state().borrow().images.clone();
    delivery.stop(Duration::ZERO).await;
    let mut left =
        Left { events: ledger.pending, images: ledger.images_pending, ..Left::default() };
    if left.is_something() {
        left.cause = obstacle.as_ref().and_then(|report| report.last_error.clone());
        left.cause = left.cause.or(images.map(|blocked| blocked.cause)).or(ledger.last_error);
        // A key that is missing here is no word of the server's.
        left.state = obstacle.map(|report| report.state).filter(|_| is_readable);
        if outcome.is_some_and(|outcome| outcome.result == SyncResult::Revoked) {
            left.state = Some(PipelineState::Revoked);
        }
    }
    Ok(left)
}

/// Discards what waits. Blocks until the disk has answered; the caller holds the lock.
pub(crate) fn discard(
    settings: &Settings,
    identity: &DeviceIdentity,
) -> Result<Discarded, WalError> {
    if !settings.local().wal_db_path.exists() {
        return Ok(Discarded::default());
    }
    Store::open(delivery::options(settings, identity)?)?.discard_pending()
}

/// A window that a crash cut is an event that waits, too.
async fn recover_open_window(delivery: &Delivery, settings: &Settings, identity: &DeviceIdentity) {
    let images = (delivery.vault(), settings.local().screenshot_dir.clone());
    let (_running, standing) = watch::channel(Standing::Running);
    let (_everything, extent) = watch::channel(Extent::Everything);
    let intake = Intake::new(delivery.queue(), identity.clone(), images, standing, extent);
    if let Err(error) = intake.recover(&delivery.wal()).await {
        tracing::warn!(%error, "the window that was open last is not reported");
    }
}

/// Returns once something has stood in the way for a while with nothing getting through.
async fn give_up(mut reports: mpsc::Receiver<SyncProgress>, obstacle: &mut Option<SyncProgress>) {
    let (mut sent, mut moved) = (0, Instant::now());
    loop {
        let is_stuck = obstacle.is_some();
        tokio::select! {
            report = reports.recv() => {
                let Some(report) = report else { return std::future::pending().await };
                if report.sent > sent {
                    (sent, moved) = (report.sent, Instant::now());
                }
                *obstacle = report.last_error.is_some().then_some(report);
            }
            () = tokio::time::sleep_until(moved + PATIENCE), if is_stuck => return,
        }
    }
}
