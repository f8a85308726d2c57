//! Screens, by shared memory where the server can, else through the socket.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use tokio_util::sync::CancellationToken;
use x11rb::connection::{Connection as _, RequestConnection};
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, ImageOrder, Visualtype};

use super::connection::{Connection, Readiness, gone};
use super::properties::{Properties, reply};
use super::{off_the_runtime, windows};
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations};
use crate::screenshot::{Area, Frame, GrabError, ScreenGrabber, VisibleWindow, room_for_pixels};
use crate::signals::Signal;

/// Bytes that are turned into pixels at a time.
const BAND: usize = 256 * 1024;

const ALL_PLANES: u32 = !0;

/// Offers to capture screens.
pub(super) struct ScreenHook {
    connection: Connection,
}

impl ScreenHook {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }
}

impl Hook for ScreenHook {
    fn signal(&self) -> Signal {
        Signal::Screen
    }

    fn backend(&self) -> &'static str {
        "x11-shm"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            let readiness = self.connection.readiness()?;
            let offered = offer(self.connection, &readiness, &out);
            cancel.run_until_cancelled(offered).await.unwrap_or(Ok(()))
        })
    }
}

/// Proves that a pixel can be captured, and lends out the grabber while the server lives.
async fn offer(
    connection: Connection,
    readiness: &Readiness,
    out: &Observations,
) -> Result<(), HookError> {
    let opened = connection.clone();
    let grabber = off_the_runtime(move || {
        let grabber = Grabber::new(opened)?;
        grabber
            .grab(Area { x: 0, y: 0, width: 1, height: 1 })
            .map_err(|error| HookError::with_source("no pixel can be captured", error))?;
        Ok::<_, HookError>(grabber)
    })
    .await??;
    let shortcoming = grabber.shortcoming();
    out.send(Observation::Screens(Arc::new(grabber)), out.now()).await;
    out.shortcoming(shortcoming);
    loop {
        while connection.next_event()?.is_some() {}
        readiness.wait().await?;
    }
}

/// How pixels get from the server to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    SharedMemory,
    Socket,
}

/// Whether the server knows of monitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Monitors {
    Listed,
    WholeScreen,
}

struct Grabber {
    connection: Connection,
    properties: Properties,
    pixels: PixelFormat,
    transfer: Transfer,
    monitors: Monitors,
}

impl Grabber {
    fn new(connection: Connection) -> Result<Self, HookError> {
        let pixels = PixelFormat::of(&connection)?;
        let properties = Properties::new(&connection)?;
        let x = &*connection.x;
        let has = |name| x.extension_information(name).map(|known| known.is_some()).map_err(gone);
        let transfer = if has(shm::X11_EXTENSION_NAME)? {
            let version = reply(x.shm_query_version().map_err(gone)?.reply())?;
            // File descriptors came with version 1.2.
            match version.map(|v| (v.major_version, v.minor_version)) {
                Some(version) if version >= (1, 2) => Transfer::SharedMemory,
                _ => Transfer::Socket,
            }
        } else {
            Transfer::Socket
        };
        let monitors = if has(randr::X11_EXTENSION_NAME)? {
            let version = reply(x.randr_query_version(1, 5).map_err(gone)?.reply())?;
            match version.map(|v| (v.major_version, v.minor_version)) {
                Some(version) if version >= (1, 5) => Monitors::Listed,
                _ => Monitors::WholeScreen,
            }
        } else {
            Monitors::WholeScreen
        };
        let mut grabber = Self { connection, properties, pixels, transfer, monitors };
        let pixel = Area { x: 0, y: 0, width: 1, height: 1 };
        if grabber.transfer == Transfer::SharedMemory && grabber.shared(pixel).is_err() {
            grabber.transfer = Transfer::Socket;
        }
        Ok(grabber)
    }

    fn shortcoming(&self) -> Option<String> {
        let whole = "the X display does not list its monitors, so they are captured as one";
        (self.monitors == Monitors::WholeScreen).then(|| whole.to_owned())
    }

