//! Screens by KWin's own interface, which hands the pixels through a pipe.

use std::collections::HashMap;
use std::io::{PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use zbus::zvariant::{Fd, OwnedValue, Value};

use super::super::bus::{Bus, CallError};
use super::super::session_bus;
use super::{KWIN, WINDOWS_SCRIPT, is_gone, object, present, script};
use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal};
use crate::screenshot::{Area, Frame, GrabError, ScreenGrabber, VisibleWindow};
use crate::signals::Signal;
use crate::wayland::{self, Layout, Monitors};
use crate::window_places::PlacedWindow;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "kwin-screenshot2";

/// KWin writes an image within this, or hangs.
const PATIENCE: Duration = Duration::from_secs(4);

/// For so long KWin's effects may show a window that closed, shrank or went to another desktop.
const EFFECTS: Duration = Duration::from_millis(500);

/// Why KWin's screens are not captured.
pub(crate) const FORBIDDEN: &str = "KWin lets only programs capture the screen whose desktop entry asks for \
                         it (X-KDE-DBUS-Restricted-Interfaces=org.kde.KWin.ScreenShot2)";

/// Offers to capture screens.
pub(in super::super) struct ScreenHook {
    bus: Bus,
    grabber: Arc<Grabber>,
}

/// Captures screens, each time on a connection of its own to the bus.
struct Grabber {
    desktop: Desktop,
    folder: PathBuf,
    monitors: Monitors,
    runtime: Handle,
}

/// A window as the script describes it.
#[derive(Deserialize)]
struct Shown {
    app: String,
    title: String,
    shown: bool,
    active: bool,
    place: [f64; 4],
}

impl ScreenHook {
    pub(in super::super) async fn open(bus: Bus, desktop: &Desktop) -> Result<Self, Refusal> {
        let (_, folder) = present(&bus, desktop).await?;
        let socket = desktop.wayland_socket().ok_or_else(wayland::not_wayland)?;
        let (monitors, runtime) = (Monitors::new(socket), Handle::current());
        let grabber = Grabber { desktop: desktop.clone(), folder, monitors, runtime };
        // Asking for a screen that does not exist tells whether asking is allowed.
        match ask(&bus, "").await {
            Err(CallError::Bus(zbus::Error::MethodError(name, ..)))
                if name.ends_with("NoAuthorized") =>
            {
                return Err(Refusal::Denied(FORBIDDEN.to_owned()));
            }
            Err(CallError::Bus(zbus::Error::MethodError(name, ..)))
                if !name.starts_with("org.kde.KWin") =>
            {
                return Err(Refusal::Failed("this KWin captures no screens".to_owned()));
            }
            _ => {}
        }
        Ok(Self { bus, grabber: Arc::new(grabber) })
    }

    async fn offer(mut self, out: Observations) -> Result<(), HookError> {
        let gone = format!(
            "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{KWIN}'"
        );
        self.bus.subscribe(&gone).await.map_err(super::refused)?;
        let grabber = Arc::clone(&self.grabber);
        let proven = tokio::task::spawn_blocking(move || {
            let first = grabber.monitors()?.first().copied();
            first.map_or(Ok(()), |monitor| grabber.grab(monitor).map(drop))
        });
        proven
            .await
            .map_err(|error| HookError::with_source("the first capture was cut short", error))?
            .map_err(|error| HookError::with_source("no screen can be captured", error))?;
        out.send(Observation::Screens(self.grabber), out.now()).await;
        loop {
            if is_gone(&self.bus.next_signal().await?) {
                return Err(HookError::new("KWin went away"));
            }
        }
    }
}

/// What KWin answers for a screen, and where its pixels come.
async fn ask(
    bus: &Bus,
    screen: &str,
) -> Result<(HashMap<String, OwnedValue>, PipeReader), CallError> {
    let (reader, writer) = std::io::pipe().map_err(zbus::Error::from)?;
    let options = HashMap::from([("native-resolution", Value::from(true))]);
    let call = (screen, options, Fd::from(writer.as_fd()));
    let interface = object("/org/kde/KWin/ScreenShot2", "org.kde.KWin.ScreenShot2");
    Ok((bus.call(interface, "CaptureScreen", &call).await?, reader))
}

impl Grabber {
    async fn bus(&self) -> Result<Bus, GrabError> {
        session_bus(&self.desktop).await.map_err(|refusal| GrabError::new(refusal.to_string()))
    }

    fn windows(&self) -> Result<Vec<PlacedWindow>, GrabError> {
        let said = self.runtime.block_on(async {
            let mut bus = self.bus().await?;
            let kwin = bus.owner(KWIN).await.ok_or_else(|| GrabError::new("KWin went away"))?;
            let answer = script::answer(&mut bus, &kwin, &self.folder, WINDOWS_SCRIPT).await;
            answer.map_err(GrabError::from_cause)
        })?;
        let windows: Vec<Shown> = serde_json::from_str(&said)
            .map_err(|_| GrabError::new("KWin's list of windows makes no sense"))?;
        Ok(windows.into_iter().filter(|window| window.shown).map(Shown::placed).collect())
    }
}

