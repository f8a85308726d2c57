//! The agent: capture, pipeline, control socket and settings, put together.

use std::sync::Arc;
use std::time::Duration;

use devpulse_capture::{Capture, CaptureHandle, CapturePolicy, Desktop};
use devpulse_control::{BindError, ControlClient, ControlServer};
use devpulse_pipeline::sender::SenderState;
use devpulse_pipeline::wal::{Wal, WalError};
use devpulse_protocol::{ActivityType, HeartbeatType};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::controller::{Front, FrontRole};
use crate::credentials::{CredentialsError, LateKeychain, SecretPlace};
use crate::delivery::Delivery;
use crate::heartbeat::Heartbeat;
use crate::home::{Home, HomeError};
use crate::insistence::insist;
use crate::instance_lock::{Holder, InstanceLock, LockError, Role};
use crate::intake::Intake;
use crate::key_rotation::KeyRotation;
use crate::managed::ManagedWatch;
use crate::pause::Pauser;
use crate::policy_poll::PolicyPoll;
use crate::revocation::{self, Extent};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;
use crate::trend::Trend;
use crate::upstream::{Upstream, UpstreamError};

/// Events that capture may be ahead of the queue.
const CAPTURED: usize = 64;
/// The longest piece in which a window session is reported.
const LONGEST_PIECE: Duration = Duration::from_secs(15 * 60);
/// How long a one-shot sync has to make room.
const HAND_OVER: Duration = Duration::from_secs(10);
/// Time for the last events to be captured and committed when the agent ends.
const LAST_COMMIT: Duration = Duration::from_millis(1500);
/// Time for the last events to be sent when the agent ends.
const LAST_FLUSH: Duration = Duration::from_millis(750);

/// The running agent of one home.
pub struct Agent {
    delivery: Delivery,
    capture: Arc<CaptureHandle>,
    last_beat: Heartbeat,
    intake: JoinHandle<()>,
    tasks: JoinSet<()>,
    serving: JoinHandle<()>,
    stop: CancellationToken,
    quit: CancellationToken,
    _lock: InstanceLock,
}

/// Tells when delivery moved: a batch left or came back, or something stands in the way.
#[derive(Clone, Debug)]
pub struct DeliveryChanges(watch::Receiver<SenderState>);

impl DeliveryChanges {
    /// Returns at the next change; never again once the agent has ended.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The device is not enrolled.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another agent runs, or the lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The way to the server cannot be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The event log cannot be used.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The control socket cannot be made.
    #[error(transparent)]
    Socket(#[from] BindError),
}

impl Agent {
    /// Starts the agent of an enrolled home. A one-shot sync that holds the home is asked
    /// to hand over.
    ///
    /// # Errors
    /// Fails where the device is not enrolled, another agent runs on the home, or
    /// something that it needs cannot be had. A missing display is no error.
    pub async fn start(settings: Settings, desktop: Desktop) -> Result<Self, AgentError> {
        let home = settings.local().home.clone();
        let upstream = Upstream::of(&settings).await?.ok_or(AgentError::NotEnrolled)?;
        let identity = upstream.identity().clone();
        home.create()?;
        let lock = acquire(&home).await?;
        let delivery = Delivery::start(&settings, &identity, &upstream.transport())?;
        let images = (delivery.vault(), settings.local().screenshot_dir.clone());
        let (pauser, pause) =
            insist(|| Pauser::restore(delivery.wal(), settings.config().pause)).await?;
        let (extent, extent_seen) = watch::channel(Extent::known(&delivery.wal()).await);
        let standing = pause.standing();
        let intake =
            Intake::new(delivery.queue(), identity.clone(), images, standing, extent_seen.clone());
        let wal = delivery.wal();
        insist(|| intake.recover(&wal)).await?;
        // Only now: whoever finds the socket is answered at once, however large the log is.
        let socket = ControlServer::bind(&home.socket())?;
        let title_key = insist(|| title_key(&wal)).await?;
        let (captured, events) = mpsc::channel(CAPTURED);
        let allowed = policy(&settings, title_key, *extent_seen.borrow());
        let capture = Arc::new(Capture::start(allowed, desktop, captured));
        let intake_task = tokio::spawn(intake.clone().run(events));
        let left = intake.clone();
        pauser.enforce(&capture).await;

        let stored = StoredServerConfig::load(&home);
        let (stored, stored_seen) = watch::channel(stored);
        let quit = CancellationToken::new();
        let late_keychain = LateKeychain::of(&settings);
        let secret_place = SecretPlace::of(&settings);
        let (settings, settings_seen) = watch::channel(Arc::new(settings));
        let trend = Trend::default();
        let role = FrontRole::Agent {
            intake: Box::new(intake),
            trend: trend.clone(),
            settings: settings.clone(),
            signals: capture.signals(),
            capture: Arc::downgrade(&capture),
            pause,
            quit: quit.clone(),
        };
        let front = Arc::new(Front::new(
            secret_place.clone(),
            identity,
            &delivery,
            stored_seen.clone(),
            role,
        ));
        let heartbeat = || Heartbeat {
            capture: capture.as_ref().clone(),
            wal: delivery.wal(),
            settings: settings_seen.clone(),
            trend: trend.clone(),
            clock_skew: upstream.clock_skew(),
            secret_place: secret_place.clone(),
        };
        for warning in settings_seen.borrow().warnings() {
            tracing::warn!("{warning}");
        }
        let managed = ManagedWatch { settings: settings.clone() };
        let rotation = KeyRotation { uplink: upstream.uplink(), stored: stored_seen };
        let poll = PolicyPoll {
            uplink: upstream.uplink(),
            home,
            sender: delivery.sender(),
            settings,
            stored,
            extent: extent_seen.clone(),
        };
        let stop = CancellationToken::new();
        let serving = tokio::spawn(socket.serve(front, stop.clone()));
        let background = Background {
            heartbeat: heartbeat(),
            late_keychain,
            managed,
            rotation,
            poll,
            pauser,
            extent: (extent, extent_seen),
            settings: settings_seen.clone(),
            capture: capture.as_ref().clone(),
            title_key,
            left,
        };
        let tasks = background.spawn(&delivery, &stop);
        let last_beat = heartbeat();
        let intake = intake_task;
        Ok(Self { delivery, capture, last_beat, intake, tasks, serving, stop, quit, _lock: lock })
    }

