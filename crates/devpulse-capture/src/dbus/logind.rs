//! logind: lock, sleep and shutdown, with an inhibitor that gives the last events the
//! time to become durable.

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;
use zbus::message::Message;
use zbus::zvariant::OwnedValue;

use super::bus::{Bus, CallError, Object};
use super::inhibitor::Inhibitor;
use super::{kept_screen, own_session, saver, session_bus};
use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, SessionChange};
use crate::idle::KeptScreen;
use crate::signals::Signal;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "logind";

pub(super) const LOGIND: &str = "org.freedesktop.login1";
pub(super) const MANAGER: Object<'_> = Object {
    peer: LOGIND,
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
};
const SESSION: &str = "org.freedesktop.login1.Session";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A session as logind shows it.
pub(super) const fn session(path: &str) -> Object<'_> {
    Object { peer: LOGIND, path, interface: SESSION }
}

/// Watches logind, and the screen savers where there is a session bus.
pub(super) struct LogindHook {
    system: Bus,
    /// The connection that logind has: nobody else is believed.
    logind: String,
    desktop: Desktop,
}

/// What is listened to, once everything is subscribed to.
struct Watch {
    system: Bus,
    logind: String,
    savers: Option<Bus>,
    session: Option<String>,
    session_id: Option<String>,
    inhibitor: Inhibitor,
    /// What logind and what others say of programs that keep the screen awake.
    screen: [KeptScreen; 2],
    /// What keeps locks from being seen.
    lock_shortcoming: Option<String>,
    out: Observations,
}

/// What logind says.
#[derive(Debug, PartialEq)]
enum Told {
    Change(SessionChange),
    /// A program keeps the screen awake, or none of those does that asked logind.
    Screen(KeptScreen),
    /// The hint about the lock changed, and has to be asked for.
    HintChanged,
    /// A session came.
    SessionNew,
    /// The session at this path ended.
    SessionRemoved(String),
    /// logind itself came or went.
    OwnerChanged,
}

impl LogindHook {
    pub(super) async fn open(system: Bus, desktop: Desktop) -> Result<Self, Refusal> {
        let logind = system.owner(LOGIND).await.ok_or_else(|| {
            Refusal::Failed("logind does not run, so lock and sleep are not told".to_owned())
        })?;
        Ok(Self { system, logind, desktop })
    }

    async fn watch(self, out: Observations) -> Result<(), HookError> {
        let Self { system, logind, desktop } = self;
        subscribe(&system).await.map_err(unheard)?;
        let (savers, unheard_savers) = savers(&desktop).await;
        let mut watch = Watch {
            session: own_session::find(&system, desktop.session_id.as_deref()).await,
            session_id: desktop.session_id,
            system,
            logind,
            savers,
            inhibitor: Inhibitor::Free,
            screen: [KeptScreen::Free; 2],
            lock_shortcoming: None,
            out,
        };
        watch.lock_shortcoming = unheard_savers;
        watch.begin().await?;
        loop {
            watch.step().await?;
        }
    }
}

impl Watch {
    /// Takes the inhibitor and says how things are.
    async fn begin(&mut self) -> Result<(), HookError> {
        if let Some(path) = &self.session {
            // The session's own signals only, once it is known which it is.
            let rule = format!("type='signal',sender='{LOGIND}',path='{path}'");
            self.system.subscribe(&rule).await.map_err(unheard)?;
        }
        let refused = self.inhibitor.take(&self.system).await.err();
        if self.system.property(MANAGER, "PreparingForSleep").await.is_ok_and(is_false) {
            self.say(SessionChange::Woke).await;
        }
        match &self.session {
            Some(path) => {
                let locked = own_session::is_locked(&self.system, path).await.map_err(unheard)?;
                self.say(lock(locked)).await;
            }
            None => self.say(SessionChange::Unlocked).await,
        }
        if let Some(savers) = &self.savers
            && let Some(SessionChange::Covered) = saver::present(savers).await
        {
            self.say(SessionChange::Covered).await;
        }
        self.show(refused.as_ref());
        self.screen[0] = kept_screen::at_logind(&self.system).await;
        if let Some(session) = &self.savers {
            self.screen[1] = kept_screen::on_session(session).await;
        }
        self.say_screen().await;
        Ok(())
    }

