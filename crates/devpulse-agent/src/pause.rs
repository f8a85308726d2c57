//! Pausing capture: by the person, within what the policy allows, for a time.
//!
//! One task owns the pause. What ends it (the person, the time, another policy) arrives
//! there, and so its event, the note that outlives the process, and capture itself never
//! disagree for long. The note is written before capture pauses: after a crash in between
//! nothing is captured that the person did not want to be.

mod state;

use std::sync::Arc;
use std::time::Duration;

use devpulse_capture::{CaptureHandle, Moment};
use devpulse_control::{ControlError, ErrorCode, PauseRequest, PauseStatus, Resumption};
use devpulse_pipeline::clock;
use devpulse_pipeline::wal::{Snapshot, Wal, WalError};
use devpulse_protocol::{Activity, ActivityType, EventBody, PauseConfig, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use state::Pause;
use state::{Change, PauseRefusal, PauseState};

use crate::settings::Settings;

/// What the log keeps the pause under.
const NOTE: &str = "pause";
/// Requests that may wait.
const REQUESTS: usize = 8;
/// While capture is paused, the clocks are looked at so often: no timer sees a machine
/// sleep.
const LOOK: Duration = Duration::from_secs(60);

/// Whether capture is paused, as everybody else sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is not.
    #[default]
    Running,
    /// It is, since this process was asked to.
    Paused(Pause),
    /// It is, since an earlier process was asked to and said so.
    Restored(Pause),
}

impl Standing {
    /// The pause that is in force.
    pub(crate) const fn pause(&self) -> Option<&Pause> {
        match self {
            Self::Running => None,
            Self::Paused(pause) | Self::Restored(pause) => Some(pause),
        }
    }

    /// What becomes of an event that capture hands on. The beginning of a pause bears its
    /// reason and its end. Nothing is let through that capture saw before it could be
    /// told that a pause of an earlier process goes on; that pause is not reported again.
    pub(crate) fn admit(&self, body: EventBody) -> Option<EventBody> {
        match (self, body) {
            (Self::Paused(pause), EventBody::Activity(activity))
                if activity.activity_type == ActivityType::Paused =>
            {
                let (reason, until) = (pause.reason.clone(), Some(pause.until));
                Some(EventBody::Activity(Activity { reason, until, ..activity }))
            }
            (Self::Running | Self::Paused(_), body) => Some(body),
            (Self::Restored(_), body) => is_of_the_agent(&body).then_some(body),
        }
    }
}

/// Whether an event is about the agent itself and not about the person.
pub(crate) const fn is_of_the_agent(body: &EventBody) -> bool {
    match body {
        EventBody::Activity(activity) => matches!(
            activity.activity_type,
            ActivityType::Started
                | ActivityType::Unpaused
                | ActivityType::NormalShutdown
                | ActivityType::SystemShutdown
                | ActivityType::UserInterrupt
        ),
        EventBody::Heartbeat(_) | EventBody::Custom(_) | EventBody::Gap(_) => true,
        EventBody::Window(_) | EventBody::Screenshot(_) => false,
    }
}

/// What a front end asks of the pause.
#[derive(Debug)]
enum Request {
    Pause(PauseRequest, oneshot::Sender<Result<PauseStatus, ControlError>>),
    Resume(oneshot::Sender<Resumption>),
}

/// Asks for a pause, or for its end.
#[derive(Clone, Debug)]
pub(crate) struct PauseHandle {
    requests: mpsc::Sender<Request>,
    standing: watch::Receiver<Standing>,
}

impl PauseHandle {
    /// Pauses capture. What was asked is done even where the caller stops waiting.
    pub(crate) async fn pause(&self, request: PauseRequest) -> Result<PauseStatus, ControlError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Pause(request, reply), answer).await?
    }

    /// Ends a pause.
    pub(crate) async fn resume(&self) -> Result<Resumption, ControlError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Resume(reply), answer).await
    }

    /// Whether capture is paused.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    async fn ask<T>(
        &self,
        request: Request,
        answer: oneshot::Receiver<T>,
    ) -> Result<T, ControlError> {
        self.requests.send(request).await.map_err(|_| ControlError::stopping())?;
        answer.await.map_err(|_| ControlError::stopping())
    }
}

