//! Screens by wlr-screencopy, through shared memory.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use tokio_util::sync::CancellationToken;
use wayland_client::protocol::wl_buffer::WlBuffer;
use wayland_client::protocol::wl_callback::WlCallback;
use wayland_client::protocol::wl_output::WlOutput;
use wayland_client::protocol::wl_registry::WlRegistry;
use wayland_client::protocol::wl_shm::WlShm;
use wayland_client::protocol::wl_shm_pool::WlShmPool;
use wayland_client::{
    Connection, Dispatch, Proxy as _, QueueHandle, WEnum, delegate_dispatch, delegate_noop,
};
use wayland_protocols::xdg::xdg_output::zv1::client::zxdg_output_manager_v1::ZxdgOutputManagerV1;
use wayland_protocols::xdg::xdg_output::zv1::client::zxdg_output_v1::ZxdgOutputV1;
use wayland_protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_handle_v1::ZwlrForeignToplevelHandleV1;
use wayland_protocols_wlr::foreign_toplevel::v1::client::zwlr_foreign_toplevel_manager_v1::ZwlrForeignToplevelManagerV1;
use wayland_protocols_wlr::screencopy::v1::client::zwlr_screencopy_frame_v1::{
    self, ZwlrScreencopyFrameV1,
};
use wayland_protocols_wlr::screencopy::v1::client::zwlr_screencopy_manager_v1::ZwlrScreencopyManagerV1;

use super::outputs::{KeepsOutputs, OutputOf, Outputs};
use super::pixels::{Layout, upright, upside_down};
use super::toplevels::{self, KeepsToplevels, Toplevels};
use super::wire::{Basics, Global, Listener, Registry, Settled, Wire};
use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal, WindowFacts};
use crate::screenshot::{Area, Frame, GrabError, ScreenGrabber, VisibleWindow};
use crate::signals::Signal;
use crate::window_places::WindowPlaces;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "wlr-screencopy";

/// From this version on, the end of the list of layouts is told.
const LISTS_LAYOUTS: u32 = 3;

/// Why screens are not captured.
pub(crate) const UNSEEN: &str = "the compositor lets no program capture its screens (it offers no \
                                 zwlr_screencopy_manager_v1)";

/// What is missing for exact masks.
pub(crate) const NO_PLACES: &str = "this compositor does not tell where windows lie, so whole monitors are \
                         hidden while one that the policy hides may be seen";

/// Offers to capture screens.
pub(super) struct ScreenHook {
    grabber: Arc<Grabber>,
    /// Tells when the compositor goes.
    wire: Wire<Nothing>,
    heard: Nothing,
}

/// Captures screens, each time on a connection of its own: what is said between two captures
/// would fill one that nobody reads.
struct Grabber {
    socket: PathBuf,
    windows: WindowPlaces,
}

/// A connection that sees the monitors.
pub(super) struct Sight {
    wire: Wire<Eyes>,
    eyes: Eyes,
    places: Option<ZxdgOutputManagerV1>,
}

#[derive(Default)]
struct Nothing(Basics);

#[derive(Default)]
struct Eyes {
    basics: Basics,
    outputs: Outputs,
    toplevels: Toplevels,
    copy: Copy,
}

/// How far the copy is that is being made.
#[derive(Default)]
struct Copy {
    layout: Option<Layout>,
    layouts: Layouts,
    upside_down: bool,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Layouts {
    #[default]
    Coming,
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ready,
    Failed,
}

impl ScreenHook {
    pub(super) async fn open(desktop: &Desktop) -> Result<Self, Refusal> {
        let mut heard = Nothing::default();
        let wire = Wire::open(desktop, &mut heard).await?;
        let copier = ZwlrScreencopyManagerV1::interface().name;
        if !heard.0.globals.iter().any(|global| global.interface == copier) {
            return Err(Refusal::Failed(UNSEEN.to_owned()));
        }
        let grabber = Grabber {
            socket: desktop.wayland_socket().unwrap_or_default(),
            windows: WindowPlaces::of(desktop),
        };
        Ok(Self { grabber: Arc::new(grabber), wire, heard })
    }

