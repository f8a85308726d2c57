//! Screen savers that say on the session's bus when they cover the screen.

use tokio_util::sync::CancellationToken;
use zbus::message::Message;

use super::bus::{Bus, CallError, Object};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, SessionChange};
use crate::signals::Signal;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "screensaver";

const WITHOUT_LOGIND: &str = "logind does not serve, so shutdown is not noticed, and sleep only \
                              afterwards";

/// Every one speaks for itself under the name of its interface, at the path of the same name.
const SAVERS: [&str; 5] = [
    "org.freedesktop.ScreenSaver",
    "org.gnome.ScreenSaver",
    "org.xfce.ScreenSaver",
    "org.mate.ScreenSaver",
    "org.cinnamon.ScreenSaver",
];

/// Has the screen savers heard that run or will run; none is started for it.
pub(super) async fn subscribe(bus: &Bus) -> Result<(), CallError> {
    for saver in SAVERS {
        let rule = format!("type='signal',interface='{saver}',member='ActiveChanged'");
        bus.subscribe(&rule).await?;
    }
    Ok(())
}

/// What a screen saver says with this signal.
pub(super) fn told(message: &Message) -> Option<SessionChange> {
    let header = message.header();
    let interface = header.interface()?;
    if !SAVERS.contains(&interface.as_str()) || header.member()?.as_str() != "ActiveChanged" {
        return None;
    }
    Some(change(message.body().deserialize().ok()?))
}

/// What those say that run now; `None` where none runs.
pub(super) async fn present(bus: &Bus) -> Option<SessionChange> {
    let mut present = None;
    for saver in SAVERS {
        let Some(peer) = bus.owner(saver).await else { continue };
        let path = format!("/{}", saver.replace('.', "/"));
        let object = Object { peer: &peer, path: &path, interface: saver };
        match bus.call(object, "GetActive", &()).await {
            Ok(true) => return Some(SessionChange::Covered),
            // One that does not tell how things are may still say when they change.
            Ok(false) | Err(_) => present = Some(SessionChange::Uncovered),
        }
    }
    present
}

fn change(active: bool) -> SessionChange {
    if active { SessionChange::Covered } else { SessionChange::Uncovered }
}

/// Watches screen savers alone.
pub(super) struct SaverHook {
    bus: Bus,
    present: SessionChange,
}

impl SaverHook {
    pub(super) async fn open(bus: Bus) -> Result<Self, Refusal> {
        subscribe(&bus).await.map_err(|error| {
            Refusal::Failed(format!("the session bus delivers no signals: {error}"))
        })?;
        let present = present(&bus).await.ok_or_else(|| {
            Refusal::Failed("no screen saver runs that tells of locks".to_owned())
        })?;
        Ok(Self { bus, present })
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        out.send(Observation::Session(self.present), out.now()).await;
        out.shortcoming(Some(WITHOUT_LOGIND.to_owned()));
        loop {
            let message = self.bus.next_signal().await?;
            if let Some(change) = told(&message) {
                out.send(Observation::Session(change), out.now()).await;
            }
        }
    }
}

impl Hook for SaverHook {
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