    async fn say_screen(&mut self) {
        let screen = match self.screen {
            [KeptScreen::Free, KeptScreen::Free] => KeptScreen::Free,
            _ => KeptScreen::Awake,
        };
        self.out.send(Observation::Screen(screen), self.out.now()).await;
    }

    /// Waits for the next thing to happen.
    async fn step(&mut self) -> Result<(), HookError> {
        let savers = async {
            match &mut self.savers {
                Some(bus) => bus.next_signal().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.inhibitor.due() => self.inhibitor.release(),
            message = self.system.next_signal() => {
                let message = message?;
                if let Some(told) = told(&message, &self.logind, self.session.as_deref()) {
                    self.told(told).await?;
                }
            }
            message = savers => {
                let message = message?;
                if let Some(change) = saver::told(&message) {
                    self.say(change).await;
                }
                if let Some(session) = &self.savers
                    && kept_screen::concerns(&message)
                {
                    self.screen[1] = kept_screen::on_session(session).await;
                    self.say_screen().await;
                }
            }
        }
        Ok(())
    }

    async fn told(&mut self, told: Told) -> Result<(), HookError> {
        match told {
            Told::Change(change) => self.changed(change).await,
            Told::Screen(screen) => {
                self.screen[0] = screen;
                self.say_screen().await;
            }
            Told::HintChanged => {
                let path = self.session.clone().unwrap_or_default();
                let locked = own_session::is_locked(&self.system, &path).await.map_err(unheard)?;
                self.say(lock(locked)).await;
            }
            Told::SessionNew if self.session.is_none() => {
                let id = self.session_id.as_deref();
                if own_session::find(&self.system, id).await.is_some() {
                    return Err(HookError::new("a session of logind has begun"));
                }
            }
            Told::SessionRemoved(path) if self.session.as_deref() == Some(path.as_str()) => {
                return Err(HookError::new("the session of logind has ended"));
            }
            Told::SessionNew | Told::SessionRemoved(_) => {}
            Told::OwnerChanged => return Err(HookError::new("logind went away")),
        }
        Ok(())
    }

    async fn changed(&mut self, change: SessionChange) {
        match change {
            SessionChange::Suspending | SessionChange::ShuttingDown => {
                let observation = Observation::Session(change);
                let durable = self.out.send_durably(observation, self.out.now()).await;
                self.inhibitor.leave(durable);
            }
            SessionChange::Woke | SessionChange::ShutdownCancelled => {
                self.say(change).await;
                let refused = self.inhibitor.take(&self.system).await.err();
                self.show(refused.as_ref());
            }
            _ => self.say(change).await,
        }
    }

    /// What is said while the machine waits for us is waited for too.
    async fn say(&mut self, change: SessionChange) {
        let (observation, now) = (Observation::Session(change), self.out.now());
        if self.inhibitor.is_leaving() {
            let durable = self.out.send_durably(observation, now).await;
            self.inhibitor.leave(durable);
        } else {
            self.out.send(observation, now).await;
        }
    }

    fn show(&self, refused: Option<&CallError>) {
        let refused = refused.map(|error| {
            format!("logind grants no delay, so sleep does not wait for the last events: {error}")
        });
        let no_session = self
            .session
            .is_none()
            .then(|| "logind knows no session of this person, so it tells of no lock".to_owned());
        let all: Vec<String> =
            [no_session, self.lock_shortcoming.clone(), refused].into_iter().flatten().collect();
        self.out.shortcoming((!all.is_empty()).then(|| all.join("; ")));
    }
}

impl Hook for LogindHook {
    fn signal(&self) -> Signal {
        Signal::Session
    }

    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(self.watch(out)).await.unwrap_or(Ok(())) })
    }
}

