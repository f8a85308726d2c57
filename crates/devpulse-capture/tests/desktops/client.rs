//! A client of a Wayland compositor that shows windows of one colour and makes input.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::{
    wl_buffer::WlBuffer, wl_compositor::WlCompositor, wl_registry::WlRegistry, wl_shm::Format,
    wl_shm::WlShm, wl_shm_pool::WlShmPool, wl_surface::WlSurface,
};
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, delegate_noop};
use wayland_protocols::wp::idle_inhibit::zv1::client::zwp_idle_inhibit_manager_v1::ZwpIdleInhibitManagerV1;
use wayland_protocols::wp::idle_inhibit::zv1::client::zwp_idle_inhibitor_v1::ZwpIdleInhibitorV1;
use wayland_protocols::xdg::shell::client::xdg_surface::{self, XdgSurface};
use wayland_protocols::xdg::shell::client::xdg_toplevel::{self, XdgToplevel};
use wayland_protocols::xdg::shell::client::xdg_wm_base::{self, XdgWmBase};
use wayland_protocols_plasma::fake_input::client::org_kde_kwin_fake_input::OrgKdeKwinFakeInput;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1;
use wayland_protocols_wlr::virtual_pointer::v1::client::zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1;

const DEADLINE: Duration = Duration::from_secs(20);

/// A client with any number of windows.
pub(crate) struct Client {
    queue: EventQueue<Seen>,
    seen: Seen,
    compositor: WlCompositor,
    memory: WlShm,
    shell: XdgWmBase,
    input: Input,
    films: Option<ZwpIdleInhibitManagerV1>,
    film: Option<ZwpIdleInhibitorV1>,
    windows: Vec<(XdgToplevel, WlSurface)>,
}

/// How this compositor lets a program make input.
enum Input {
    Pointer(ZwlrVirtualPointerV1),
    Fake(OrgKdeKwinFakeInput),
    /// By asking for it elsewhere.
    Asked(UnboundedSender<()>),
}

#[derive(Default)]
struct Seen {
    configured: u32,
    size: Option<[i32; 2]>,
}