    async fn offer(mut self, out: Observations) -> Result<(), HookError> {
        let ready = self.wire.readiness()?;
        let grabber = Arc::clone(&self.grabber);
        let proven = tokio::task::spawn_blocking(move || grabber.prove()).await;
        proven
            .map_err(|error| HookError::with_source("the first capture was cut short", error))?
            .map_err(|error| HookError::with_source("no screen can be captured", error))?;
        let shortcoming = match self.grabber.windows {
            WindowPlaces::Unknown => Some(NO_PLACES.to_owned()),
            _ => None,
        };
        out.send(Observation::Screens(self.grabber), out.now()).await;
        out.shortcoming(shortcoming);
        loop {
            self.wire.dispatch(&ready, &mut self.heard).await?;
        }
    }
}

impl Grabber {
    /// Captures one monitor, where there is one.
    fn prove(&self) -> Result<(), GrabError> {
        match self.monitors()?.first() {
            Some(monitor) => self.grab(*monitor).map(drop),
            None => Ok(()),
        }
    }

    fn sight(&self) -> Result<Sight, GrabError> {
        Sight::open(&self.socket).map_err(refused)
    }
}

impl Sight {
    pub(super) fn open(socket: &Path) -> Result<Self, HookError> {
        let mut eyes = Eyes::default();
        let wire = Wire::open_blocking(socket, &mut eyes)?;
        let places = wire.bind(&mut eyes, 3);
        let mut sight = Self { wire, eyes, places };
        sight.look()?;
        Ok(sight)
    }

    /// Has everything heard that the compositor says of its monitors. Blocks.
    pub(super) fn look(&mut self) -> Result<(), HookError> {
        let Self { wire, eyes, places } = self;
        wire.settle_blocking(eyes)?;
        if let Some(places) = places
            && eyes.outputs.ask_places(places, &wire.handle())
        {
            wire.settle_blocking(eyes)?;
        }
        Ok(())
    }

    /// The monitors with the compositor's names for them.
    pub(super) fn named(&self) -> Vec<(Option<String>, Area)> {
        self.eyes.outputs.all().map(|(output, area)| (output.name.clone(), area)).collect()
    }

    fn monitors(&self) -> Vec<Area> {
        self.eyes.outputs.all().map(|(_, area)| area).collect()
    }

    fn copy(&mut self, monitor: Area) -> Result<Frame, HookError> {
        let Self { wire, eyes, .. } = self;
        let missing = || HookError::new("the compositor captures its screens no longer");
        let copier: ZwlrScreencopyManagerV1 = wire.bind(eyes, LISTS_LAYOUTS).ok_or_else(missing)?;
        let memory: WlShm = wire.bind(eyes, 1).ok_or_else(missing)?;
        let found = eyes.outputs.all().find(|(_, area)| *area == monitor);
        let Some((output, transform)) = found.map(|(of, _)| (of.output.clone(), of.transform))
        else {
            return Err(HookError::new("the monitor is gone"));
        };
        let frame = copier.capture_output(0, &output, &wire.handle(), ());
        let lists = frame.version() >= LISTS_LAYOUTS;
        wire.dispatch_until(eyes, |eyes| {
            let complete = match lists {
                true => eyes.copy.layouts == Layouts::Complete,
                false => eyes.copy.layout.is_some(),
            };
            complete || eyes.copy.end.is_some()
        })?;
        let unknown = || HookError::new("the compositor shows its pixels in an unknown format");
        let layout = eyes.copy.layout.filter(|layout| layout.is_known()).ok_or_else(unknown)?;
        let file = shared(layout)?;
        let lengths =
            [layout.size(), layout.width.into(), layout.height.into(), layout.stride.into()];
        let [size, width, height, stride] =
            lengths.map(|length: u64| i32::try_from(length).unwrap_or(0));
        let pool = memory.create_pool(file.as_fd(), size, &wire.handle(), ());
        let buffer =
            pool.create_buffer(0, width, height, stride, layout.format, &wire.handle(), ());
        frame.copy(&buffer);
        wire.dispatch_until(eyes, |eyes| eyes.copy.end.is_some())?;
        if eyes.copy.end != Some(End::Ready) {
            return Err(HookError::new("the compositor could not copy the screen"));
        }
        let image = layout
            .read(&file)
            .map_err(|error| HookError::with_source("the image is not there", error))?;
        let image = if eyes.copy.upside_down { upside_down(image) } else { image };
        Ok(upright(image, transform))
    }

