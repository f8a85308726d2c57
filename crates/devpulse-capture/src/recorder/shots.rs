//! Captures of the screens that run beside the recorder, one at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use devpulse_protocol::{CapabilityState, EventBody, Screenshot, Trigger};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::{Phase, Recorder, Reply, answer, event};
use crate::capture::SCREENSHOT_DEADLINE;
use crate::captured::{Captured, Urgency};
use crate::clock::Clock;
use crate::screenshot::{
    Duplicates, Encoding, GrabError, IMAGES_AN_HOUR, Picture, ScreenGrabber, ScreenshotError, Shot,
    Sitting, Taken,
};

/// The captures of the screens, running and waiting.
pub(super) struct Shots {
    pub(super) grabber: Option<Arc<dyn ScreenGrabber>>,
    clock: Clock,
    duplicates: Duplicates,
    running: Option<Running>,
    waiting: VecDeque<Reply>,
}

struct Running {
    task: JoinHandle<Result<Taken, ScreenshotError>>,
    deadline: Instant,
    reply: Option<Reply>,
    worth: Worth,
}

/// What becomes of a capture that is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// Its images are handed on.
    Kept,
    /// It began under other settings: it is thrown away, and taken again if somebody waits.
    Outdated,
    /// It is thrown away.
    Discarded,
}

/// What became of a capture.
pub(super) enum Outcome {
    Done(Result<Taken, ScreenshotError>, Option<Reply>),
    Again(Option<Reply>),
    /// Its thread still runs; nobody waits for it any more.
    Overdue(Option<Reply>),
    /// It ended, and nobody wants it.
    Gone,
}

impl Shots {
    pub(super) fn new(clock: Clock) -> Self {
        let (grabber, running) = (None, None);
        Self {
            grabber,
            clock,
            duplicates: Duplicates::default(),
            running,
            waiting: VecDeque::new(),
        }
    }

    /// Settings changed: what is running began under others.
    pub(super) fn distrust_running(&mut self) {
        self.judge(Worth::Outdated);
    }

    /// Nothing that is running may be handed on, because of `why`.
    pub(super) fn discard_running(&mut self, why: ScreenshotError) {
        self.judge(Worth::Discarded);
        if let Some(reply) = self.running.as_mut().and_then(|running| running.reply.take()) {
            answer(reply, Err(why));
        }
    }

    /// Waits for the running capture; for ever where none is. Loses nothing when dropped.
    pub(super) async fn outcome(&mut self) -> Outcome {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let ended = tokio::select! {
            biased;
            ended = &mut running.task => ended,
            () = sleep_until(running.deadline), if running.worth != Worth::Discarded => {
                running.worth = Worth::Discarded;
                return Outcome::Overdue(running.reply.take());
            }
        };
        let (worth, reply) = (running.worth, running.reply.take());
        self.running = None;
        match worth {
            Worth::Kept => {
                let shots = ended.unwrap_or_else(|_| {
                    Err(ScreenshotError::Grab(GrabError::new("the capture was cut short")))
                });
                Outcome::Done(shots, reply)
            }
            Worth::Outdated => Outcome::Again(reply),
            Worth::Discarded => Outcome::Gone,
        }
    }

    fn judge(&mut self, worth: Worth) {
        if let Some(running) = &mut self.running
            && running.worth != Worth::Discarded
        {
            running.worth = worth;
        }
    }
}

impl Recorder {
    /// Whether the screens may and can be captured.
    pub(super) fn may_shoot(&self) -> Result<(), ScreenshotError> {
        match self.phase {
            Phase::Ended => return Err(ScreenshotError::Ended),
            Phase::Paused { .. } => return Err(ScreenshotError::Paused),
            Phase::Running if self.session.is_shutting_down() => {
                return Err(ScreenshotError::Ended);
            }
            Phase::Running => {}
        }
        if !self.policy_in_force.screenshot.enabled {
            return Err(ScreenshotError::Policy);
        }
        if self.session.is_locked() {
            return Err(ScreenshotError::Locked);
        }
        if self.session.is_asleep() {
            return Err(ScreenshotError::Suspended);
        }
        if self.health.has_enough(self.clock.now().mono) {
            return Err(ScreenshotError::Enough(IMAGES_AN_HOUR));
        }
        let screen = &self.signals.borrow().screen;
        let reason = match screen.state {
            CapabilityState::Denied => Some("the desktop forbids it"),
            CapabilityState::Unavailable => Some("nothing here can do it"),
            // What is said of the screen may be newer than what would capture it.
            CapabilityState::Ok | CapabilityState::Degraded if self.shots.grabber.is_none() => {
                Some("nothing here can do it")
            }
            CapabilityState::Ok | CapabilityState::Degraded => None,
        };
        if let Some(reason) = reason {
            let detail = screen.detail.clone();
            return Err(ScreenshotError::Unavailable(detail.unwrap_or_else(|| reason.to_owned())));
        }
        Ok(())
    }