/// Owns the pause.
#[derive(Debug)]
pub(crate) struct Pauser {
    /// On the clock that nobody sets and that goes on while the machine sleeps.
    started: Duration,
    wal: Wal,
    state: PauseState,
    standing: watch::Sender<Standing>,
    requests: mpsc::Receiver<Request>,
}

impl Pauser {
    /// Takes up the pause that an earlier process left, as far as it still holds.
    pub(crate) async fn restore(
        wal: Wal,
        policy: PauseConfig,
    ) -> Result<(Self, PauseHandle), WalError> {
        let kept = read(wal.call(|store| store.note(NOTE)).await?.as_deref());
        let started = clock::since_boot();
        let now = Moment { mono: Duration::ZERO, wall: Timestamp::now() };
        let state = PauseState::restore(kept, policy, now);
        let known = state.in_force().cloned().map_or_else(Standing::default, Standing::Restored);
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let (standing, seen) = watch::channel(known);
        let pauser = Self { started, wal, state, standing, requests: receiver };
        Ok((pauser, PauseHandle { requests, standing: seen }))
    }

    /// Tells capture, right after its start, that the pause of an earlier process goes on.
    pub(crate) async fn enforce(&self, capture: &CaptureHandle) {
        if self.state.in_force().is_some() {
            capture.pause().await;
        }
    }