    fn whole_screen(&self) -> Result<Area, GrabError> {
        let cookie = self.connection.x.get_geometry(self.connection.root()).map_err(lost)?;
        let geometry = cookie.reply().map_err(refused)?;
        Ok(Area { x: 0, y: 0, width: geometry.width.into(), height: geometry.height.into() })
    }

    fn shared(&self, area: Area) -> Result<Frame, GrabError> {
        let (x, y, width, height) = rectangle(area)?;
        let size = self.pixels.row_bytes(area.width) * area.height as usize;
        let memory = memfd_create("devpulse-screen", MemfdFlags::CLOEXEC).map_err(no_memory)?;
        ftruncate(&memory, size as u64).map_err(no_memory)?;
        let servers: OwnedFd = memory.try_clone().map_err(no_memory)?;
        let server = &*self.connection.x;
        let segment = server
            .generate_id()
            .map_err(|error| GrabError::with_source("the X display is out of ids", error))?;
        let attached = server.shm_attach_fd(segment, servers, false).map_err(lost)?;
        let image = server
            .shm_get_image(
                self.connection.root(),
                x,
                y,
                width,
                height,
                ALL_PLANES,
                ImageFormat::Z_PIXMAP.into(),
                segment,
                0,
            )
            .map_err(lost)?;
        let attached = attached.check();
        let image = image.reply();
        server.shm_detach(segment).map_err(lost)?.ignore_error();
        server.flush().map_err(lost)?;
        attached.map_err(refused)?;
        self.pixels.check(image.map_err(refused)?.depth)?;
        self.pixels.read(&File::from(memory), area)
    }

    fn through_socket(&self, area: Area) -> Result<Frame, GrabError> {
        let (x, y, width, height) = rectangle(area)?;
        let root = self.connection.root();
        let image = self
            .connection
            .x
            .get_image(ImageFormat::Z_PIXMAP, root, x, y, width, height, ALL_PLANES)
            .map_err(lost)?
            .reply()
            .map_err(refused)?;
        self.pixels.check(image.depth)?;
        let mut rgb = Vec::with_capacity(area.width as usize * area.height as usize * 3);
        let row = self.pixels.row_bytes(area.width);
        for row in image.data.chunks_exact(row).take(area.height as usize) {
            self.pixels.append_rgb(row, area.width, &mut rgb);
        }
        Ok(Frame { width: area.width, height: area.height, rgb })
    }
}

impl ScreenGrabber for Grabber {
    fn monitors(&self) -> Result<Vec<Area>, GrabError> {
        if self.monitors == Monitors::Listed {
            let cookie =
                self.connection.x.randr_get_monitors(self.connection.root(), true).map_err(lost)?;
            let listed: Vec<Area> = cookie
                .reply()
                .map_err(refused)?
                .monitors
                .into_iter()
                .filter(|monitor| monitor.width > 0 && monitor.height > 0)
                .map(|monitor| Area {
                    x: monitor.x.into(),
                    y: monitor.y.into(),
                    width: monitor.width.into(),
                    height: monitor.height.into(),
                })
                .collect();
            if !listed.is_empty() {
                return Ok(listed);
            }
        }
        Ok(vec![self.whole_screen()?])
    }

    fn grab(&self, monitor: Area) -> Result<Frame, GrabError> {
        match self.transfer {
            Transfer::SharedMemory => self.shared(monitor),
            Transfer::Socket => self.through_socket(monitor),
        }
    }

    fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError> {
        windows::visible(&self.connection, &self.properties)
            .map_err(|error| GrabError::with_source("the windows cannot be listed", error))
    }
}

/// How the server lays out a pixel of the root window.
#[derive(Clone, Copy, Debug)]
struct PixelFormat {
    depth: u8,
    order: ImageOrder,
    /// How far each of red, green and blue is shifted.
    shifts: [u32; 3],
    row_unit: usize,
}

