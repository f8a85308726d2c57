//! Lock, sleep, and the end of the session, by messages to a hidden window.

use std::ptr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windows_sys::Win32::Foundation::{HANDLE, HWND, LRESULT};
use windows_sys::Win32::System::Power::{
    HPOWERNOTIFY, RegisterSuspendResumeNotification, UnregisterSuspendResumeNotification,
};
use windows_sys::Win32::System::RemoteDesktop::{
    NOTIFY_FOR_THIS_SESSION, WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION, WTSFreeMemory,
    WTSINFOEXW, WTSQuerySessionInformationW, WTSRegisterSessionNotification, WTSSessionInfoEx,
    WTSUnRegisterSessionNotification,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    DEVICE_NOTIFY_WINDOW_HANDLE, PBT_APMRESUMEAUTOMATIC, PBT_APMSUSPEND, SPI_GETSCREENSAVERRUNNING,
    SystemParametersInfoW, WM_ENDSESSION, WM_POWERBROADCAST, WM_QUERYENDSESSION,
    WM_WTSSESSION_CHANGE, WTS_SESSION_LOCK, WTS_SESSION_UNLOCK,
};

use super::pump::{self, Handler, Message, Pump};
use crate::clock::Moment;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, SessionChange};
use crate::signals::Signal;

/// Windows gives programs two seconds before it sleeps.
const BEFORE_SLEEP: Duration = Duration::from_millis(1500);

/// Windows gives programs five seconds before it ends them.
const BEFORE_THE_END: Duration = Duration::from_secs(4);

/// Changes that wait for the recorder; Windows waits with them.
const WAITING: usize = 16;

/// A window that answers so has no objection.
const NO_OBJECTION: LRESULT = 1;

/// Watches lock, sleep and the end of the session.
pub(super) struct SessionHook;

impl Hook for SessionHook {
    fn signal(&self) -> Signal {
        Signal::Session
    }

    fn backend(&self) -> &'static str {
        "wts"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(watch(&out)).await.unwrap_or(Ok(())) })
    }
}

/// A change, and where to say that what follows from it is on disk.
struct Told {
    change: SessionChange,
    at: Moment,
    durable: Option<std::sync::mpsc::SyncSender<()>>,
}

async fn watch(out: &Observations) -> Result<(), HookError> {
    let (teller, mut changes) = mpsc::channel(WAITING);
    let clock = out.clone();
    let mut pump = Pump::start("session", move |window| {
        let notices = Notices::register(window);
        let shortcoming = notices.shortcoming();
        let first = Told { change: present(), at: clock.now(), durable: None };
        // There is room for the first one.
        teller.try_send((first, shortcoming)).ok();
        Ok(handler(notices, clock, teller))
    })
    .await?;
    loop {
        let (told, shortcoming) = tokio::select! {
            change = changes.recv() => match change {
                Some(change) => change,
                None => return Err(HookError::new("the session is no longer watched")),
            },
            ended = pump.ended() => return Err(ended),
        };
        let observation = Observation::Session(told.change);
        match told.durable {
            None => out.send(observation, told.at).await,
            Some(durable) => {
                let kept = out.send_durably(observation, told.at).await;
                // Whoever waits for it may hold up a message of the window, not this.
                tokio::spawn(async move {
                    kept.await;
                    durable.send(()).ok();
                });
            }
        }
        if shortcoming.is_some() {
            out.shortcoming(shortcoming);
        }
    }
}

type Teller = mpsc::Sender<(Told, Option<String>)>;

fn handler(notices: Notices, clock: Observations, teller: Teller) -> Handler {
    Box::new(move |message| {
        let answer = answer(&message)?;
        let shortcoming = notices.shortcoming();
        let Some((change, patience)) = answer.told else { return Some(answer.result) };
        let (durable, kept) = match patience {
            None => (None, None),
            Some(patience) => {
                let (durable, kept) = std::sync::mpsc::sync_channel(1);
                (Some(durable), Some((kept, patience)))
            }
        };
        let told = Told { change, at: clock.now(), durable };
        // Waits while the recorder is busy; nobody listens only while everything ends.
        teller.blocking_send((told, shortcoming)).ok();
        if let Some((kept, patience)) = kept {
            // In time or not, Windows goes on.
            kept.recv_timeout(patience).ok();
        }
        Some(answer.result)
    })
}

/// What a message means, and what Windows is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    told: Option<(SessionChange, Option<Duration>)>,
    result: LRESULT,
}

/// `None` where the message is not about the session.
fn answer(message: &Message) -> Option<Answer> {
    let code = u32::try_from(message.wparam).unwrap_or(u32::MAX);
    let (told, result) = match (message.kind, code) {
        (WM_WTSSESSION_CHANGE, WTS_SESSION_LOCK) => (Some((SessionChange::Locked, None)), 0),
        (WM_WTSSESSION_CHANGE, WTS_SESSION_UNLOCK) => (Some((SessionChange::Unlocked, None)), 0),
        (WM_POWERBROADCAST, PBT_APMSUSPEND) => {
            (Some((SessionChange::Suspending, Some(BEFORE_SLEEP))), NO_OBJECTION)
        }
        (WM_POWERBROADCAST, PBT_APMRESUMEAUTOMATIC) => {
            (Some((SessionChange::Woke, None)), NO_OBJECTION)
        }
        (WM_QUERYENDSESSION, _) => (None, NO_OBJECTION),
        // Told once nobody objected: then the session ends, by a logoff or a shutdown.
        (WM_ENDSESSION, 1..) => (Some((SessionChange::ShuttingDown, Some(BEFORE_THE_END))), 0),
        _ => return None,
    };
    Some(Answer { told, result })
}

