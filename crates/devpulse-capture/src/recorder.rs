//! The one task that owns the state: it folds what hooks saw and what the agent asks for
//! into events.

mod gaps;
mod power;
mod shots;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devpulse_protocol::{
    Activity, ActivityType, EventBody, EventId, Heartbeat, HeartbeatType, Screenshot, Trigger,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::capture::Figures;
use crate::captured::{Captured, CheckpointUpdate, Urgency};
use crate::clock::{Clock, Moment};
use crate::hook::{Observation, Report};
use crate::idle::{IdleRule, Presence};
use crate::policy::CapturePolicy;
use crate::present::{Present, Since};
use crate::screenshot::{Schedule, ScreenHealth, ScreenshotError};
use crate::session::Session;
use crate::signals::{Signal, Signals, StatusEntry};
use crate::tracker::{Hold, SessionEnd, Tracker};
use shots::Shots;

/// What the agent asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Heartbeat { kind: HeartbeatType, figures: Figures, done: oneshot::Sender<()> },
    Screenshot { reply: Reply },
    Present { reply: oneshot::Sender<Present> },
    Pause { done: oneshot::Sender<()> },
    Resume { done: oneshot::Sender<()> },
    End { activity: ActivityType, done: oneshot::Sender<()> },
}

/// Where the answer to a manual screenshot goes.
pub(crate) type Reply = oneshot::Sender<Result<Vec<Screenshot>, ScreenshotError>>;

/// Owns the state of capture.
pub(crate) struct Recorder {
    clock: Clock,
    policy: watch::Receiver<CapturePolicy>,
    policy_in_force: CapturePolicy,
    idle_rule: watch::Sender<IdleRule>,
    signals: watch::Receiver<Signals>,
    screen: StatusEntry,
    withheld: Arc<AtomicU64>,
    out: mpsc::Sender<Captured>,
    tracker: Tracker,
    presence: Presence,
    schedule: Schedule,
    shots: Shots,
    health: ScreenHealth,
    phase: Phase,
    session: Session,
    since: Since,
    /// How long the machine had slept in all when that was last looked at.
    asleep: Duration,
    /// The session that the committed checkpoint names.
    checkpointed: Option<EventId>,
    /// Since when nothing tells of the focus, after something did.
    unobserved: Option<Moment>,
    /// Nothing is folded in before this.
    latest: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Paused { was_away: bool },
    Ended,
}

impl Recorder {
    pub(crate) fn new(
        clock: Clock,
        mut policy: watch::Receiver<CapturePolicy>,
        idle_rule: watch::Sender<IdleRule>,
        signals: watch::Receiver<Signals>,
        screen: StatusEntry,
        withheld: Arc<AtomicU64>,
        out: mpsc::Sender<Captured>,
    ) -> Self {
        let now = clock.now();
        let policy_in_force = policy.borrow_and_update().clone();
        Self {
            policy,
            idle_rule,
            signals,
            screen,
            withheld,
            out,
            tracker: Tracker::new(&policy_in_force),
            presence: Presence::new(policy_in_force.idle_rule()),
            schedule: Schedule::new(&policy_in_force.screenshot, now.mono, rand::random()),
            shots: Shots::new(clock.clone()),
            health: ScreenHealth::default(),
            phase: Phase::Running,
            session: Session::default(),
            since: Since::default(),
            asleep: clock.asleep(),
            checkpointed: None,
            unobserved: None,
            latest: now,
            policy_in_force,
            clock,
        }
    }