    /// Begins a capture; a manual one waits for the one that runs, any other is left out.
    pub(super) fn shoot(&mut self, trigger: Trigger, reply: Option<Reply>) {
        if self.shots.running.is_some() {
            self.shots.waiting.extend(reply);
            return;
        }
        let Some(grabber) = self.shots.grabber.clone() else { return };
        let policy = &self.policy_in_force;
        let sitting = Sitting {
            grabber,
            clock: self.shots.clock.clone(),
            encoding: Encoding::of(&policy.screenshot),
            mask: policy.screenshot.mask,
            rules: self.tracker.rules().clone(),
            duplicates: self.shots.duplicates.clone(),
            trigger,
        };
        self.shots.running = Some(Running {
            task: tokio::task::spawn_blocking(move || sitting.take()),
            deadline: Instant::now() + SCREENSHOT_DEADLINE,
            reply,
            worth: Worth::Kept,
        });
    }

    pub(super) async fn shots_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done(Ok(taken), reply) => {
                let screenshots = self.hand_on_taken(taken).await;
                if let Some(reply) = reply {
                    answer(reply, screenshots);
                }
            }
            Outcome::Done(Err(error), reply) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no screenshot");
                if let Some(reply) = reply {
                    answer(reply, Err(error));
                }
            }
            Outcome::Again(reply) => self.shots.waiting.extend(reply),
            Outcome::Overdue(reply) => {
                let error = ScreenshotError::TimedOut(SCREENSHOT_DEADLINE);
                tracing::warn!(%error, "no screenshot");
                if let Some(reply) = reply {
                    answer(reply, Err(error));
                }
            }
            Outcome::Gone => {}
        }
        while self.shots.running.is_none()
            && let Some(reply) = self.shots.waiting.pop_front()
        {
            match self.may_shoot() {
                Ok(()) => self.shoot(Trigger::Manual, Some(reply)),
                Err(error) => answer(reply, Err(error)),
            }
        }
    }

    /// Hands on what can be believed, and says what cannot.
    async fn hand_on_taken(&mut self, taken: Taken) -> Result<Vec<Screenshot>, ScreenshotError> {
        let Taken { shots, looks } = taken;
        self.health.captured(looks);
        let handed_on = if self.health.is_frozen() {
            Err(ScreenshotError::Frozen)
        } else if shots.is_empty() {
            Err(ScreenshotError::Black)
        } else {
            Ok(self.hand_on_shots(shots).await)
        };
        self.screen.complain(self.health.complaint(self.clock.now().mono));
        handed_on
    }

    async fn hand_on_shots(&mut self, shots: Vec<Shot>) -> Vec<Screenshot> {
        let mut screenshots = Vec::with_capacity(shots.len());
        for Shot { event_id, at, screenshot, picture } in shots {
            screenshots.push(screenshot.clone());
            let image = match picture {
                Picture::SentBefore => None,
                Picture::New(image, likeness) => {
                    let remembered = screenshot.clone();
                    self.health.image(at.mono);
                    self.shots.duplicates.remember(likeness, at.mono, event_id, remembered);
                    Some(image)
                }
            };
            let body = EventBody::Screenshot(screenshot);
            let checkpoint = self.checkpoint_if_moved();
            let event = event(event_id, at, body, Urgency::Routine, checkpoint);
            self.hand_on(Captured { image, ..event }).await;
        }
        screenshots
    }
}
