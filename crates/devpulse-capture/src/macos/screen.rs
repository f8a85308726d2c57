//! Screens, by `xcap` behind its guard.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use xcap::Monitor;

use super::{permission, window};
use crate::guard::Guard;
use crate::guard::picture::{Claimed, frame};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations};
use crate::screenshot::{Area, Frame, GrabError, ScreenGrabber, VisibleWindow};
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

/// Proves that a monitor can be captured, and lends out the grabber.
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
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> Result<T, GrabError> + Send + 'static,
    ) -> Result<T, GrabError> {
        let answer = self.guard.ask(|| objc2::rc::autoreleasepool(|_| question()));
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
        // Without the permission macOS hands out the desktop without its windows.
        if !permission::may_see_screens() {
            return Err(GrabError::new(permission::NO_SCREENS));
        }
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
        self.ask(|| window::visible().ok_or_else(|| GrabError::new("windows are not listed")))
    }
}

/// In points of the desktop; an image of it may have several pixels a point.
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
