//! Focus and titles. Windows tells when the window with the focus changes, and when its title
//! does; what it is then is read, and its application asked for once a window.

use std::cell::Cell;
use std::ptr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use windows_sys::Win32::Foundation::HWND;
use windows_sys::Win32::UI::Accessibility::{HWINEVENTHOOK, SetWinEventHook, UnhookWinEvent};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CHILDID_SELF, EVENT_OBJECT_NAMECHANGE, EVENT_SYSTEM_DESKTOPSWITCH, EVENT_SYSTEM_FOREGROUND,
    EVENT_SYSTEM_MINIMIZEEND, OBJID_WINDOW, SetTimer, WINEVENT_OUTOFCONTEXT, WM_TIMER,
};

use super::pump::{self, Handler, OWN_MESSAGE, Pump};
use super::{program, window};
use crate::clock::Moment;
use crate::guard::Guard;
use crate::guard::window::{WindowClaim, WindowReading, facts};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, WindowFacts};
use crate::signals::Signal;

/// `active-win-pos-rs` reads a file of the program, which may lie on a slow share.
const DEADLINE: Duration = Duration::from_secs(1);

/// How often to look without being told: programs that run as administrator may tell of
/// their titles to others like them only.
const LOOK_ANYWAY: Duration = Duration::from_secs(20);

/// Observations that wait for the recorder; the windows wait with them.
const WAITING: usize = 64;

/// The focus or the title changed.
const LOOK_AGAIN: u32 = OWN_MESSAGE;

thread_local! {
    /// Where this thread's events are told.
    static TOLD_TO: Cell<HWND> = const { Cell::new(ptr::null_mut()) };
}

/// Watches the focus.
pub(super) struct FocusHook;

impl Hook for FocusHook {
    fn signal(&self) -> Signal {
        Signal::Focus
    }

    fn backend(&self) -> &'static str {
        "winevent"
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
    let (seen, mut sightings) = mpsc::channel(WAITING);
    let clock = out.clone();
    let mut pump = Pump::start("focus", move |window| {
        let focus = Focus::new(window, clock, seen)?;
        pump::post(window, LOOK_AGAIN, 0, 0);
        Ok(focus.into_handler())
    })
    .await?;
    loop {
        tokio::select! {
            sighting = sightings.recv() => match sighting {
                Some((observation, at)) => out.send(observation, at).await,
                None => return Err(HookError::new("the windows are no longer watched")),
            },
            ended = pump.ended() => return Err(ended),
        }
    }
}

/// What was seen last, on the thread that Windows tells.
struct Focus {
    clock: Observations,
    seen: mpsc::Sender<(Observation, Moment)>,
    guard: Guard,
    _switches: Events,
    titles: Option<(u32, Events)>,
    last: Option<Option<WindowFacts>>,
    application: Option<(u64, u32, Option<WindowClaim>)>,
}

impl Focus {
    fn new(
        told_to: HWND,
        clock: Observations,
        seen: mpsc::Sender<(Observation, Moment)>,
    ) -> Result<Self, HookError> {
        TOLD_TO.set(told_to);
        // The switch of desktops (lock, a question of the system) lies within this range,
        // as does a window that comes back from the task bar.
        let switches = Events::of(EVENT_SYSTEM_FOREGROUND..=EVENT_SYSTEM_DESKTOPSWITCH, 0)
            .ok_or_else(|| pump::failed("changes of the focus are not told"))?;
        // SAFETY: the window is this thread's; the timer ends with it.
        if unsafe { SetTimer(told_to, 1, LOOK_ANYWAY.as_millis() as u32, None) } == 0 {
            return Err(pump::failed("there is no timer"));
        }
        let guard = Guard::new("active-win-pos-rs", DEADLINE);
        let (titles, last, application) = (None, None, None);
        Ok(Self { clock, seen, guard, _switches: switches, titles, last, application })
    }

    fn into_handler(mut self) -> Handler {
        Box::new(move |message| {
            matches!(message.kind, LOOK_AGAIN | WM_TIMER).then(|| {
                self.look();
                0
            })
        })
    }