    /// Runs until the last handle is dropped.
    pub(crate) async fn run(
        mut self,
        mut reports: mpsc::Receiver<Report>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        self.activity(ActivityType::Started, self.latest, Urgency::Edge).await;
        loop {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                changed = self.policy.changed() => match changed {
                    Ok(()) => self.apply_policy().await,
                    Err(_) => return,
                },
                command = commands.recv() => {
                    let Some(command) = command else { return };
                    while let Ok(report) = reports.try_recv() {
                        self.report(report).await;
                    }
                    if self.policy.has_changed().unwrap_or(false) {
                        self.apply_policy().await;
                    }
                    self.command(command).await;
                }
                Some(report) = reports.recv() => self.report(report).await,
                outcome = self.shots.outcome() => self.shots_outcome(outcome).await,
                () = until(&self.clock, deadline) => self.tick().await,
            }
        }
    }

    fn deadline(&self) -> Option<Duration> {
        if self.phase == Phase::Ended {
            return None;
        }
        let screens = self.may_shoot().ok().and_then(|()| self.schedule.deadline());
        let presence = self.presence.deadline();
        [self.tracker.deadline(), presence, screens].into_iter().flatten().min()
    }

    async fn tick(&mut self) {
        self.notice_sleep().await;
        let now = self.advance(self.clock.now());
        let ends = self.tracker.tick(now);
        self.sessions(ends).await;
        let changes = self.presence.due(now);
        self.presence_changes(changes).await;
        if self.may_shoot().is_ok()
            && let Some(trigger) = self.schedule.due(now.mono, rand::random())
        {
            self.shoot(trigger, None);
        }
    }

    async fn apply_policy(&mut self) {
        let policy = self.policy.borrow_and_update().clone();
        let now = self.advance(self.clock.now());
        let idle_rule = policy.idle_rule();
        self.idle_rule.send_if_modified(|rule| std::mem::replace(rule, idle_rule) != idle_rule);
        let changes = self.presence.apply(idle_rule);
        self.presence_changes(changes).await;
        self.schedule.apply(&policy.screenshot, now.mono, rand::random());
        let before = &self.policy_in_force;
        if before.screenshot != policy.screenshot || before.window.rules != policy.window.rules {
            self.shots.distrust_running();
        }
        let ends = self.tracker.apply(&policy, now);
        self.policy_in_force = policy;
        self.sessions(ends).await;
    }

    async fn report(&mut self, report: Report) {
        if self.phase == Phase::Ended {
            return;
        }
        self.notice_sleep().await;
        match report {
            Report::Seen { observation: Observation::Session(change), at, durable } => {
                self.session_change(change, at, durable).await;
            }
            Report::Seen { observation, at, durable: _ } => self.observe(observation, at).await,
            Report::Lost(Signal::Focus, at) => {
                let at = self.advance(at);
                let ends = self.tracker.lost(at);
                self.sessions(ends).await;
                self.focus_lost(at);
            }
            Report::Lost(Signal::Screen, _) => self.shots.grabber = None,
            // What was last known holds until a backend says otherwise.
            Report::Lost(Signal::Idle | Signal::Session, _) => {}
        }
    }

    async fn observe(&mut self, observation: Observation, at: Moment) {
        match observation {
            Observation::Window(facts) => {
                let at = self.advance(at);
                self.focus_found(at).await;
                if self.tracker.focused_window() != Some(facts.window) {
                    self.focus_moved(at).await;
                }
                if !self.tracker.has_focus(&facts) && !self.presence.is_away() {
                    self.health.window_changed();
                }
                let before = self.tracker.open_window();
                let ends = self.tracker.window(facts, at);
                self.sessions(ends).await;
                if before.is_some() && self.tracker.open_window() != before {
                    self.schedule.window_changed(at.mono);
                }
            }
            Observation::NoWindow => {
                let at = self.advance(at);
                self.focus_found(at).await;
                let ends = self.tracker.no_window(at);
                self.sessions(ends).await;
            }
            Observation::Quiet { since } => {
                let changes = self.presence.quiet(since);
                self.presence_changes(changes).await;
            }
            Observation::StillQuiet { since } => {
                let changes = self.presence.still_quiet(since);
                self.presence_changes(changes).await;
            }
            Observation::Screen(screen) => self.presence.screen(screen, at),
            Observation::Listening => self.presence.listening(at),
            Observation::Input => {
                let changes = self.presence.input(at);
                self.presence_changes(changes).await;
            }
            Observation::Session(change) => self.session_change(change, at, None).await,
            Observation::Screens(grabber) => self.shots.grabber = Some(grabber),
        }
    }

    async fn presence_changes(&mut self, changes: Vec<(ActivityType, Moment)>) {
        if self.is_reporting() {
            for (activity, at) in changes {
                self.activity(activity, at, Urgency::Routine).await;
            }
        }
    }

    async fn command(&mut self, command: Command) {
        self.notice_sleep().await;
        let now = self.advance(self.clock.now());
        match command {
            Command::Heartbeat { kind, figures, done } => {
                self.screen.complain(self.health.complaint(now.mono));
                self.heartbeat(kind, figures, now).await;
                answer(done, ());
            }
            Command::Screenshot { reply } => match self.may_shoot() {
                Ok(()) => self.shoot(Trigger::Manual, Some(reply)),
                Err(error) => answer(reply, Err(error)),
            },
            Command::Present { reply } => answer(reply, self.present(now)),
            Command::Pause { done } => {
                if self.phase == Phase::Running {
                    self.since.paused = Some(now);
                    self.phase = Phase::Paused { was_away: self.presence.is_away() };
                    self.shots.discard_running(ScreenshotError::Paused);
                    self.hold(Hold::Paused, now).await;
                    self.activity(ActivityType::Paused, now, Urgency::Edge).await;
                }
                answer(done, ());
            }
            Command::Resume { done } => {
                self.resume(now).await;
                answer(done, ());
            }
            Command::End { activity, done } => {
                if self.phase != Phase::Ended {
                    self.shots.discard_running(ScreenshotError::Ended);
                    self.hold(Hold::Paused, now).await;
                    self.focus_found(now).await;
                    self.phase = Phase::Ended;
                    // A machine that shuts down has said so already.
                    if !self.session.is_shutting_down() {
                        self.activity(activity, now, Urgency::Edge).await;
                    }
                }
                answer(done, ());
            }
        }
    }

    async fn resume(&mut self, now: Moment) {
        let Phase::Paused { was_away } = self.phase else { return };
        self.phase = Phase::Running;
        self.since.paused = None;
        self.tracker.release(Hold::Paused, now);
        self.activity(ActivityType::Unpaused, now, Urgency::Edge).await;
        match (was_away, self.presence.is_away()) {
            (false, true) => self.activity(ActivityType::Inactive, now, Urgency::Routine).await,
            (true, false) => self.activity(ActivityType::Active, now, Urgency::Routine).await,
            (true, true) | (false, false) => {}
        }
    }

    fn present(&self, now: Moment) -> Present {
        let (standing, since) = self.since.standing(&self.presence);
        let window = self.tracker.checkpoint(now).session().cloned();
        Present { window, standing, since }
    }

    async fn hold(&mut self, hold: Hold, at: Moment) {
        let ends = self.tracker.hold(hold, at);
        self.sessions(ends).await;
    }

    async fn heartbeat(&mut self, kind: HeartbeatType, figures: Figures, now: Moment) {
        let ends = self.tracker.tick(now);
        self.sessions(ends).await;
        let heartbeat = Heartbeat {
            heartbeat_type: kind,
            pending: figures.pending,
            oldest_pending_s: figures.oldest_pending_s,
            dropped: figures.dropped,
            capabilities: self.signals.borrow().capabilities(),
            overrides: figures.overrides,
            refused_settings: figures.refused_settings,
            withheld: self.tracker.withheld(),
            consent: figures.consent,
            clock_skew_s: figures.clock_skew_s,
            key_expires_at: figures.key_expires_at,
        };
        let urgency = match kind {
            HeartbeatType::Regular => Urgency::Routine,
            HeartbeatType::Final => Urgency::Edge,
        };
        let checkpoint = self.tracker.checkpoint(now);
        let body = EventBody::Heartbeat(heartbeat);
        self.hand_on(event(EventId::new(), now, body, urgency, checkpoint)).await;
    }

    async fn activity(&mut self, activity_type: ActivityType, at: Moment, urgency: Urgency) {
        let body = EventBody::Activity(Activity::of(activity_type));
        let checkpoint = self.checkpoint_if_moved();
        self.hand_on(event(EventId::new(), at, body, urgency, checkpoint)).await;
    }

    async fn sessions(&mut self, ends: Vec<SessionEnd>) {
        self.withheld.store(self.tracker.withheld(), Ordering::Relaxed);
        for SessionEnd { event_id, at, window, checkpoint } in ends {
            let body = EventBody::Window(window);
            self.hand_on(event(event_id, at, body, Urgency::Routine, checkpoint)).await;
        }
    }

    /// The checkpoint, where the committed one names another session: one that was not
    /// reported when it ended must not come back after a crash.
    fn checkpoint_if_moved(&self) -> CheckpointUpdate {
        let checkpoint = self.tracker.checkpoint(self.latest);
        if checkpoint.session().map(|open| open.event_id) == self.checkpointed {
            CheckpointUpdate::Keep
        } else {
            checkpoint
        }
    }

    async fn hand_on(&mut self, captured: Captured) {
        if captured.checkpoint != CheckpointUpdate::Keep {
            self.checkpointed = captured.checkpoint.session().map(|open| open.event_id);
        }
        // Nobody takes events any more only while the agent ends.
        self.out.send(captured).await.ok();
    }

    /// Reports of several hooks may be a little out of order; time never runs back.
    fn advance(&mut self, at: Moment) -> Moment {
        self.latest = at.max(self.latest);
        self.latest
    }
}

fn event(
    event_id: EventId,
    at: Moment,
    body: EventBody,
    urgency: Urgency,
    checkpoint: CheckpointUpdate,
) -> Captured {
    Captured { event_id, at: at.wall, body, urgency, checkpoint, image: None, durable: None }
}

/// The one who asked may have gone.
fn answer<T>(asker: oneshot::Sender<T>, answer: T) {
    asker.send(answer).ok();
}

async fn until(clock: &Clock, deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(clock.instant(deadline)).await,
        None => std::future::pending().await,
    }
}