/// The signals that do not depend on which session it is.
async fn subscribe(bus: &Bus) -> Result<(), CallError> {
    for member in ["PrepareForSleep", "PrepareForShutdown", "SessionNew", "SessionRemoved"] {
        let Object { interface, .. } = MANAGER;
        let rule =
            format!("type='signal',sender='{LOGIND}',interface='{interface}',member='{member}'");
        bus.subscribe(&rule).await?;
    }
    let Object { path, .. } = MANAGER;
    let changed = format!("sender='{LOGIND}',path='{path}',member='PropertiesChanged'");
    bus.subscribe(&format!("type='signal',interface='{PROPERTIES}',{changed}")).await?;
    let owner = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";
    bus.subscribe(&format!("{owner},arg0='{LOGIND}'")).await
}

/// The session bus with the screen savers, or why it is not there. Where there is none at
/// all there is no desktop either that could have a screen saver.
async fn savers(desktop: &Desktop) -> (Option<Bus>, Option<String>) {
    if desktop.session_bus.is_none() {
        return (None, None);
    }
    let missing = "so locks that only a screen saver knows of are not seen";
    match session_bus(desktop).await {
        Ok(bus) => match saver::subscribe(&bus).await {
            Ok(()) => {
                kept_screen::subscribe(&bus).await;
                (Some(bus), None)
            }
            Err(error) => (None, Some(format!("the session bus refuses: {error}, {missing}"))),
        },
        Err(refusal) => (None, Some(format!("{refusal}, {missing}"))),
    }
}

/// What a signal says, if it is of logind and matters.
fn told(message: &Message, logind: &str, own: Option<&str>) -> Option<Told> {
    let header = message.header();
    let (member, interface) = (header.member()?.as_str(), header.interface()?.as_str());
    let body = message.body();
    if member == "NameOwnerChanged" {
        let (name, _, _): (String, String, String) = body.deserialize().ok()?;
        return (name == LOGIND).then_some(Told::OwnerChanged);
    }
    if header.sender()?.as_str() != logind {
        return None;
    }
    let path = header.path()?.as_str();
    if interface == MANAGER.interface {
        let begins = || body.deserialize::<bool>().ok();
        return match member {
            "PrepareForSleep" => Some(Told::Change(match begins()? {
                true => SessionChange::Suspending,
                false => SessionChange::Woke,
            })),
            "PrepareForShutdown" => Some(Told::Change(match begins()? {
                true => SessionChange::ShuttingDown,
                false => SessionChange::ShutdownCancelled,
            })),
            "SessionNew" => Some(Told::SessionNew),
            "SessionRemoved" => {
                let (_, path): (String, zbus::zvariant::OwnedObjectPath) =
                    body.deserialize().ok()?;
                Some(Told::SessionRemoved(path.to_string()))
            }
            _ => None,
        };
    }
    if (interface, member, path) == (PROPERTIES, "PropertiesChanged", MANAGER.path) {
        let (_, changed, _): Changed = body.deserialize().ok()?;
        return kept_screen::told(&changed).map(Told::Screen);
    }
    if Some(path) != own {
        return None;
    }
    match (interface, member) {
        (SESSION, "Lock") => Some(Told::Change(SessionChange::LockAsked)),
        (SESSION, "Unlock") => Some(Told::Change(SessionChange::UnlockAsked)),
        (PROPERTIES, "PropertiesChanged") => hint(message),
        _ => None,
    }
}

/// An interface, what changed of its properties to what, and what only changed.
type Changed = (String, HashMap<String, OwnedValue>, Vec<String>);

fn hint(message: &Message) -> Option<Told> {
    let (interface, mut changed, invalidated): Changed = message.body().deserialize().ok()?;
    if interface != SESSION {
        return None;
    }
    if let Some(hint) = changed.remove("LockedHint") {
        return Some(Told::Change(lock(bool::try_from(hint).ok()?)));
    }
    invalidated.iter().any(|name| name == "LockedHint").then_some(Told::HintChanged)
}

fn lock(locked: bool) -> SessionChange {
    if locked { SessionChange::Locked } else { SessionChange::Unlocked }
}

fn is_false(value: OwnedValue) -> bool {
    bool::try_from(value) == Ok(false)
}

fn unheard(error: CallError) -> HookError {
    HookError::with_source("logind cannot be listened to", error)
}
