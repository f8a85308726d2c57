//! Screens, by `xcap` behind its guard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use windows_sys::Win32::UI::HiDpi::{
    DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2, SetThreadDpiAwarenessContext,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    WS_EX_LAYERED, WS_EX_TOOLWINDOW, WS_EX_TRANSPARENT,
};
use xcap::Monitor;

use super::{program, window};
use crate::guard::Guard;
use crate::guard::picture::{Claimed, frame};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations};
use crate::screenshot::{Area, Coverage, Frame, GrabError, ScreenGrabber, VisibleWindow};
use crate::signals::Signal;

/// What is asked by [`ScreenGrabber`] has five seconds.
const DEADLINE: Duration = Duration::from_secs(4);

/// Offers to capture screens.
pub(super) struct ScreenHook;

impl Hook for ScreenHook {
    fn signal(&self) -> Signal {
        Signal::Screen
    }

    fn backend(&self) -> &'static str {
        "xcap"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(offer(&out)).await.unwrap_or(Ok(())) })
    }
}

/// Proves that monitors are told and one can be captured, and lends out the grabber.
async fn offer(out: &Observations) -> Result<(), HookError> {
    let grabber = Arc::new(Grabber { guard: Guard::new("xcap", DEADLINE) });
    let tried = Arc::clone(&grabber);
    let tried = tokio::task::spawn_blocking(move || {
        let monitors = tried.monitors()?;
        let first = monitors.first().ok_or_else(|| GrabError::new("there is no monitor"))?;
        tried.grab(*first).map(drop)
    });
    tried
        .await
        .map_err(|error| HookError::with_source("the trial of the screens was cut short", error))?
        .map_err(|error| HookError::with_source("no screen can be captured", error))?;
    out.send(Observation::Screens(grabber), out.now()).await;
    std::future::pending().await
}

struct Grabber {
    guard: Guard,
}

impl Grabber {
    /// Asks on the guard's thread, for which coordinates are those of the monitors' pixels.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> Result<T, GrabError> + Send + 'static,
    ) -> Result<T, GrabError> {
        let answer = self.guard.ask(|| {
            // SAFETY: concerns this thread only, which ends with the question.
            unsafe { SetThreadDpiAwarenessContext(DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2) };
            question()
        });
        answer.map_err(|error| GrabError::with_source("the screens are not told", error))?
    }
}

impl ScreenGrabber for Grabber {
    fn monitors(&self) -> Result<Vec<Area>, GrabError> {
        self.ask(|| {
            let mut areas: Vec<Area> = Vec::new();
            for monitor in Monitor::all().map_err(refused)? {
                let area = area(&monitor)?;
                // Monitors that show the same count once.
                if area.width > 0 && area.height > 0 && !areas.contains(&area) {
                    areas.push(area);
                }
            }
            areas.sort_by_key(|area| (area.x, area.y));
            Ok(areas)
        })
    }

    fn grab(&self, wanted: Area) -> Result<Frame, GrabError> {
        self.ask(move || {
            for monitor in Monitor::all().map_err(refused)? {
                if area(&monitor)? == wanted {
                    let image = monitor.capture_image().map_err(refused)?;
                    let (width, height) = (image.width(), image.height());
                    return frame(&Claimed { width, height, rgba: image.into_raw() }, wanted);
                }
            }
            Err(GrabError::new("the monitor is gone"))
        })
    }

    fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError> {
        self.ask(|| Ok(visible()))
    }
}

fn area(monitor: &Monitor) -> Result<Area, GrabError> {
    Ok(Area {
        x: monitor.x().map_err(refused)?,
        y: monitor.y().map_err(refused)?,
        width: monitor.width().map_err(refused)?,
        height: monitor.height().map_err(refused)?,
    })
}

fn refused(error: xcap::XCapError) -> GrabError {
    GrabError::with_source("xcap refuses", error)
}

/// The windows that are shown, without what opaque ones above them cover.
fn visible() -> Vec<VisibleWindow> {
    let mut coverage = Coverage::default();
    let mut names: HashMap<u32, Option<String>> = HashMap::new();
    let mut visible = Vec::new();
    for window in window::all() {
        let Some(area) = window::area(window).filter(|_| window::is_shown(window)) else {
            continue;
        };
        let areas = coverage.seen(area);
        let style = window::extended_style(window);
        if style & (WS_EX_LAYERED | WS_EX_TRANSPARENT) == 0 {
            coverage.cover(area);
        }
        if areas.is_empty() || style & WS_EX_TOOLWINDOW != 0 && window::title(window).is_none() {
            continue;
        }
        let reading = window::read(window);
        let name = |program: Option<std::path::PathBuf>| program::app_name(&program?);
        let app_name = match reading.pid {
            Some(pid) => names.entry(pid).or_insert_with(|| name(reading.program)).clone(),
            None => name(reading.program),
        };
        visible.push(VisibleWindow { app_name, title: reading.title, areas });
    }
    visible
}