impl Shown {
    fn placed(self) -> PlacedWindow {
        let [x, y, width, height] = self.place;
        // Outwards, so that nothing of the window is left out.
        let (left, top) = (x.floor(), y.floor());
        let area = Area {
            x: left as i32,
            y: top as i32,
            width: (x + width - left).ceil().max(0.0) as u32,
            height: (y + height - top).ceil().max(0.0) as u32,
        };
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let (app_name, title) = (text(self.app), text(self.title));
        let window = VisibleWindow { app_name, title, areas: vec![area] };
        PlacedWindow { window, focused: self.active }
    }
}

impl ScreenGrabber for Grabber {
    fn monitors(&self) -> Result<Vec<Area>, GrabError> {
        let monitors = self.monitors.named().map_err(GrabError::from_cause)?;
        Ok(monitors.into_iter().map(|(_, area)| area).collect())
    }

    fn grab(&self, monitor: Area) -> Result<Frame, GrabError> {
        let monitors = self.monitors.named().map_err(GrabError::from_cause)?;
        let name = monitors
            .into_iter()
            .find_map(|(name, area)| if area == monitor { name } else { None })
            .ok_or_else(|| GrabError::new("the monitor is gone"))?;
        let (answer, pipe) = self.runtime.block_on(async {
            let bus = self.bus().await?;
            let asked = ask(&bus, &name).await;
            asked.map_err(|error| GrabError::with_source("KWin refuses the image", error))
        })?;
        let layout = layout(&answer)
            .ok_or_else(|| GrabError::new("KWin shows its pixels in an unknown format"))?;
        layout.frame(&read(pipe, layout.size())?)
    }

    fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError> {
        let monitors = self.monitors()?;
        let windows = self.windows()?;
        Ok(windows.into_iter().map(|window| window.spread(&monitors)).collect())
    }

    fn lag(&self) -> Duration {
        EFFECTS
    }
}

/// How the pixels lie in the pipe. Formats are numbered as Qt numbers them.
fn layout(answer: &HashMap<String, OwnedValue>) -> Option<Layout> {
    use crate::wayland::Format;

    let number = |key: &str| u32::try_from(answer.get(key)?).ok();
    let format = match number("format")? {
        4..=6 => Format::Xrgb8888,
        16..=18 => Format::Xbgr8888,
        19 | 20 => Format::Xbgr2101010,
        21 | 22 => Format::Xrgb2101010,
        _ => return None,
    };
    let [width, height, stride] = ["width", "height", "stride"].map(number);
    let layout = Layout { format, width: width?, height: height?, stride: stride? };
    layout.is_known().then_some(layout)
}

/// Reads so many bytes, for as long as KWin may take to write them.
fn read(mut pipe: PipeReader, size: u64) -> Result<Vec<u8>, GrabError> {
    let failed = |error: std::io::Error| GrabError::with_source("the image was cut off", error);
    let size = usize::try_from(size).map_err(|_| GrabError::new("the image is too large"))?;
    let mut pixels = vec![0; size];
    let (mut read, latest) = (0, Instant::now() + PATIENCE);
    while read < size {
        let left = latest.saturating_duration_since(Instant::now());
        let left =
            Timespec::try_from(left).map_err(|error| failed(std::io::Error::other(error)))?;
        let mut pipes = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
        match poll(&mut pipes, Some(&left)) {
            Ok(0) => return Err(GrabError::new("KWin does not hand over the image")),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
        match pipe.read(&mut pixels[read..]).map_err(failed)? {
            0 => return Err(GrabError::new("the image was cut off")),
            some => read += some,
        }
    }
    Ok(pixels)
}

impl Hook for ScreenHook {
    fn signal(&self) -> Signal {
        Signal::Screen
    }

    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(self.offer(out)).await.unwrap_or(Ok(())) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_window_between_two_pixels_covers_both() {
        let place = [10.5, 20.0, 30.0, 40.25];
        let (app, title) = ("a".to_owned(), String::new());
        let placed = Shown { app, title, shown: true, active: true, place }.placed();
        assert_eq!(placed.window.areas, [Area { x: 10, y: 20, width: 31, height: 41 }]);
        assert_eq!(placed.window.title, None);
        assert!(placed.focused);
    }

    #[test]
    fn an_image_that_ends_early_is_refused() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[1, 2, 3]).unwrap();
        drop(writer);
        assert!(read(reader, 4).is_err());
    }

    #[test]
    fn the_layout_is_taken_from_the_answer_and_an_unknown_format_is_not() {
        let answer = |format: u32| {
            let facts = [("format", format), ("width", 2), ("height", 1), ("stride", 8)];
            facts.map(|(key, number)| (key.to_owned(), OwnedValue::from(number))).into()
        };
        assert_eq!(layout(&answer(6)).unwrap().size(), 8);
        assert_eq!(layout(&answer(7)), None);
        assert_eq!(layout(&HashMap::new()), None);
    }
}