    /// Sees which window has the focus, and says so where that changed.
    fn look(&mut self) {
        let at = self.clock.now();
        let reading = window::focused().map(window::read);
        self.watch_titles(reading.as_ref());
        let claim = reading.as_ref().and_then(|reading| self.claim(reading));
        let now = facts(reading, claim);
        if self.last.as_ref() == Some(&now) {
            return;
        }
        self.last = Some(now.clone());
        let observation = now.map_or(Observation::NoWindow, Observation::Window);
        // Waits while the recorder is busy; nobody listens only while everything ends.
        self.seen.blocking_send((observation, at)).ok();
    }

    /// Has the changes of title told of the process that has the focus, and of no other.
    fn watch_titles(&mut self, reading: Option<&WindowReading>) {
        // The frame of a hosted application is another process's.
        let owner = reading.and_then(|reading| window::process(reading.window as HWND));
        let watched = self.titles.as_ref().map(|(pid, _)| *pid);
        if watched != owner {
            self.titles = owner.and_then(|pid| {
                let range = EVENT_OBJECT_NAMECHANGE..=EVENT_OBJECT_NAMECHANGE;
                Some((pid, Events::of(range, pid)?))
            });
        }
    }

    /// What the application is called, asked once a window.
    fn claim(&mut self, reading: &WindowReading) -> Option<WindowClaim> {
        let pid = reading.pid?;
        if let Some((window, of, claim)) = &self.application
            && (*window, *of) == (reading.window, pid)
        {
            return claim.clone();
        }
        let program = reading.program.clone();
        let claim = match self.guard.ask(active_window) {
            Ok(claim) => claim.filter(|claim| claim.pid == u64::from(pid)),
            Err(error) => {
                tracing::debug!(%error, "the application is read without it");
                None
            }
        };
        // Of a protected process the crate loses everything, and of one that it was too late
        // for it tells another's.
        let claim = claim.or_else(|| {
            let process_path = program?;
            let app_name = program::app_name(&process_path)?;
            Some(WindowClaim { app_name, process_path, pid: u64::from(pid), ..Default::default() })
        });
        self.application = Some((reading.window, pid, claim.clone()));
        claim
    }
}

fn active_window() -> Option<WindowClaim> {
    let window = active_win_pos_rs::get_active_window().ok()?;
    Some(WindowClaim {
        title: window.title,
        app_name: window.app_name,
        process_path: window.process_path,
        pid: window.process_id,
    })
}

/// Events that are told until this is dropped, on the thread that made it.
struct Events(HWINEVENTHOOK);

impl Events {
    /// Of one process, or of all where `pid` is 0.
    fn of(range: std::ops::RangeInclusive<u32>, pid: u32) -> Option<Self> {
        let (first, last) = range.into_inner();
        // SAFETY: the function stays, and is called on this thread, while it takes messages.
        let hook = unsafe {
            let module = ptr::null_mut();
            SetWinEventHook(first, last, module, Some(tell), pid, 0, WINEVENT_OUTOFCONTEXT)
        };
        (!hook.is_null()).then_some(Self(hook))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // SAFETY: it was made on this thread.
        unsafe { UnhookWinEvent(self.0) };
    }
}

/// Whether the event may mean that another window has the focus, or another title.
fn concerns(event: u32, object: i32, child: u32) -> bool {
    match event {
        EVENT_SYSTEM_FOREGROUND | EVENT_SYSTEM_MINIMIZEEND | EVENT_SYSTEM_DESKTOPSWITCH => true,
        EVENT_OBJECT_NAMECHANGE => object == OBJID_WINDOW && child == CHILDID_SELF,
        _ => false,
    }
}

unsafe extern "system" fn tell(
    _hook: HWINEVENTHOOK,
    event: u32,
    window: HWND,
    object: i32,
    child: i32,
    _thread: u32,
    _time: u32,
) {
    let is_other_title = event == EVENT_OBJECT_NAMECHANGE && window::focused() != Some(window);
    if concerns(event, object, child.cast_unsigned()) && !is_other_title {
        pump::post(TOLD_TO.get(), LOOK_AGAIN, 0, 0);
    }
}
