//! What a hook is. The next hook is one file: a type that implements [`Hook`], and a
//! [`Probe`] for it in the table of its signal. `docs/hooks.md` walks through one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::desktop::Desktop;
use crate::idle::{IdleRule, KeptScreen};
use crate::screenshot::ScreenGrabber;
use crate::signals::{Signal, StatusEntry};

/// A future that a trait object can return.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Listens to the operating system for one signal.
///
/// A hook observes and decides nothing: it says what is the case, when it began, and
/// says it again whenever it changes. Everything else is decided by the recorder.
pub trait Hook: Send {
    /// The signal that it serves.
    fn signal(&self) -> Signal;

    /// Its name, as `doctor` shows it.
    fn backend(&self) -> &'static str;

    /// Observes until it is cancelled or fails. It reports the present state first, within
    /// five seconds: a hook that has delivered nothing is not taken.
    ///
    /// Sleeps while nothing changes. Waits in `out` while the recorder is busy, and loses nothing.
    ///
    /// # Errors
    /// Whatever ends it early; the supervisor then probes again.
    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>>;
}

/// Why a hook ended.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct HookError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl HookError {
    /// A plain reason.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// A reason with its cause.
    pub fn with_source(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

/// Why a backend cannot serve here. The text is one sentence for the person, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never will while this agent runs, so that it is not asked again.
    Absent(String),
    /// It belongs to another desktop than the one that runs now. It is asked again later, and
    /// told only where nothing else is.
    Unfit(String),
    /// It does not now, and is asked again later.
    Failed(String),
    /// The system or the person forbids it; it is asked again later.
    Denied(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(reason)
            | Self::Unfit(reason)
            | Self::Failed(reason)
            | Self::Denied(reason) => f.write_str(reason),
        }
    }
}

impl Refusal {
    /// Of all reasons why nothing serves a signal, the one that a person can do most about:
    /// the first of the gravest.
    #[must_use]
    pub fn most_telling(refusals: &[Self]) -> Option<&Self> {
        let gravity = |refusal: &&Self| match refusal {
            Self::Absent(_) => 3,
            Self::Unfit(_) => 2,
            Self::Failed(_) => 1,
            Self::Denied(_) => 0,
        };
        refusals.iter().min_by_key(gravity)
    }
}

/// Finds out whether a backend can serve, and opens it.
#[derive(Clone)]
pub struct Probe {
    /// The backend's name.
    pub backend: &'static str,
    /// Tries it on this desktop.
    pub open: OpenHook,
}

/// Tries a backend on a desktop.
pub type OpenHook =
    Arc<dyn Fn(&Desktop) -> BoxFuture<Result<Box<dyn Hook>, Refusal>> + Send + Sync>;

/// The backends of each signal, in the order in which they are tried.
#[derive(Clone, Default)]
pub struct Backends {
    /// For [`Signal::Focus`].
    pub focus: Vec<Probe>,
    /// For [`Signal::Idle`].
    pub idle: Vec<Probe>,
    /// For [`Signal::Session`].
    pub session: Vec<Probe>,
    /// For [`Signal::Screen`].
    pub screen: Vec<Probe>,
}

impl Backends {
    /// What this crate has for the operating system that it was built for.
    #[must_use]
    pub fn of_this_system() -> Self {
        #[cfg(target_os = "linux")]
        return Self {
            focus: vec![
                crate::x11::focus_probe(),
                crate::sway::focus_probe(),
                crate::hyprland::focus_probe(),
                crate::dbus::kwin_focus_probe(),
                crate::dbus::gnome_focus_probe(),
                crate::wayland::focus_probe(),
            ],
            idle: vec![
                crate::x11::idle_probe(),
                crate::dbus::mutter_idle_probe(),
                crate::wayland::idle_probe(),
                crate::wayland::kde_idle_probe(),
            ],
            session: vec![crate::dbus::logind_probe(), crate::dbus::saver_probe()],
            screen: vec![
                crate::x11::screen_probe(),
                crate::dbus::kwin_screen_probe(),
                crate::wayland::screen_probe(),
            ],
        };
        #[cfg(windows)]
        return Self {
            focus: vec![crate::windows::focus_probe()],
            idle: vec![crate::windows::idle_probe(), crate::windows::user_idle_probe()],
            session: vec![crate::windows::session_probe()],
            screen: vec![crate::windows::screen_probe()],
        };
        #[cfg(target_os = "macos")]
        return Self {
            focus: vec![crate::macos::focus_probe()],
            idle: vec![crate::macos::idle_probe()],
            session: vec![crate::macos::session_probe()],
            screen: vec![crate::macos::screen_probe()],
        };
        #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
        return Self::default();
    }

    pub(crate) fn into_signals(self) -> [(Signal, Vec<Probe>); 4] {
        [
            (Signal::Focus, self.focus),
            (Signal::Idle, self.idle),
            (Signal::Session, self.session),
            (Signal::Screen, self.screen),
        ]
    }
}

