//! Runs the agent in this process, or attaches to the one that runs already, and tells how
//! it does.
//!
//! The agent begins only on a device that is enrolled and whose person has agreed to what is
//! captured. Where another program runs it, this one watches, and takes over when that ends.

use std::sync::Arc;
use std::time::Duration;

use devpulse_agent::instance_lock::{Holder, LockError, Role};
use devpulse_agent::settings::Settings;
use devpulse_agent::{Agent, AgentError, Desktop};
use devpulse_control::{ClientError, ControlClient, PauseRequest, SyncRequest, SyncUpdate};
use devpulse_protocol::{ActivityType, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::agent_link::AgentLink;
use crate::backend;
use crate::standing::{Continuity, Host, Run, Snapshot};
use crate::view::{Problem, SyncReport};

/// Between two looks at files that another program may change: an enrollment by the command
/// line, an end of whatever stood in the way.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Between two looks at an agent that tells nothing by itself.
const QUIET: Duration = Duration::from_secs(20);
/// Between two looks while events are on their way.
const BUSY: Duration = Duration::from_secs(1);
/// After the agent was asked to end: whoever asked wants the home for itself first.
const MAKE_ROOM: Duration = Duration::from_secs(3);

/// How long a synchronisation that the tray asked for is followed.
const LONGEST_SYNC: Duration = Duration::from_secs(600);

/// Speaks to the task that hosts the agent. Clones speak to the same.
#[derive(Clone, Debug)]
pub(crate) struct AgentHost {
    snapshot: watch::Receiver<Snapshot>,
    say: mpsc::Sender<Word>,
}

enum Word {
    Look,
    Sync,
    Pause(u32),
    Resume,
    End(ActivityType, oneshot::Sender<()>),
}

impl AgentHost {
    /// Begins to host the agent, on the current runtime.
    #[must_use]
    pub(crate) fn start(desktop: Desktop) -> Self {
        let now = Timestamp::now();
        let (snapshot, seen) = watch::channel(Snapshot::starting(now));
        let (say, words) = mpsc::channel(8);
        let began = Instant::now();
        let continuity = Continuity::begin(now, Duration::ZERO);
        tokio::spawn(Hosting { snapshot, words, desktop, began, continuity }.run());
        Self { snapshot: seen, say }
    }

    /// How the agent does, as it changes.
    #[must_use]
    pub(crate) fn snapshot(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    /// Has the host see how things are: something was done that changes them.
    pub(crate) async fn look(&self) {
        self.say.send(Word::Look).await.ok();
    }

    /// Sends everything now; the snapshot tells how far that has got.
    pub(crate) async fn sync(&self) {
        self.say.send(Word::Sync).await.ok();
    }

    /// Pauses capture for so many minutes.
    pub(crate) async fn pause(&self, minutes: u32) {
        self.say.send(Word::Pause(minutes)).await.ok();
    }

    /// Ends a pause.
    pub(crate) async fn resume(&self) {
        self.say.send(Word::Resume).await.ok();
    }

    /// Ends the agent where it runs here, and the hosting. Returns once it has ended.
    pub(crate) async fn end(&self, activity: ActivityType) {
        let (done, ended) = oneshot::channel();
        if self.say.send(Word::End(activity, done)).await.is_ok() {
            ended.await.ok();
        }
    }
}

struct Hosting {
    snapshot: watch::Sender<Snapshot>,
    words: mpsc::Receiver<Word>,
    desktop: Desktop,
    began: Instant,
    continuity: Continuity,
}

/// What ends a stage of the hosting.
enum Turn {
    /// See how things are.
    Again,
    /// The hosting ends.
    End(ActivityType, Option<oneshot::Sender<()>>),
}

impl Hosting {
    async fn run(mut self) {
        loop {
            let turn = self.stage().await;
            if let Turn::End(_, done) = turn {
                if let Some(done) = done {
                    done.send(()).ok();
                }
                return;
            }
        }
    }

    /// One stage: whatever holds until something changes.
    async fn stage(&mut self) -> Turn {
        let (sources, settings) = match backend::settings(Vec::new()) {
            Ok(found) => found,
            Err(error) => return self.rest(failed(error), LOOK_AGAIN).await,
        };
        if !sources.is_enrolled() {
            return self.rest(Run::NotEnrolled, LOOK_AGAIN).await;
        }
        let link = Arc::new(AgentLink::new(settings.local().home.socket()));
        match link.client().await {
            Ok(client) => return self.attend(&link, client).await,
            Err(ClientError::NoAgent) => {}
            Err(error) => return self.rest(failed(error), LOOK_AGAIN).await,
        }
        if settings.consent().is_none() {
            return self.rest(Run::ConsentAwaited, LOOK_AGAIN).await;
        }
        self.host(settings, &link).await
    }

    /// Runs the agent here.
    async fn host(&mut self, settings: Settings, link: &Arc<AgentLink>) -> Turn {
        self.tell(Run::Starting);
        let agent = match Agent::start(settings, self.desktop.clone()).await {
            Ok(agent) => agent,
            Err(error) => return self.not_started(&error).await,
        };
        let mut changes = agent.delivery_changes();
        let turn = loop {
            let next_look = Instant::now() + self.see(link, Host::Here).await;
            tokio::select! {
                () = agent.asked_to_stop() => break Turn::Again,
                () = changes.next() => tokio::time::sleep(BUSY).await,
                () = sleep_until(next_look) => {}
                word = self.words.recv() => match word {
                    Some(Word::Look) => {}
                    Some(Word::Sync) => self.sync(link),
                    Some(Word::Pause(minutes)) => pause(link, minutes).await,
                    Some(Word::Resume) => resume(link).await,
                    Some(Word::End(activity, done)) => break Turn::End(activity, Some(done)),
                    None => break Turn::End(ActivityType::NormalShutdown, None),
                },
            }
        };
        match turn {
            Turn::Again => {
                agent.stop(ActivityType::NormalShutdown).await;
                self.rest(Run::Starting, MAKE_ROOM).await
            }
            Turn::End(activity, done) => {
                agent.stop(activity).await;
                Turn::End(activity, done)
            }
        }
    }

    /// Watches the agent of another program until it ends.
    async fn attend(&mut self, link: &Arc<AgentLink>, client: ControlClient) -> Turn {
        let pid = client.agent().pid;
        loop {
            let next_look = Instant::now() + self.see(link, Host::Attached { pid }).await;
            tokio::select! {
                () = client.lost() => return Turn::Again,
                () = sleep_until(next_look) => {}
                word = self.words.recv() => match word {
                    Some(Word::Look) => {}
                    Some(Word::Sync) => self.sync(link),
                    Some(Word::Pause(minutes)) => pause(link, minutes).await,
                    Some(Word::Resume) => resume(link).await,
                    Some(Word::End(activity, done)) => return Turn::End(activity, Some(done)),
                    None => return Turn::End(ActivityType::NormalShutdown, None),
                },
            }
        }
    }

    async fn not_started(&mut self, error: &AgentError) -> Turn {
        let run = match error {
            AgentError::NotEnrolled => Run::NotEnrolled,
            // It came up between the look and the start, and the next look attaches to it; or
            // somebody changes the home, such as the window that enrolls it anew, and soon ends.
            AgentError::Lock(LockError::HeldBy(Some(Holder {
                role: Role::Agent | Role::Command,
                ..
            }))) => Run::Starting,
            error => Run::Failed { problem: Problem::of(error, error.hint()) },
        };
        self.rest(run, LOOK_AGAIN).await
    }

    /// Looks at the agent; says when to look again.
    async fn see(&mut self, link: &AgentLink, host: Host) -> Duration {
        match link.ask(|client| async move { client.status().await }).await {
            Ok(status) => {
                let is_busy = status.pipeline.in_flight > 0;
                self.tell(Run::Running { host, status: Box::new(status) });
                if is_busy { BUSY } else { QUIET }
            }
            Err(error) => {
                tracing::debug!(%error, "the agent does not tell its state");
                BUSY
            }
        }
    }

    /// Has everything sent, beside what goes on here.
    fn sync(&self, link: &Arc<AgentLink>) {
        if self.snapshot.borrow().sync.is_some() {
            return;
        }
        let (link, snapshot) = (Arc::clone(link), self.snapshot.clone());
        tokio::spawn(async move {
            let show = |report| snapshot.send_modify(|snapshot| snapshot.sync = report);
            if let Err(error) = follow_sync(&link, |report| show(Some(report))).await {
                tracing::warn!(%error, "the synchronisation was not followed to its end");
            }
            show(None);
        });
    }

    /// Tells how things are and waits until they may have changed.
    async fn rest(&mut self, run: Run, longest: Duration) -> Turn {
        self.tell(run);
        tokio::select! {
            () = tokio::time::sleep(longest) => Turn::Again,
            word = self.words.recv() => match word {
                Some(Word::End(activity, done)) => Turn::End(activity, Some(done)),
                Some(_) => Turn::Again,
                None => Turn::End(ActivityType::NormalShutdown, None),
            },
        }
    }

    fn tell(&mut self, run: Run) {
        let taken_at = Timestamp::now();
        let watched_since = self.continuity.look(taken_at, self.began.elapsed());
        let consent_awaits = match &run {
            Run::Running { status, .. } => status.consent.as_ref().is_some_and(|it| it.awaiting),
            _ => false,
        };
        self.snapshot.send_modify(|snapshot| {
            let sync = snapshot.sync.take();
            *snapshot = Snapshot { run, consent_awaits, sync, taken_at, watched_since };
        });
    }
}

fn failed(error: impl Into<Problem>) -> Run {
    Run::Failed { problem: error.into() }
}

async fn follow_sync(
    link: &AgentLink,
    mut show: impl FnMut(SyncReport),
) -> Result<(), ClientError> {
    let request = SyncRequest { timeout: LONGEST_SYNC };
    let mut sync = link.client().await?.sync(request).await?;
    while let SyncUpdate::Progress(progress) = sync.next().await? {
        show(progress.into());
    }
    Ok(())
}

async fn pause(link: &AgentLink, minutes: u32) {
    let request = || PauseRequest { minutes: Some(minutes), reason: None };
    let asked = link.ask(|client| async move { client.pause(request()).await }).await;
    if let Err(error) = asked {
        tracing::warn!(%error, "capture is not paused");
    }
}

async fn resume(link: &AgentLink) {
    if let Err(error) = link.ask(|client| async move { client.resume().await }).await {
        tracing::warn!(%error, "the pause does not end");
    }
}