    /// Runs until `stop` is cancelled. A pause that is then in force is left to the next
    /// process.
    pub(crate) async fn run(
        mut self,
        capture: CaptureHandle,
        mut settings: watch::Receiver<Arc<Settings>>,
        stop: CancellationToken,
    ) {
        self.keep().await;
        loop {
            let next_look = self.next_look();
            tokio::select! {
                () = stop.cancelled() => return,
                request = self.requests.recv() => {
                    let policy = settings.borrow().config().pause;
                    match request {
                        Some(Request::Pause(request, reply)) => {
                            let begun = self.begin(request, policy, &capture).await;
                            // Whoever asked may have gone.
                            reply.send(begun).ok();
                        }
                        Some(Request::Resume(reply)) => {
                            reply.send(self.resume(&capture).await).ok();
                        }
                        None => return,
                    }
                }
                changed = settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let policy = settings.borrow_and_update().config().pause;
                    self.update(policy, &capture).await;
                }
                () = next_look => {
                    let policy = settings.borrow().config().pause;
                    self.update(policy, &capture).await;
                }
            }
        }
    }

    fn now(&self) -> Moment {
        let mono = clock::since_boot().saturating_sub(self.started);
        Moment { mono, wall: Timestamp::now() }
    }

    fn next_look(&self) -> impl Future<Output = ()> + use<> {
        let left = self.state.deadline().map(|ends| ends.saturating_sub(self.now().mono));
        async move {
            match left {
                Some(left) => tokio::time::sleep(left.min(LOOK)).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn begin(
        &mut self,
        request: PauseRequest,
        policy: PauseConfig,
        capture: &CaptureHandle,
    ) -> Result<PauseStatus, ControlError> {
        self.update(policy, capture).await;
        let PauseRequest { minutes, reason } = request;
        let now = self.now();
        let pause =
            self.state.begin(minutes, reason, policy, now).map_err(|refusal| worded(&refusal))?;
        self.keep().await;
        self.standing.send_replace(Standing::Paused(pause.clone()));
        capture.pause().await;
        Ok(status(&pause))
    }

    async fn resume(&mut self, capture: &CaptureHandle) -> Resumption {
        if !self.state.end() {
            return Resumption::NotPaused;
        }
        self.go_on(capture).await;
        Resumption::Resumed
    }

    async fn update(&mut self, policy: PauseConfig, capture: &CaptureHandle) {
        match self.state.update(policy, self.now()) {
            Change::Unchanged => {}
            Change::Moved => {
                self.keep().await;
                let moved = self.state.in_force().cloned();
                self.standing.send_modify(|standing| {
                    if let (Standing::Paused(pause) | Standing::Restored(pause), Some(moved)) =
                        (standing, moved)
                    {
                        *pause = moved;
                    }
                });
            }
            Change::Ended => self.go_on(capture).await,
        }
    }

    async fn go_on(&mut self, capture: &CaptureHandle) {
        self.keep().await;
        self.standing.send_replace(Standing::Running);
        capture.resume().await;
    }

    /// Writes down what holds. A log that takes nothing does not keep a person from
    /// pausing.
    async fn keep(&self) {
        let note = match serde_json::to_vec(&self.state.in_force()) {
            Ok(note) => note,
            Err(error) => {
                tracing::error!(%error, "a pause has no JSON form");
                return;
            }
        };
        let written = self.wal.call(move |store| {
            if store.note(NOTE)?.is_none_or(|before| before != note) {
                store.set_note(NOTE, &note)?;
            }
            Ok(())
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "a restart of the agent will not know of the pause");
        }
    }
}

/// The pause that a log of an agent that does not run says is in force.
pub(crate) fn left_behind(snapshot: &Snapshot) -> Result<Option<Pause>, WalError> {
    let kept = read(snapshot.note(NOTE)?.as_deref());
    Ok(kept.filter(|pause| pause.until > Timestamp::now()))
}

/// A pause as front ends are told of it.
pub(crate) fn status(pause: &Pause) -> PauseStatus {
    let Pause { since, until, reason } = pause.clone();
    PauseStatus { since, until, reason }
}

fn read(note: Option<&[u8]>) -> Option<Pause> {
    serde_json::from_slice(note?)
        .inspect_err(|error| tracing::warn!(%error, "the note of a pause cannot be read"))
        .ok()?
}

fn worded(refusal: &PauseRefusal) -> ControlError {
    let code = match refusal {
        PauseRefusal::NotAllowed | PauseRefusal::TooLong(_) => ErrorCode::Forbidden,
        PauseRefusal::TooShort | PauseRefusal::LongReason(_) | PauseRefusal::Already(_) => {
            ErrorCode::Invalid
        }
    };
    ControlError::new(code, refusal.to_string()).with_hint(refusal.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause() -> Pause {
        let (since, until) = (Timestamp::from_millis(0), Timestamp::from_millis(60_000));
        Pause { since, until, reason: Some("a call".to_owned()) }
    }

    fn activity(activity_type: ActivityType) -> EventBody {
        EventBody::Activity(Activity::of(activity_type))
    }

    #[test]
    fn the_event_of_a_pause_bears_its_reason_and_its_end_and_no_other_does() {
        let standing = Standing::Paused(pause());
        let Some(EventBody::Activity(paused)) = standing.admit(activity(ActivityType::Paused))
        else {
            panic!("the pause is not reported")
        };
        assert_eq!(paused.reason.as_deref(), Some("a call"));
        assert_eq!(paused.until, Some(Timestamp::from_millis(60_000)));
        for other in [ActivityType::Unpaused, ActivityType::NormalShutdown] {
            assert_eq!(standing.admit(activity(other)), Some(activity(other)));
        }
    }

    #[test]
    fn a_pause_of_an_earlier_process_lets_only_the_agent_speak() {
        let standing = Standing::Restored(pause());
        for let_through in
            [ActivityType::Started, ActivityType::Unpaused, ActivityType::NormalShutdown]
        {
            assert!(standing.admit(activity(let_through)).is_some(), "{let_through:?}");
        }
        for held_back in [ActivityType::Paused, ActivityType::Active, ActivityType::ScreenLocked] {
            assert_eq!(standing.admit(activity(held_back)), None);
        }
    }
}
