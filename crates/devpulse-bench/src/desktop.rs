//! A virtual desktop with work on it: two terminals full of text, a picture, and a mark that
//! changes so that no two looks at the screen are the same.

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use devpulse_lab::wait;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use x11rb::connection::Connection as _;
use x11rb::protocol::shm::ConnectionExt as _;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeGCAux, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask,
    ImageFormat, PropMode, Rectangle, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::programs;
use crate::suite::Bench;

const DEPTH: u8 = 24;
const PICTURE: [u16; 2] = [900, 520];

/// An X server with a window manager, and a client that makes windows on it.
pub(crate) struct VirtualDesktop {
    x: RustConnection,
    root: Window,
    size: [u16; 2],
    display: String,
    colour: std::cell::Cell<u32>,
    mark: Option<Window>,
    windows: Vec<Window>,
    _programs: Vec<Ended>,
}

/// A process that ends with its owner.
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl VirtualDesktop {
    /// Starts one of this size with a window manager and nothing else on it.
    pub(crate) fn start(_bench: &Bench, width: u16, height: u16) -> Result<Self> {
        programs::need(&["Xvfb", "openbox", "xterm"])?;
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0"])
            .arg(format!("{width}x{height}x{DEPTH}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb does not start")?;
        let mut line = String::new();
        let said = server.stdout.take().context("Xvfb says nothing")?;
        let server = Ended(server);
        BufReader::new(said).read_line(&mut line).context("Xvfb says nothing")?;
        let display = format!(":{}", line.trim());
        let (x, screen) = RustConnection::connect(Some(&display)).context("no X display")?;
        let root = x.setup().roots[screen].root;
        let mut programs = vec![server];
        let manager = spawn("openbox", &["--sm-disable", "--config-file", "/dev/null"], &display)?;
        programs.insert(0, manager);
        let (size, colour) = ([width, height], std::cell::Cell::new(0));
        let (mark, windows) = (None, Vec::new());
        let desktop = Self { x, root, size, display, colour, mark, windows, _programs: programs };
        let check = desktop.atom("_NET_SUPPORTING_WM_CHECK")?;
        wait("openbox manages", || desktop.window_of(check));
        Ok(desktop)
    }

    /// The same, with work on it; `text` is what the terminals show.
    pub(crate) fn at_work(bench: &Bench, text: &Path) -> Result<Self> {
        let mut desktop = Self::start(bench, 1920, 1080)?;
        let show = format!("cat '{}'; exec sleep 1000000", text.display());
        for place in ["100x36+20+30", "120x34+700+520"] {
            let terminal = ["-geometry", place, "-e", "sh", "-c", &show];
            desktop._programs.insert(0, spawn("xterm", &terminal, &desktop.display)?);
        }
        let clients = desktop.atom("_NET_CLIENT_LIST")?;
        wait("the terminals are there", || (desktop.windows_of(clients).len() == 2).then_some(()));
        let picture = desktop.picture()?;
        desktop.window("Picture", [980, 40, PICTURE[0], PICTURE[1]], Some(picture))?;
        desktop.window("Mark", [60, 820, 400, 120], None)?;
        desktop.mark = desktop.windows.last().copied();
        desktop.settle()?;
        Ok(desktop)
    }

    /// What `DISPLAY` is on it.
    pub(crate) fn display(&self) -> &str {
        &self.display
    }

    /// Changes what the screen shows.
    pub(crate) fn change(&self) -> Result<()> {
        let Some(mark) = self.mark else { bail!("there is no mark on this desktop") };
        self.colour.set(self.colour.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        self.paint(mark, self.colour.get() & 0x00ff_ffff)
    }

    /// Gives the focus to one of its own windows, the next one each time.
    pub(crate) fn switch(&self, number: usize) -> Result<()> {
        let window = self.windows[number % self.windows.len()];
        let active = self.atom("_NET_ACTIVE_WINDOW")?;
        let message = ClientMessageEvent::new(32, window, active, [2, 0, 0, 0, 0]);
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.x.send_event(false, self.root, mask, message)?;
        self.x.sync()?;
        Ok(())
    }

    /// Milliseconds that it takes to get the pixels into shared memory, so many times.
    pub(crate) fn grabs(&self, count: usize) -> Result<Vec<f64>> {
        let [width, height] = self.size;
        let bytes = usize::from(width) * usize::from(height) * 4;
        let memory = memfd_create("devpulse-bench", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, bytes as u64)?;
        let segment = self.x.generate_id()?;
        let servers: OwnedFd = memory.try_clone()?;
        self.x.shm_attach_fd(segment, servers, false)?.check().context("no shared memory")?;
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let format = ImageFormat::Z_PIXMAP.into();
            let begun = Instant::now();
            self.x
                .shm_get_image(self.root, 0, 0, width, height, !0, format, segment, 0)?
                .reply()
                .context("no image of the screen")?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        self.x.shm_detach(segment)?.check().context("no shared memory")?;
        Ok(took)
    }

    /// Waits until the screen shows the same for a while.
    fn settle(&self) -> Result<()> {
        let look = || -> Result<Vec<u8>> {
            let [width, height] = self.size;
            let format = ImageFormat::Z_PIXMAP;
            Ok(self.x.get_image(format, self.root, 0, 0, width, height, !0)?.reply()?.data)
        };
        let mut before = look()?;
        let mut alike = 0;
        wait("the screen shows what it is to show", || {
            let now = look().ok()?;
            alike = if now == before { alike + 1 } else { 0 };
            before = now;
            (alike >= 10).then_some(())
        });
        Ok(())
    }

    fn window(&mut self, class: &str, place: [u16; 4], picture: Option<u32>) -> Result<()> {
        let id = self.x.generate_id()?;
        let aux = CreateWindowAux::new();
        let aux = match picture {
            Some(picture) => aux.background_pixmap(picture),
            None => aux.background_pixel(0x0030_6090),
        };
        let [x, y, width, height] = place;
        let (x, y) = (i16::try_from(x)?, i16::try_from(y)?);
        let kind = WindowClass::INPUT_OUTPUT;
        self.x.create_window(DEPTH, id, self.root, x, y, width, height, 0, kind, 0, &aux)?;
        let names = format!("{}\0{class}\0", class.to_lowercase());
        let (replace, string) = (PropMode::REPLACE, AtomEnum::STRING);
        self.x.change_property8(replace, id, AtomEnum::WM_CLASS, string, names.as_bytes())?;
        let title = format!("{class} of a desk at work");
        self.x.change_property8(replace, id, AtomEnum::WM_NAME, string, title.as_bytes())?;
        // The place is asked for, and not left to the window manager.
        let hints = [1_u32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let (normal, kind) = (AtomEnum::WM_NORMAL_HINTS, AtomEnum::WM_SIZE_HINTS);
        self.x.change_property32(replace, id, normal, kind, &hints)?;
        self.x.map_window(id)?;
        self.x.sync()?;
        let active = self.atom("_NET_ACTIVE_WINDOW")?;
        wait("the new window is active", || self.window_of(active).filter(|&found| found == id));
        self.windows.push(id);
        Ok(())
    }

    /// A pixmap with what a photograph is to an encoder: soft shapes, and some grain.
    fn picture(&self) -> Result<u32> {
        let [width, height] = PICTURE;
        let pixmap = self.x.generate_id()?;
        self.x.create_pixmap(DEPTH, pixmap, self.root, width, height)?;
        let gc = self.x.generate_id()?;
        self.x.create_gc(gc, pixmap, &Default::default())?;
        let mut grain = 1_u32;
        let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 4);
        for y in 0..height {
            for x in 0..width {
                grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (fx, fy) = (f64::from(x) / 90.0, f64::from(y) / 70.0);
                let soft = (fx + (fy * 0.7).sin()).sin() + (fy * 1.3 - fx * 0.4).cos();
                let shade = soft * 45.0 + f64::from(grain >> 29);
                let of = |base: f64| (base + shade).clamp(0.0, 255.0) as u8;
                pixels.extend([of(150.0), of(120.0), of(105.0), 0]);
            }
        }
        let format = ImageFormat::Z_PIXMAP;
        self.x.put_image(format, pixmap, gc, width, height, 0, 0, 0, DEPTH, &pixels)?;
        self.x.sync()?;
        Ok(pixmap)
    }

    fn paint(&self, window: Window, colour: u32) -> Result<()> {
        let gc = self.x.generate_id()?;
        self.x.create_gc(gc, window, &Default::default())?;
        self.x.change_gc(gc, &ChangeGCAux::new().foreground(colour))?;
        let everything = Rectangle { x: 0, y: 0, width: 2000, height: 2000 };
        self.x.poly_fill_rectangle(window, gc, &[everything])?;
        self.x.free_gc(gc)?;
        self.x.sync()?;
        Ok(())
    }

    fn atom(&self, name: &str) -> Result<u32> {
        Ok(self.x.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }

    fn window_of(&self, atom: u32) -> Option<Window> {
        self.windows_of(atom).first().copied()
    }

    fn windows_of(&self, atom: u32) -> Vec<Window> {
        let property = self.x.get_property(false, self.root, atom, AtomEnum::WINDOW, 0, 64);
        let property = property.ok().and_then(|asked| asked.reply().ok());
        property.and_then(|found| Some(found.value32()?.collect())).unwrap_or_default()
    }
}

fn spawn(program: &str, arguments: &[&str], display: &str) -> Result<Ended> {
    // The window manager complains about its empty configuration.
    let errors = if program == "openbox" { Stdio::null() } else { Stdio::inherit() };
    let child = Command::new(program)
        .args(arguments)
        .env("DISPLAY", display)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .with_context(|| format!("{program} does not start"))?;
    Ok(Ended(child))
}