impl PixelFormat {
    fn of(connection: &Connection) -> Result<Self, HookError> {
        let screen = connection.screen();
        let setup = connection.x.setup();
        let depth = screen.root_depth;
        let unsupported =
            || HookError::new(format!("screens with {depth} bits a pixel are not captured"));
        let visual: &Visualtype = screen
            .allowed_depths
            .iter()
            .flat_map(|depth| &depth.visuals)
            .find(|visual| visual.visual_id == screen.root_visual)
            .ok_or_else(unsupported)?;
        let format = setup
            .pixmap_formats
            .iter()
            .find(|format| format.depth == depth && format.bits_per_pixel == 32)
            .ok_or_else(unsupported)?;
        let masks = [visual.red_mask, visual.green_mask, visual.blue_mask];
        if masks.iter().any(|mask| mask.count_ones() != 8 || mask >> mask.trailing_zeros() != 255) {
            return Err(unsupported());
        }
        Ok(Self {
            depth,
            order: setup.image_byte_order,
            shifts: masks.map(u32::trailing_zeros),
            row_unit: usize::from(format.scanline_pad.max(8)) / 8,
        })
    }

    fn row_bytes(&self, width: u32) -> usize {
        (width as usize * 4).next_multiple_of(self.row_unit)
    }

    fn check(&self, depth: u8) -> Result<(), GrabError> {
        if depth == self.depth {
            Ok(())
        } else {
            Err(GrabError::new("the X display changed its pixels"))
        }
    }

    /// Reads an image band by band, so that its pixels are in memory once.
    fn read(&self, memory: &File, area: Area) -> Result<Frame, GrabError> {
        let mut rgb = room_for_pixels(area.width as usize * area.height as usize * 3);
        let row = self.row_bytes(area.width);
        let mut band = vec![0; row * (BAND / row).max(1)];
        let size = row * area.height as usize;
        let mut offset = 0;
        while offset < size {
            let length = band.len().min(size - offset);
            memory.read_exact_at(&mut band[..length], offset as u64).map_err(no_memory)?;
            for row in band[..length].chunks_exact(row) {
                self.append_rgb(row, area.width, &mut rgb);
            }
            offset += length;
        }
        Ok(Frame { width: area.width, height: area.height, rgb })
    }

    fn append_rgb(&self, row: &[u8], width: u32, rgb: &mut Vec<u8>) {
        let pixels = row.as_chunks::<4>().0.iter().take(width as usize);
        if self.order == ImageOrder::LSB_FIRST && self.shifts == [16, 8, 0] {
            // Into room that is there already, so that no pixel has to look for it.
            let start = rgb.len();
            rgb.resize(start + pixels.len() * 3, 0);
            let places = rgb[start..].as_chunks_mut::<3>().0.iter_mut();
            for (place, [blue, green, red, _]) in places.zip(pixels) {
                *place = [*red, *green, *blue];
            }
            return;
        }
        rgb.extend(pixels.flat_map(|bytes| {
            let pixel = match self.order {
                ImageOrder::LSB_FIRST => u32::from_le_bytes(*bytes),
                _ => u32::from_be_bytes(*bytes),
            };
            self.shifts.map(|shift| (pixel >> shift) as u8)
        }));
    }
}

fn rectangle(area: Area) -> Result<(i16, i16, u16, u16), GrabError> {
    let fits = || {
        Some((
            area.x.try_into().ok()?,
            area.y.try_into().ok()?,
            area.width.try_into().ok()?,
            area.height.try_into().ok()?,
        ))
    };
    fits().ok_or_else(|| GrabError::new("the monitor is larger than X11 allows"))
}

fn lost(error: x11rb::errors::ConnectionError) -> GrabError {
    GrabError::with_source("the X display is gone", error)
}

fn refused(error: x11rb::errors::ReplyError) -> GrabError {
    GrabError::with_source("the X display refused the image", error)
}

fn no_memory(error: impl Into<std::io::Error>) -> GrabError {
    GrabError::with_source("there is no memory for the image", error.into())
}