/// What Windows was asked to tell the window; taken back when dropped.
struct Notices {
    window: HWND,
    locks: bool,
    sleep: HPOWERNOTIFY,
}

impl Notices {
    fn register(window: HWND) -> Self {
        // SAFETY: the window is this thread's, here and below.
        let locks = unsafe { WTSRegisterSessionNotification(window, NOTIFY_FOR_THIS_SESSION) } != 0;
        if !locks {
            tracing::info!(error = %pump::failed("locks are not told"), "the session");
        }
        // SAFETY: as above.
        let sleep = unsafe {
            RegisterSuspendResumeNotification(window as HANDLE, DEVICE_NOTIFY_WINDOW_HANDLE)
        };
        Self { window, locks, sleep }
    }

    fn shortcoming(&self) -> Option<String> {
        (!self.locks).then(|| "Windows does not tell of locks in this session".to_owned())
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        // SAFETY: both were registered, if at all, for this window.
        unsafe {
            if self.locks {
                WTSUnRegisterSessionNotification(self.window);
            }
            if self.sleep != 0 {
                UnregisterSuspendResumeNotification(self.sleep);
            }
        }
    }
}

/// What is the case now. Where Windows does not say whether the session is locked, it still
/// says whether a screen saver runs.
fn present() -> SessionChange {
    match session_flags() {
        Some(LOCKED) => SessionChange::Locked,
        Some(UNLOCKED) => SessionChange::Unlocked,
        _ if screen_saver_runs() => SessionChange::Covered,
        _ => SessionChange::Uncovered,
    }
}

/// `WTS_SESSIONSTATE_LOCK` and `WTS_SESSIONSTATE_UNLOCK`.
const LOCKED: i32 = 0;
const UNLOCKED: i32 = 1;

fn session_flags() -> Option<i32> {
    let (mut answer, mut length) = (ptr::null_mut(), 0);
    // SAFETY: there are places for the answer, which is freed below.
    let told = unsafe {
        let (server, session) = (WTS_CURRENT_SERVER_HANDLE, WTS_CURRENT_SESSION);
        WTSQuerySessionInformationW(
            server,
            session,
            WTSSessionInfoEx,
            &raw mut answer,
            &raw mut length,
        )
    };
    if told == 0 || answer.is_null() {
        return None;
    }
    let whole = length as usize >= size_of::<WTSINFOEXW>();
    // SAFETY: there are so many bytes, which need not be aligned.
    let flags = whole.then(|| unsafe {
        let info = answer.cast::<WTSINFOEXW>().read_unaligned();
        (info.Level == 1).then(|| info.Data.WTSInfoExLevel1.SessionFlags)
    });
    // SAFETY: it is what the call allocated.
    unsafe { WTSFreeMemory(answer.cast()) };
    flags.flatten()
}

fn screen_saver_runs() -> bool {
    let mut runs = 0_i32;
    // SAFETY: there is a place for the answer.
    let told =
        unsafe { SystemParametersInfoW(SPI_GETSCREENSAVERRUNNING, 0, (&raw mut runs).cast(), 0) };
    told != 0 && runs != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u32, code: u32) -> Message {
        Message { kind, wparam: code as usize }
    }

    fn told(kind: u32, code: u32) -> Option<SessionChange> {
        answer(&message(kind, code)).and_then(|answer| answer.told).map(|(change, _)| change)
    }

    #[test]
    fn messages_mean_what_happens_to_the_session() {
        assert_eq!(told(WM_WTSSESSION_CHANGE, WTS_SESSION_LOCK), Some(SessionChange::Locked));
        assert_eq!(told(WM_WTSSESSION_CHANGE, WTS_SESSION_UNLOCK), Some(SessionChange::Unlocked));
        assert_eq!(told(WM_POWERBROADCAST, PBT_APMSUSPEND), Some(SessionChange::Suspending));
        assert_eq!(told(WM_POWERBROADCAST, PBT_APMRESUMEAUTOMATIC), Some(SessionChange::Woke));
        assert_eq!(told(WM_ENDSESSION, 1), Some(SessionChange::ShuttingDown));
    }

    #[test]
    fn an_end_that_is_only_asked_for_is_not_told_and_not_objected_to() {
        let asked = answer(&message(WM_QUERYENDSESSION, 0)).unwrap();
        assert_eq!(asked, Answer { told: None, result: NO_OBJECTION });
        assert_eq!(answer(&message(WM_ENDSESSION, 0)), None);
        assert_eq!(answer(&message(WM_WTSSESSION_CHANGE, 1)), None);
    }
}
