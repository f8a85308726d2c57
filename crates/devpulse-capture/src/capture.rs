//! The handle that the agent holds on to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devpulse_protocol::{
    ActivityType, ConsentNote, HeartbeatType, RefusedSetting, Screenshot, Timestamp,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::captured::Captured;
use crate::clock::Clock;
use crate::desktop::Desktop;
use crate::hook::Backends;
use crate::policy::CapturePolicy;
use crate::present::Present;
use crate::recorder::{Command, Recorder};
use crate::screenshot::ScreenshotError;
use crate::signals::{Signal, Signals, StatusEntry};
use crate::supervisor::Supervisor;

/// What hooks saw and the recorder has not folded yet; a full channel makes the hooks wait.
const REPORTS: usize = 256;

/// Commands that wait for the recorder.
const COMMANDS: usize = 16;

/// Starts capture.
#[derive(Debug)]
pub struct Capture;

/// Steers capture. Once every clone is dropped, capture stops without a word.
#[derive(Clone, Debug)]
pub struct CaptureHandle {
    commands: mpsc::Sender<Command>,
    policy: watch::Sender<CapturePolicy>,
    signals: watch::Receiver<Signals>,
    withheld: Arc<AtomicU64>,
}

/// The pipeline's figures, as a heartbeat reports them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Events that wait to be delivered.
    pub pending: u64,
    /// Age of the oldest of them, in seconds.
    pub oldest_pending_s: Option<f64>,
    /// Events given up so far.
    pub dropped: u64,
    /// Settings that something on the device puts above the server's, with where they come from.
    pub overrides: BTreeMap<String, String>,
    /// Settings of the server that the device refused.
    pub refused_settings: Vec<RefusedSetting>,
    /// What the person agreed to, where they were asked.
    pub consent: Option<ConsentNote>,
    /// Seconds by which the clock is ahead of the server's, where that is known.
    pub clock_skew_s: Option<f64>,
    /// When the device's key ends, where that is known.
    pub key_expires_at: Option<Timestamp>,
}

impl Capture {
    /// Starts the hooks of this system, inside a tokio runtime with time and I/O enabled.
    ///
    /// The activity `started` is handed on first, also without a desktop. Nothing is ever
    /// dropped: while `out` is full, everything waits, down to the hooks.
    #[must_use]
    pub fn start(
        policy: CapturePolicy,
        desktop: Desktop,
        out: mpsc::Sender<Captured>,
    ) -> CaptureHandle {
        Self::start_with(policy, desktop, Backends::of_this_system(), out)
    }

    /// As [`Capture::start`], with other backends.
    #[must_use]
    pub fn start_with(
        policy: CapturePolicy,
        desktop: Desktop,
        backends: Backends,
        out: mpsc::Sender<Captured>,
    ) -> CaptureHandle {
        Self::start_at(Clock::system(), policy, desktop, backends, out)
    }

    pub(crate) fn start_at(
        clock: Clock,
        policy: CapturePolicy,
        desktop: Desktop,
        backends: Backends,
        out: mpsc::Sender<Captured>,
    ) -> CaptureHandle {
        let cancel = CancellationToken::new();
        let (report_sender, reports) = mpsc::channel(REPORTS);
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let board = StatusEntry::board();
        let signals = board.subscribe();
        let idle_rule = watch::Sender::new(policy.idle_rule());
        let desktop = Arc::new(desktop);
        let screen = StatusEntry::new(Signal::Screen, board.clone());
        for (signal, probes) in backends.into_signals() {
            let supervisor = Supervisor {
                signal,
                probes,
                desktop: Arc::clone(&desktop),
                clock: clock.clone(),
                reports: report_sender.clone(),
                status: match signal {
                    Signal::Screen => screen.clone(),
                    _ => StatusEntry::new(signal, board.clone()),
                },
                idle_rule: idle_rule.subscribe(),
                cancel: cancel.clone(),
            };
            tokio::spawn(supervisor.run());
        }
        let policy = watch::Sender::new(policy);
        let withheld = Arc::new(AtomicU64::new(0));
        let recorder = Recorder::new(
            clock,
            policy.subscribe(),
            idle_rule,
            signals.clone(),
            screen,
            Arc::clone(&withheld),
            out,
        );
        tokio::spawn(async move {
            let _hooks_end_with_the_recorder = cancel.drop_guard();
            recorder.run(reports, command_receiver).await;
        });
        CaptureHandle { commands, policy, signals, withheld }
    }
}

impl CaptureHandle {
    /// Puts other settings into force, without a restart.
    pub fn apply(&self, policy: CapturePolicy) {
        self.policy.send_if_modified(|current| {
            let changed = *current != policy;
            *current = policy;
            changed
        });
    }

    /// Hands on a heartbeat together with the checkpoint of the open window session.
    pub async fn heartbeat(&self, kind: HeartbeatType, figures: Figures) {
        let (done, waiting) = oneshot::channel();
        self.ask(Command::Heartbeat { kind, figures, done }, waiting).await;
    }

    /// Captures every monitor now. Returns once the events are handed on.
    ///
    /// # Errors
    /// Says what stands in the way; never waits longer than ten seconds for the screens.
    pub async fn screenshot(&self) -> Result<Vec<Screenshot>, ScreenshotError> {
        let (reply, waiting) = oneshot::channel();
        let answer = self.ask(Command::Screenshot { reply }, waiting).await;
        answer.unwrap_or(Err(ScreenshotError::Ended))
    }

    /// What is going on now; `None` once capture has stopped.
    pub async fn present(&self) -> Option<Present> {
        let (reply, waiting) = oneshot::channel();
        self.ask(Command::Present { reply }, waiting).await
    }

    /// Captures nothing until [`CaptureHandle::resume`], and says so.
    pub async fn pause(&self) {
        let (done, waiting) = oneshot::channel();
        self.ask(Command::Pause { done }, waiting).await;
    }

    /// Ends a pause.
    pub async fn resume(&self) {
        let (done, waiting) = oneshot::channel();
        self.ask(Command::Resume { done }, waiting).await;
    }

    /// Ends capture: the open window session, then `activity`, are handed on; afterwards
    /// nothing but heartbeats.
    pub async fn end(&self, activity: ActivityType) {
        let (done, waiting) = oneshot::channel();
        self.ask(Command::End { activity, done }, waiting).await;
    }

    /// How well each signal is served, now and as it changes.
    #[must_use]
    pub fn signals(&self) -> watch::Receiver<Signals> {
        self.signals.clone()
    }

    /// Window sessions that a rule of the policy kept from being reported.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.withheld.load(Ordering::Relaxed)
    }

    /// `None` once capture has stopped.
    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Option<T> {
        self.commands.send(command).await.ok()?;
        answer.await.ok()
    }
}

/// A capture of the screens that takes longer is given up.
pub(crate) const SCREENSHOT_DEADLINE: Duration = Duration::from_secs(5);
