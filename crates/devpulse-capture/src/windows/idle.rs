//! Idle time. Windows tells when the last input was, but not that there is some: while there
//! is, the next look is when the threshold would be reached. While there is none, input is
//! asked to be told, and looked for now and then where it is told to others only.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use user_idle::UserIdle;
use windows_sys::Win32::Foundation::HWND;
use windows_sys::Win32::System::SystemInformation::{GetTickCount, GetTickCount64};
use windows_sys::Win32::UI::Input::KeyboardAndMouse::{GetLastInputInfo, LASTINPUTINFO};
use windows_sys::Win32::UI::Input::{
    RAWINPUTDEVICE, RIDEV_INPUTSINK, RIDEV_REMOVE, RegisterRawInputDevices,
};
use windows_sys::Win32::UI::WindowsAndMessaging::WM_INPUT;

use super::pump::{self, Handler, OWN_MESSAGE, Pump};
use crate::clock::Moment;
use crate::guard::Guard;
use crate::guard::idle::{IdleClaims, between_ticks};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations};
use crate::signals::Signal;

/// How often to look for input while there is none: pens, touch and remote sessions may
/// tell nobody of theirs.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A timer may end this much before the threshold is reached.
const MARGIN: Duration = Duration::from_millis(50);

/// Two readings of the same last input may differ by this much.
const SLACK: Duration = Duration::from_millis(500);

/// Have the next input told.
const ARM: u32 = OWN_MESSAGE;

/// `user-idle` asks nobody but the system.
const DEADLINE: Duration = Duration::from_secs(1);

/// Watches the input.
pub(super) struct IdleHook {
    source: Source,
}

/// Who says how long there was no input.
#[derive(Clone)]
enum Source {
    /// Windows itself.
    LastInput,
    /// `user-idle`, where Windows does not answer us.
    UserIdle(Guard),
}

impl IdleHook {
    /// Asks Windows itself.
    pub(super) fn new() -> Self {
        Self { source: Source::LastInput }
    }

    /// Has `user-idle` ask.
    pub(super) fn by_user_idle() -> Self {
        Self { source: Source::UserIdle(Guard::new("user-idle", DEADLINE)) }
    }
}

impl Hook for IdleHook {
    fn signal(&self) -> Signal {
        Signal::Idle
    }

    fn backend(&self) -> &'static str {
        match self.source {
            Source::LastInput => "last-input",
            Source::UserIdle(_) => "user-idle",
        }
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            cancel.run_until_cancelled(watch(&self.source, &out)).await.unwrap_or(Ok(()))
        })
    }
}

async fn watch(source: &Source, out: &Observations) -> Result<(), HookError> {
    let mut rule = out.idle_rule();
    let mut claims = IdleClaims::default();
    let (told, mut input) = mpsc::channel(1);
    let mut pump = Pump::start("input", move |window| Ok(tells(window, told))).await?;
    let mut quiet_since: Option<Moment> = None;
    loop {
        let now = out.now();
        let limit = rule.borrow_and_update().threshold;
        let idle = claims.believed(source.since_last_input().await?, now.mono, uptime());
        let last_input = now.minus(idle);
        // A threshold that is raised while nobody is there brings nobody back.
        let stays = quiet_since.is_some_and(|since| since.plus(SLACK).mono >= last_input.mono);
        let next_look = if stays || idle >= limit {
            if !stays {
                out.send(Observation::Quiet { since: last_input }, now).await;
                quiet_since = Some(last_input);
            }
            pump.post(ARM);
            LOOK_AGAIN
        } else {
            out.send(Observation::Input, last_input).await;
            quiet_since = None;
            limit - idle + MARGIN
        };
        tokio::select! {
            () = sleep(next_look) => {}
            Some(()) = input.recv(), if quiet_since.is_some() => {}
            changed = rule.changed() => if changed.is_err() { return Ok(()) },
            ended = pump.ended() => return Err(ended),
        }
    }
}

impl Source {
    async fn since_last_input(&self) -> Result<Duration, HookError> {
        let Self::UserIdle(guard) = self else { return since_last_input() };
        let guard = guard.clone();
        let asked = tokio::task::spawn_blocking(move || guard.ask(UserIdle::get_time));
        let told = asked
            .await
            .map_err(|error| HookError::with_source("user-idle was cut short", error))?
            .map_err(|error| HookError::with_source("user-idle does not answer", error))?
            .map_err(|error| HookError::new(format!("user-idle failed: {error}")))?;
        Ok(told.duration())
    }
}

fn since_last_input() -> Result<Duration, HookError> {
    let mut last = LASTINPUTINFO { cbSize: size_of::<LASTINPUTINFO>() as u32, dwTime: 0 };
    // SAFETY: the structure says how long it is.
    if unsafe { GetLastInputInfo(&raw mut last) } == 0 {
        return Err(pump::failed("the last input is not told"));
    }
    // SAFETY: takes nothing. Read after the input, so that it never lies before it.
    Ok(between_ticks(last.dwTime, unsafe { GetTickCount() }))
}

fn uptime() -> Duration {
    // SAFETY: takes nothing.
    Duration::from_millis(unsafe { GetTickCount64() })
}

/// Tells of the first input after it was asked to.
fn tells(window: HWND, told: mpsc::Sender<()>) -> Handler {
    Box::new(move |message| match message.kind {
        ARM => {
            register(window, RIDEV_INPUTSINK);
            Some(0)
        }
        WM_INPUT => {
            register(std::ptr::null_mut(), RIDEV_REMOVE);
            // One that was not taken yet says the same.
            told.try_send(()).ok();
            // Windows frees what comes with it where it is handled as usual.
            None
        }
        _ => None,
    })
}

/// Mouse and keyboard, as devices call themselves.
const GENERIC_DESKTOP: u16 = 1;
const MOUSE: u16 = 2;
const KEYBOARD: u16 = 6;

fn register(window: HWND, flags: u32) {
    let device = |usage| RAWINPUTDEVICE {
        usUsagePage: GENERIC_DESKTOP,
        usUsage: usage,
        dwFlags: flags,
        hwndTarget: window,
    };
    let devices = [device(MOUSE), device(KEYBOARD)];
    let size = size_of::<RAWINPUTDEVICE>() as u32;
    // SAFETY: the devices are valid during the call.
    if unsafe { RegisterRawInputDevices(devices.as_ptr(), devices.len() as u32, size) } == 0 {
        let error = std::io::Error::last_os_error();
        tracing::debug!(%error, "input is looked for now and then");
    }
}