    /// The windows, each with the whole of every monitor that it is on.
    fn windows_on_whole_monitors(&mut self) -> Result<Vec<VisibleWindow>, HookError> {
        let Self { wire, eyes, .. } = self;
        let manager: Option<ZwlrForeignToplevelManagerV1> = wire.bind(eyes, toplevels::VERSION);
        if manager.is_none() {
            return Err(HookError::new("the compositor does not list its windows"));
        }
        wire.settle_blocking(eyes)?;
        let seen = eyes.toplevels.all().filter(|toplevel| toplevel.may_be_seen());
        Ok(seen
            .map(|toplevel| {
                let known = toplevel.outputs();
                let on = |output: &WlOutput| known.is_empty() || known.contains(output);
                let areas =
                    eyes.outputs.all().filter(|(of, _)| on(&of.output)).map(|(_, area)| area);
                let WindowFacts { app_name, title, .. } = toplevel.facts();
                VisibleWindow { app_name, title, areas: areas.collect() }
            })
            .collect())
    }
}

impl ScreenGrabber for Grabber {
    fn monitors(&self) -> Result<Vec<Area>, GrabError> {
        Ok(self.sight()?.monitors())
    }

    fn grab(&self, monitor: Area) -> Result<Frame, GrabError> {
        self.sight()?.copy(monitor).map_err(refused)
    }

    fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError> {
        let mut sight = self.sight()?;
        match &self.windows {
            WindowPlaces::Unknown => sight.windows_on_whole_monitors().map_err(refused),
            known => known.visible(&sight.monitors()),
        }
    }

    fn lag(&self) -> Duration {
        self.windows.lag()
    }
}

fn refused(error: HookError) -> GrabError {
    GrabError::with_source("the compositor refused", error)
}

/// Memory for an image, which nobody else can name.
fn shared(layout: Layout) -> Result<File, HookError> {
    let no_memory = |error: rustix::io::Errno| {
        HookError::with_source("there is no memory for the image", std::io::Error::from(error))
    };
    let memory = memfd_create("devpulse-screen", MemfdFlags::CLOEXEC).map_err(no_memory)?;
    ftruncate(&memory, layout.size()).map_err(no_memory)?;
    Ok(File::from(memory))
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

impl Listener for Nothing {
    fn basics(&mut self) -> &mut Basics {
        &mut self.0
    }
}

delegate_dispatch!(Nothing: [WlRegistry: Registry] => Registry);
delegate_dispatch!(Nothing: [WlCallback: Settled] => Settled);

impl Listener for Eyes {
    fn basics(&mut self) -> &mut Basics {
        &mut self.basics
    }

    fn offered(&mut self, global: &Global, registry: &WlRegistry, queue: &QueueHandle<Self>) {
        self.outputs.offered(global, registry, queue);
    }

    fn withdrawn(&mut self, name: u32) {
        self.outputs.withdrawn(name);
    }
}

impl KeepsOutputs for Eyes {
    fn outputs(&mut self) -> &mut Outputs {
        &mut self.outputs
    }
}

impl KeepsToplevels for Eyes {
    fn toplevels(&mut self) -> &mut Toplevels {
        &mut self.toplevels
    }
}

delegate_dispatch!(Eyes: [WlRegistry: Registry] => Registry);
delegate_dispatch!(Eyes: [WlCallback: Settled] => Settled);
delegate_dispatch!(Eyes: [WlOutput: OutputOf] => Outputs);
delegate_dispatch!(Eyes: [ZxdgOutputV1: OutputOf] => Outputs);
delegate_dispatch!(Eyes: [ZwlrForeignToplevelManagerV1: ()] => Toplevels);
delegate_dispatch!(Eyes: [ZwlrForeignToplevelHandleV1: ()] => Toplevels);
delegate_noop!(Eyes: ignore WlShm);
delegate_noop!(Eyes: ignore WlShmPool);
delegate_noop!(Eyes: ignore WlBuffer);
delegate_noop!(Eyes: ignore ZxdgOutputManagerV1);
delegate_noop!(Eyes: ignore ZwlrScreencopyManagerV1);

impl Dispatch<ZwlrScreencopyFrameV1, ()> for Eyes {
    fn event(
        eyes: &mut Self,
        _: &ZwlrScreencopyFrameV1,
        event: zwlr_screencopy_frame_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let copy = &mut eyes.copy;
        match event {
            zwlr_screencopy_frame_v1::Event::Buffer {
                format: WEnum::Value(format),
                width,
                height,
                stride,
            } => copy.layout = Some(Layout { format, width, height, stride }),
            zwlr_screencopy_frame_v1::Event::BufferDone => copy.layouts = Layouts::Complete,
            zwlr_screencopy_frame_v1::Event::Flags { flags: WEnum::Value(flags) } => {
                copy.upside_down = flags.contains(zwlr_screencopy_frame_v1::Flags::YInvert);
            }
            zwlr_screencopy_frame_v1::Event::Ready { .. } => copy.end = Some(End::Ready),
            zwlr_screencopy_frame_v1::Event::Failed => copy.end = Some(End::Failed),
            _ => {}
        }
    }
}