/// Something that a hook saw.
#[derive(Clone)]
pub enum Observation {
    /// This window has the focus, with this title.
    Window(WindowFacts),
    /// No window has the focus.
    NoWindow,
    /// There has been no input since `since` for at least the idle threshold.
    Quiet {
        /// The last input.
        since: Moment,
    },
    /// There has been no input since `since`, when the hook began to listen, for at least the
    /// idle threshold. What was before, it does not know.
    StillQuiet {
        /// When the hook began to listen.
        since: Moment,
    },
    /// There is input, the last at the time of the observation.
    Input,
    /// Input is heard from now on; whether there was any before is not known.
    Listening,
    /// A program keeps the screen awake, or none does.
    Screen(KeptScreen),
    /// The session changed.
    Session(SessionChange),
    /// The screens can be captured with this.
    Screens(Arc<dyn ScreenGrabber>),
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Window(_) => "Window",
            Self::NoWindow => "NoWindow",
            Self::Quiet { .. } => "Quiet",
            Self::StillQuiet { .. } => "StillQuiet",
            Self::Input => "Input",
            Self::Listening => "Listening",
            Self::Screen(_) => "Screen",
            Self::Session(_) => "Session",
            Self::Screens(_) => "Screens",
        })
    }
}

/// A window as the desktop describes it, before any policy. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct WindowFacts {
    /// Tells this window from others while it exists.
    pub window: u64,
    /// Its title.
    pub title: Option<String>,
    /// The application's name.
    pub app_name: Option<String>,
    /// The process that owns it.
    pub pid: Option<u32>,
}

/// What happened to the session. A hook that starts reports the present state. Saying
/// a thing twice does no harm, and several sources may say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// The screen is locked, by the word of the one who knows.
    Locked,
    /// The screen is not locked, by the word of the one who knows.
    Unlocked,
    /// Somebody asked for a lock. Whether anything obeys, and when it ends, may never be told.
    LockAsked,
    /// Somebody asked for the lock to end.
    UnlockAsked,
    /// A screen saver covers the screen.
    Covered,
    /// No screen saver covers the screen.
    Uncovered,
    /// The machine is about to sleep.
    Suspending,
    /// The machine is awake.
    Woke,
    /// The machine is about to shut down.
    ShuttingDown,
    /// The machine does not shut down after all.
    ShutdownCancelled,
}

/// What reaches the recorder.
#[derive(Debug)]
pub(crate) enum Report {
    /// A hook saw something. The one who waits is told once what follows from it is durable.
    Seen { observation: Observation, at: Moment, durable: Option<oneshot::Sender<()>> },
    /// A hook that had delivered is gone.
    Lost(Signal, Moment),
}

/// Where a hook puts what it sees.
#[derive(Clone)]
pub struct Observations {
    backend: &'static str,
    clock: Clock,
    reports: mpsc::Sender<Report>,
    status: StatusEntry,
    idle_rule: watch::Receiver<IdleRule>,
    first: Arc<First>,
}

/// Whether the hook has delivered.
#[derive(Default)]
pub(crate) struct First {
    delivered: OnceLock<()>,
    notify: Notify,
}

impl First {
    pub(crate) fn has_delivered(&self) -> bool {
        self.delivered.get().is_some()
    }

    /// Returns once the hook has delivered something.
    pub(crate) async fn delivered(&self) {
        let notified = self.notify.notified();
        if !self.has_delivered() {
            notified.await;
        }
    }
}

impl Observations {
    pub(crate) fn new(
        backend: &'static str,
        clock: Clock,
        reports: mpsc::Sender<Report>,
        status: StatusEntry,
        idle_rule: watch::Receiver<IdleRule>,
    ) -> Self {
        Self { backend, clock, reports, status, idle_rule, first: Arc::default() }
    }

    pub(crate) fn first(&self) -> Arc<First> {
        Arc::clone(&self.first)
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Hands on what was seen at `at`. Waits while the recorder is busy.
    pub async fn send(&self, observation: Observation, at: Moment) {
        self.hand_on(observation, at, None).await;
    }

    /// As [`Observations::send`]. The future that is returned ends once every event that
    /// follows from the observation is on disk, or at once where none does. It may
    /// take as long as a disk does: whoever waits for it sets a limit.
    pub async fn send_durably(&self, observation: Observation, at: Moment) -> BoxFuture<()> {
        let (durable, told) = oneshot::channel();
        self.hand_on(observation, at, Some(durable)).await;
        Box::pin(async move {
            // Nobody is left to tell where nothing follows, or where it never will be durable.
            told.await.ok();
        })
    }

    async fn hand_on(
        &self,
        observation: Observation,
        at: Moment,
        durable: Option<oneshot::Sender<()>>,
    ) {
        self.status.seen(self.now().wall);
        // The recorder is gone only while everything ends.
        self.reports.send(Report::Seen { observation, at, durable }).await.ok();
        if self.first.delivered.set(()).is_ok() {
            self.status.served(self.backend, None);
            self.first.notify.notify_waiters();
        }
    }

    /// Says what is missing, or that nothing is. To be called after the first observation.
    pub fn shortcoming(&self, detail: Option<String>) {
        self.status.served(self.backend, detail);
    }

    /// When the person counts as inactive, as the policy says now and comes to say.
    #[must_use]
    pub fn idle_rule(&self) -> watch::Receiver<IdleRule> {
        self.idle_rule.clone()
    }
}