    /// Returns once a front end has asked the agent to end. Whoever runs the agent then
    /// calls [`Agent::stop`], as it does where the system asks.
    pub async fn asked_to_stop(&self) {
        self.quit.cancelled().await;
    }

    /// Whether the thread of the event log takes work and finishes it. Returns when it does,
    /// however long that takes.
    pub async fn answers(&self) -> bool {
        self.delivery.wal().call(|_| Ok(())).await.is_ok()
    }

    /// Tells when delivery moved, so that whoever shows its state need not ask over and over.
    #[must_use]
    pub fn delivery_changes(&self) -> DeliveryChanges {
        DeliveryChanges(self.delivery.sender().state())
    }

    /// Ends the agent in stages, within 3 s: capture closes what is open and says why it
    /// ends, the queue is committed, what can be sent quickly is sent, the log is closed.
    pub async fn stop(self, activity: ActivityType) {
        let Self { delivery, capture, last_beat, intake, mut tasks, serving, stop, .. } = self;
        let deadline = Instant::now() + LAST_COMMIT;
        let last_words = async {
            capture.end(activity).await;
            last_beat.beat(HeartbeatType::Final).await;
        };
        if tokio::time::timeout_at(deadline, last_words).await.is_err() {
            tracing::warn!("capture did not end in time");
        }
        stop.cancel();
        // Capture ends when nobody holds it any more, and with it the intake.
        drop((capture, last_beat));
        let stored = async {
            intake.await.ok();
            delivery.queue().settle().await.is_ok()
        };
        if !tokio::time::timeout_at(deadline, stored).await.unwrap_or(false) {
            tracing::warn!("the last events could not be stored in time");
        }
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
        // Front ends are told that the agent stops; one that does not listen is not waited for.
        if tokio::time::timeout(LAST_FLUSH, serving).await.is_err() {
            tracing::debug!("a front end was cut off");
        }
        delivery.stop(LAST_FLUSH).await;
    }
}

impl AgentError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotEnrolled => Some(
                "enroll it with: devpulse-client enroll --server URL --enrollment-secret-file FILE"
                    .to_owned(),
            ),
            Self::Home(error) => Some(error.hint()),
            Self::Lock(error) => error.hint(),
            Self::Credentials(error) => error.hint(),
            Self::Upstream(error) => error.hint(),
            Self::Wal(error) => wal_hint(error),
            Self::Socket(_) => None,
        }
    }
}

/// What to do about what is sealed and cannot be read.
pub(crate) const LOCKED_HINT: &str = "unlock the keychain, or put the key back where it was; what can never be read again is given \
     up with: devpulse-client unenroll --discard";

/// What to do about a log that cannot be used.
pub(crate) fn wal_hint(error: &WalError) -> Option<String> {
    let hint = match error {
        WalError::Full(_) => "make room on the disk",
        WalError::ReadOnly(_) | WalError::Create(_) => {
            "see that the home of DevPulse, or DEVPULSE_WAL_DB_PATH, can be written"
        }
        WalError::Busy(_) => "see which program has it open, and end it",
        WalError::NewerSchema { .. } => "update DevPulse on this computer",
        WalError::Locked(_) => LOCKED_HINT,
        WalError::NoWriteAheadLog => "set DEVPULSE_WAL_DB_PATH to a file on a local disk",
        WalError::Damaged(_)
        | WalError::Storage(_)
        | WalError::NoLedger
        | WalError::Image(_)
        | WalError::Closed => return None,
    };
    Some(hint.to_owned())
}

