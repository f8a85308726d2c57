//! Lock, sleep and the end of the session.

use std::time::Duration;

use objc2::MainThreadMarker;
use objc2_app_kit::{
    NSWorkspaceSessionDidBecomeActiveNotification, NSWorkspaceSessionDidResignActiveNotification,
    NSWorkspaceWillPowerOffNotification,
};
use objc2_core_foundation::{CFBoolean, CFDictionary, CFNumber, CFRetained, CFString, CFType};
use objc2_core_graphics::CGSessionCopyCurrentDictionary;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::main_loop::{OnMain, on_main};
use super::notifications::{Distributed, Workspace};
use super::power::{PowerNews, PowerWatch};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, SessionChange};
use crate::signals::Signal;

const LOCKED: &str = "com.apple.screenIsLocked";
const UNLOCKED: &str = "com.apple.screenIsUnlocked";
const SAVER_ON: &str = "com.apple.screensaver.didstart";
const SAVER_OFF: &str = "com.apple.screensaver.didstop";

/// Why nothing is told.
pub(crate) const NO_LOGIN_SESSION: &str =
    "the agent does not run inside a login session with a screen";

/// The machine waits for us before it sleeps, but not for ever.
const LAST_EVENTS: Duration = Duration::from_secs(4);

/// Nobody tells that a logout or shutdown was called off: it was, where this program still
/// runs so long after it was announced.
const CALLED_OFF: Duration = Duration::from_secs(120);

/// Watches the session.
pub(super) struct SessionHook;

impl Hook for SessionHook {
    fn signal(&self) -> Signal {
        Signal::Session
    }

    fn backend(&self) -> &'static str {
        "notifications"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(watch(&out)).await.unwrap_or(Ok(())) })
    }
}

async fn watch(out: &Observations) -> Result<(), HookError> {
    let (told, mut changes) = mpsc::unbounded_channel();
    let _observers = on_main(move |main| OnMain::new(observe(main, &told), main)).await?;
    let (news, mut power) = mpsc::unbounded_channel();
    let watch = PowerWatch::listen(news);
    let _power = match watch {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!(%error, "sleep is noticed only afterwards");
            None
        }
    };
    // A change that comes before this is told after it.
    say(out, lock(is_locked()?)).await;
    if _power.is_none() {
        out.shortcoming(Some("the power management does not tell of sleep".to_owned()));
    }
    let mut called_off: Option<Instant> = None;
    loop {
        let patience = async {
            match called_off {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(change) = changes.recv() => {
                if change == SessionChange::ShuttingDown {
                    called_off = Some(Instant::now() + CALLED_OFF);
                }
                say(out, change).await;
            }
            Some(news) = power.recv() => match news {
                PowerNews::FallingAsleep(answer) => {
                    let asleep = Observation::Session(SessionChange::Suspending);
                    let durable = out.send_durably(asleep, out.now()).await;
                    tokio::spawn(async move {
                        // The machine sleeps either way.
                        timeout(LAST_EVENTS, durable).await.ok();
                        drop(answer);
                    });
                }
                PowerNews::Awake => say(out, SessionChange::Woke).await,
            },
            () = patience => {
                called_off = None;
                say(out, SessionChange::ShutdownCancelled).await;
            }
        }
    }
}

async fn say(out: &Observations, change: SessionChange) {
    out.send(Observation::Session(change), out.now()).await;
}

fn observe(
    main: MainThreadMarker,
    told: &mpsc::UnboundedSender<SessionChange>,
) -> (Option<Distributed>, [Workspace; 3]) {
    // Nobody is left to be told where everything ends.
    let say = |change| {
        let told = told.clone();
        move || {
            told.send(change).ok();
        }
    };
    let announced = {
        let told = told.clone();
        move |name: &str| {
            if let Some(change) = change_of(name) {
                told.send(change).ok();
            }
        }
    };
    let names = [LOCKED, UNLOCKED, SAVER_ON, SAVER_OFF];
    // SAFETY: the names of notifications, which nobody changes.
    let [left, came_back, power_off] = unsafe {
        [
            NSWorkspaceSessionDidResignActiveNotification,
            NSWorkspaceSessionDidBecomeActiveNotification,
            NSWorkspaceWillPowerOffNotification,
        ]
    };
    (
        Distributed::listen(main, &names, announced),
        [
            Workspace::listen(main, left, say(SessionChange::Covered)),
            Workspace::listen(main, came_back, say(SessionChange::Uncovered)),
            Workspace::listen(main, power_off, say(SessionChange::ShuttingDown)),
        ],
    )
}

fn change_of(name: &str) -> Option<SessionChange> {
    match name {
        LOCKED => Some(SessionChange::Locked),
        UNLOCKED => Some(SessionChange::Unlocked),
        SAVER_ON => Some(SessionChange::Covered),
        SAVER_OFF => Some(SessionChange::Uncovered),
        _ => None,
    }
}

const fn lock(is_locked: bool) -> SessionChange {
    if is_locked { SessionChange::Locked } else { SessionChange::Unlocked }
}

/// Whether the screen is locked now.
///
/// # Errors
/// Fails outside a login session, where there is no screen.
pub(super) fn is_locked() -> Result<bool, HookError> {
    let session =
        CGSessionCopyCurrentDictionary().ok_or_else(|| HookError::new(NO_LOGIN_SESSION))?;
    // SAFETY: the dictionary is documented to have strings as keys.
    let session = unsafe { CFRetained::cast_unchecked::<CFDictionary<CFString, CFType>>(session) };
    let Some(value) = session.get(&CFString::from_static_str("CGSSessionScreenIsLocked")) else {
        return Ok(false);
    };
    let number = || value.downcast_ref::<CFNumber>().and_then(CFNumber::as_i64);
    let is_true = value.downcast_ref::<CFBoolean>().map(CFBoolean::as_bool);
    Ok(is_true.unwrap_or_else(|| number().is_some_and(|number| number != 0)))
}