impl Client {
    /// Connects once the compositor offers everything, which it may do after it answers. Input
    /// is made by `asked` where that is given.
    pub(crate) async fn connect(socket: &Path, asked: Option<UnboundedSender<()>>) -> Self {
        let begun = Instant::now();
        loop {
            if let Some(client) = Self::try_connect(socket, asked.clone()) {
                return client;
            }
            assert!(begun.elapsed() < DEADLINE, "the compositor takes no input");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn try_connect(socket: &Path, asked: Option<UnboundedSender<()>>) -> Option<Self> {
        let connection = Connection::from_socket(UnixStream::connect(socket).unwrap()).unwrap();
        let (globals, queue) = registry_queue_init::<Seen>(&connection).unwrap();
        let handle = queue.handle();
        let pointers: Result<ZwlrVirtualPointerManagerV1, _> = globals.bind(&handle, 1..=1, ());
        let input = match (asked, pointers) {
            (Some(asked), _) => Input::Asked(asked),
            (None, Ok(pointers)) => {
                Input::Pointer(pointers.create_virtual_pointer(None, &handle, ()))
            }
            (None, Err(_)) => {
                let fake: OrgKdeKwinFakeInput = globals.bind(&handle, 1..=1, ()).ok()?;
                fake.authenticate("tests".to_owned(), "to show what input does".to_owned());
                Input::Fake(fake)
            }
        };
        Some(Self {
            seen: Seen::default(),
            compositor: globals.bind(&handle, 1..=4, ()).unwrap(),
            memory: globals.bind(&handle, 1..=1, ()).unwrap(),
            shell: globals.bind(&handle, 1..=1, ()).unwrap(),
            input,
            films: globals.bind(&handle, 1..=1, ()).ok(),
            film: None,
            windows: Vec::new(),
            queue,
        })
    }

    /// Shows a window of one colour, which then has the focus, and returns its number.
    pub(crate) fn window(&mut self, app: &str, title: &str, colour: [u8; 3]) -> usize {
        let handle = self.queue.handle();
        let surface = self.compositor.create_surface(&handle, ());
        let shown = self.shell.get_xdg_surface(&surface, &handle, ());
        let toplevel = shown.get_toplevel(&handle, ());
        toplevel.set_app_id(app.to_owned());
        toplevel.set_title(title.to_owned());
        surface.commit();
        let before = self.seen.configured;
        let begun = Instant::now();
        while self.seen.configured == before {
            assert!(begun.elapsed() < DEADLINE, "the window is not configured");
            self.queue.roundtrip(&mut self.seen).unwrap();
        }
        let [width, height] = self.seen.size.unwrap_or([400, 300]);
        let buffer = self.filled(width, height, colour);
        surface.attach(Some(&buffer), 0, 0);
        surface.damage(0, 0, width, height);
        surface.commit();
        if let (Input::Asked(_), Some((before, _))) = (&self.input, self.windows.last()) {
            // GNOME leaves the focus where it was, as if the person had not asked for the window.
            before.set_minimized();
        }
        self.sync();
        self.windows.push((toplevel, surface));
        self.windows.len() - 1
    }

    pub(crate) fn set_title(&mut self, window: usize, title: &str) {
        self.windows[window].0.set_title(title.to_owned());
        self.sync();
    }

    /// Moves the pointer by a pixel and back, which is input.
    pub(crate) fn input(&mut self) {
        for step in [1.0, -1.0] {
            match &self.input {
                Input::Pointer(pointer) => {
                    pointer.motion(0, step, 0.0);
                    pointer.frame();
                }
                Input::Fake(fake) => fake.pointer_motion(step, 0.0),
                Input::Asked(asked) => asked.send(()).unwrap(),
            }
        }
        self.sync();
    }

    /// The last window shows a film, which keeps the screen awake, or it is over.
    pub(crate) fn film(&mut self, runs: bool) {
        if let Some(film) = self.film.take() {
            film.destroy();
        }
        if runs {
            let (_, surface) = self.windows.last().unwrap();
            let films = self.films.as_ref().unwrap();
            self.film = Some(films.create_inhibitor(surface, &self.queue.handle(), ()));
        }
        self.sync();
    }

    /// Returns once the compositor has heard everything.
    fn sync(&mut self) {
        self.queue.roundtrip(&mut self.seen).unwrap();
    }

    fn filled(&self, width: i32, height: i32, [red, green, blue]: [u8; 3]) -> WlBuffer {
        let mut file: File = tempfile::tempfile().unwrap();
        let pixels = [blue, green, red, 255].repeat((width * height) as usize);
        file.write_all(&pixels).unwrap();
        let handle = self.queue.handle();
        let pool = self.memory.create_pool(file.as_fd(), width * height * 4, &handle, ());
        pool.create_buffer(0, width, height, width * 4, Format::Xrgb8888, &handle, ())
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Seen {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: <WlRegistry as wayland_client::Proxy>::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

impl Dispatch<XdgWmBase, ()> for Seen {
    fn event(
        _: &mut Self,
        shell: &XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            shell.pong(serial);
        }
    }
}

impl Dispatch<XdgSurface, ()> for Seen {
    fn event(
        seen: &mut Self,
        surface: &XdgSurface,
        event: xdg_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            surface.ack_configure(serial);
            seen.configured += 1;
        }
    }
}

impl Dispatch<XdgToplevel, ()> for Seen {
    fn event(
        seen: &mut Self,
        _: &XdgToplevel,
        event: xdg_toplevel::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_toplevel::Event::Configure { width, height, .. } = event {
            seen.size = (width > 0 && height > 0).then_some([width, height]);
        }
    }
}

delegate_noop!(Seen: ignore WlCompositor);
delegate_noop!(Seen: ignore WlShm);
delegate_noop!(Seen: ignore WlShmPool);
delegate_noop!(Seen: ignore WlBuffer);
delegate_noop!(Seen: ignore WlSurface);
delegate_noop!(Seen: ignore ZwpIdleInhibitManagerV1);
delegate_noop!(Seen: ignore ZwpIdleInhibitorV1);
delegate_noop!(Seen: ignore OrgKdeKwinFakeInput);
delegate_noop!(Seen: ignore ZwlrVirtualPointerManagerV1);
delegate_noop!(Seen: ignore ZwlrVirtualPointerV1);
