//! Lock, sleep and shutdown: what becomes of the open session and of captures.

use std::time::Duration;

use devpulse_protocol::{Activity, ActivityType, EventBody, EventId};
use tokio::sync::oneshot;

use super::{Phase, Recorder, event};
use crate::captured::{Captured, Urgency};
use crate::clock::Moment;
use crate::hook::SessionChange;
use crate::screenshot::ScreenshotError;
use crate::tracker::Hold;

/// The clocks may disagree by this much without the machine having slept.
const AWAKE: Duration = Duration::from_secs(5);

impl Recorder {
    /// Whether what happens is reported.
    pub(super) fn is_reporting(&self) -> bool {
        self.phase == Phase::Running && !self.session.is_shutting_down()
    }

    /// What a hook was told of the session.
    pub(super) async fn session_change(
        &mut self,
        change: SessionChange,
        at: Moment,
        durable: Option<oneshot::Sender<()>>,
    ) {
        let at = self.advance(at);
        if let Some(activity) = self.session.change(change, at) {
            self.session_edge(activity, at, durable).await;
        }
    }

    /// The focus moved to another window.
    pub(super) async fn focus_moved(&mut self, at: Moment) {
        if let Some(activity) = self.session.focus_moved(at) {
            self.session_edge(activity, at, None).await;
        }
    }

    /// Looks whether the machine slept since this was last asked. The monotonic clock stood
    /// still meanwhile, so that what follows the sleep is what is happening now.
    pub(super) async fn notice_sleep(&mut self) {
        let asleep = self.clock.asleep();
        let gap = asleep.saturating_sub(std::mem::replace(&mut self.asleep, asleep));
        if gap <= AWAKE {
            return;
        }
        let woke = self.advance(self.clock.now());
        let fell_asleep = Moment { mono: woke.mono, wall: woke.wall.minus(gap) };
        for (activity, at) in self.session.slept(fell_asleep, woke) {
            self.session_edge(activity, at, None).await;
        }
    }

    async fn session_edge(
        &mut self,
        activity_type: ActivityType,
        at: Moment,
        durable: Option<oneshot::Sender<()>>,
    ) {
        match activity_type {
            ActivityType::ScreenLocked => {
                self.since.locked = Some(at);
                self.stop(Hold::Locked, ScreenshotError::Locked, at).await;
            }
            ActivityType::ScreenUnlocked => {
                self.since.locked = None;
                self.tracker.release(Hold::Locked, at);
                self.schedule.unlocked(at.mono);
            }
            ActivityType::Suspended => {
                self.since.suspended = Some(at);
                self.stop(Hold::Suspended, ScreenshotError::Suspended, at).await;
            }
            ActivityType::Woke => {
                self.since.suspended = None;
                self.tracker.release(Hold::Suspended, at);
            }
            ActivityType::SystemShutdown => {
                self.since.suspended = None;
                self.tracker.release(Hold::Suspended, at);
                self.stop(Hold::Shutdown, ScreenshotError::Ended, at).await;
            }
            _ => self.tracker.release(Hold::Shutdown, at),
        }
        let ends_everything = activity_type == ActivityType::SystemShutdown;
        if ends_everything || self.is_reporting() {
            let body = EventBody::Activity(Activity::of(activity_type));
            let checkpoint = self.checkpoint_if_moved();
            let event = event(EventId::new(), at, body, Urgency::Edge, checkpoint);
            self.hand_on(Captured { durable, ..event }).await;
        }
    }

    async fn stop(&mut self, hold: Hold, why: ScreenshotError, at: Moment) {
        self.shots.discard_running(why);
        self.hold(hold, at).await;
    }
}