/// Takes the home's lock, asking a one-shot sync that holds it to hand over.
async fn acquire(home: &Home) -> Result<InstanceLock, LockError> {
    const AGAIN: Duration = Duration::from_millis(50);

    let deadline = Instant::now() + HAND_OVER;
    loop {
        match InstanceLock::acquire(home, Role::Agent) {
            Err(LockError::HeldBy(Some(Holder { role: Role::Sync, .. })))
                if Instant::now() < deadline =>
            {
                // A sync that has just ended needs no asking; the lock tells.
                if let Ok(sync) = ControlClient::connect(&home.socket()).await {
                    sync.hand_over().await.ok();
                }
                tokio::time::sleep(AGAIN).await;
            }
            taken => return taken,
        }
    }
}

/// What goes on beside capture and delivery while the agent runs.
struct Background {
    heartbeat: Heartbeat,
    late_keychain: Option<LateKeychain>,
    managed: ManagedWatch,
    rotation: KeyRotation,
    poll: PolicyPoll,
    pauser: Pauser,
    extent: (watch::Sender<Extent>, watch::Receiver<Extent>),
    settings: watch::Receiver<Arc<Settings>>,
    capture: CaptureHandle,
    title_key: [u8; 32],
    left: Intake,
}

impl Background {
    fn spawn(self, delivery: &Delivery, stop: &CancellationToken) -> JoinSet<()> {
        let Self {
            heartbeat,
            late_keychain,
            managed,
            rotation,
            poll,
            pauser,
            extent,
            settings,
            ..
        } = self;
        let (capture, title_key) = (self.capture, self.title_key);
        let mut tasks = JoinSet::new();
        tasks.spawn(self.left.report_later(delivery.wal(), stop.clone()));
        tasks.spawn(heartbeat.run(stop.clone()));
        if let Some(late_keychain) = late_keychain {
            tasks.spawn(late_keychain.run(stop.clone()));
        }
        tasks.spawn(managed.run(stop.clone()));
        tasks.spawn(rotation.run(stop.clone()));
        tasks.spawn(poll.run(stop.clone()));
        tasks.spawn(pauser.run(capture.clone(), settings.clone(), stop.clone()));
        let (wal, sender) = (delivery.wal(), delivery.sender().state());
        tasks.spawn(revocation::watch(wal, sender, extent.0, stop.clone()));
        let applier = delivery.applier();
        tasks.spawn(apply(settings, extent.1, capture, title_key, applier, stop.clone()));
        tasks
    }
}

/// Puts changed settings in force.
async fn apply(
    mut settings: watch::Receiver<Arc<Settings>>,
    mut extent: watch::Receiver<Extent>,
    capture: CaptureHandle,
    title_key: [u8; 32],
    delivery: crate::delivery::Applier,
    stop: CancellationToken,
) {
    loop {
        let changed = tokio::select! {
            () = stop.cancelled() => return,
            changed = settings.changed() => changed,
            changed = extent.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let settings = Arc::clone(&settings.borrow_and_update());
        capture.apply(policy(&settings, title_key, *extent.borrow_and_update()));
        delivery.apply(&settings).await;
    }
}

fn policy(settings: &Settings, title_key: [u8; 32], extent: Extent) -> CapturePolicy {
    let config = settings.config();
    let mut screenshot = config.screenshot.clone();
    let mut window = config.window.clone();
    screenshot.enabled &= extent == Extent::Everything;
    window.enabled &= extent != Extent::Nothing;
    CapturePolicy {
        idle_threshold: config.idle_threshold,
        inhibitors: config.idle_inhibitors,
        screenshot,
        window,
        title_key,
        longest_piece: LONGEST_PIECE,
    }
}

/// The key under which titles are hashed: the device's own, so that nobody who sees the
/// hashes of another device can compare them.
async fn title_key(wal: &Wal) -> Result<[u8; 32], WalError> {
    const NOTE: &str = "title_key";

    wal.call(|store| {
        let known = store.note(NOTE)?.and_then(|bytes| bytes.try_into().ok());
        match known {
            Some(key) => Ok(key),
            None => {
                let key: [u8; 32] = rand::random();
                store.set_note(NOTE, &key)?;
                Ok(key)
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs_on_any_thread<F: Future + Send>(_: F) {}

    /// That this compiles is the test; the tray app starts the agent in a task of its own.
    #[tokio::test]
    async fn the_agent_starts_on_any_thread() {
        let _start = |settings, desktop| runs_on_any_thread(Agent::start(settings, desktop));
        let _stop = |agent: Agent| runs_on_any_thread(agent.stop(ActivityType::NormalShutdown));
    }
}
