//! A virtual desktop, and a client that makes windows on it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use devpulse_capture::Desktop;
use rustix::process::{Pid, Signal, kill_process};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeGCAux, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _,
    CreateWindowAux, EventMask, InputFocus, MOTION_NOTIFY_EVENT, PropMode, StackMode, Window,
    WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const DEADLINE: Duration = Duration::from_secs(10);

/// Who manages the windows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowManager {
    None,
    Openbox,
}

/// An X server of its own, 1280 by 600.
pub(crate) struct VirtualDesktop {
    server: Killed,
    display: String,
    _manager: Option<Killed>,
}

/// A process that ends with its owner.
pub(crate) struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl VirtualDesktop {
    /// `None`, said on stderr, where a program is missing and nobody insists.
    pub(crate) fn start(manager: WindowManager) -> Option<Self> {
        let missing = ["Xvfb", "openbox", "xrandr"].into_iter().find(|program| !exists(program));
        if let Some(program) = missing {
            assert!(
                std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
                "{program} is not installed"
            );
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        let (server, number) = start_server(None);
        let display = format!(":{number}");
        let mut desktop = Self { server, display, _manager: None };
        if manager == WindowManager::Openbox {
            desktop._manager = Some(desktop.start_openbox());
        }
        Some(desktop)
    }

    pub(crate) fn desktop(&self) -> Desktop {
        Desktop { display: Some(self.display.clone()), ..Desktop::default() }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.display)
    }

    /// Starts the window manager, and returns once it manages.
    pub(crate) fn start_openbox(&self) -> Killed {
        let openbox = Command::new("openbox")
            .args(["--sm-disable", "--config-file", "/dev/null"])
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = self.client();
        let check = client.atom("_NET_SUPPORTING_WM_CHECK");
        until("openbox manages", || client.window_property(check).is_some());
        Killed(openbox)
    }

    /// Two monitors side by side.
    pub(crate) fn split_monitors(&self) {
        self.set_monitors(&["640/170x600/160+0+0", "640/170x600/160+640+0"]);
    }

    /// Monitors of these sizes, in pixels and millimetres, at these places. The first one
    /// stands for the output.
    pub(crate) fn set_monitors(&self, geometries: &[&str]) {
        for (number, geometry) in geometries.iter().enumerate() {
            let output = if number == 0 { "screen" } else { "none" };
            let status = Command::new("xrandr")
                .args(["--display", &self.display, "--setmonitor"])
                .args([&format!("monitor{number}"), *geometry, output])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(status.success());
        }
    }

    /// Asks the window manager to activate the window, and returns once it has.
    pub(crate) fn focus(&self, window: &TestWindow<'_>) {
        window.client.activate(window.id);
    }

    pub(crate) fn kill_server(&mut self) {
        self.server.0.kill().unwrap();
        self.server.0.wait().unwrap();
    }

    /// The server answers nothing until [`VirtualDesktop::wake_server`].
    pub(crate) fn stop_server(&self) {
        self.signal_server(Signal::STOP);
    }

    pub(crate) fn wake_server(&self) {
        self.signal_server(Signal::CONT);
    }

    fn signal_server(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.server.0), signal).unwrap();
    }

    /// Starts the server again under the same number.
    pub(crate) fn restart_server(&mut self) {
        let number = self.display.trim_start_matches(':').to_owned();
        self.server = start_server(Some(&number)).0;
    }
}

/// Starts a server, and returns once it takes connections.
fn start_server(number: Option<&str>) -> (Killed, String) {
    let mut command = Command::new("Xvfb");
    if let Some(number) = number {
        command.arg(format!(":{number}"));
    }
    let mut server = command
        .args(["-displayfd", "1", "-screen", "0", "1280x600x24", "-nolisten", "tcp", "-noreset"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.trim().is_empty(), "Xvfb did not start");
    (Killed(server), line.trim().to_owned())
}

fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// A client of the X server.
pub(crate) struct Client {
    x: RustConnection,
    root: Window,
}

impl Client {
    fn connect(display: &str) -> Self {
        let (x, screen) = RustConnection::connect(Some(display)).unwrap();
        let root = x.setup().roots[screen].root;
        Self { x, root }
    }

    /// Makes a window of one colour, and returns once it is on the screen.
    pub(crate) fn window(
        &self,
        class: &str,
        title: &str,
        [x, y, width, height]: [i16; 4],
        colour: [u8; 3],
    ) -> TestWindow<'_> {
        let id = self.x.generate_id().unwrap();
        let aux = CreateWindowAux::new()
            .background_pixel(pixel(colour))
            .event_mask(EventMask::STRUCTURE_NOTIFY | EventMask::EXPOSURE);
        let (width, height) = (width as u16, height as u16);
        self.x
            .create_window(
                24,
                id,
                self.root,
                x,
                y,
                width,
                height,
                0,
                WindowClass::INPUT_OUTPUT,
                0,
                &aux,
            )
            .unwrap();
        let names = format!("{}\0{class}\0", class.to_lowercase());
        self.x
            .change_property8(
                PropMode::REPLACE,
                id,
                AtomEnum::WM_CLASS,
                AtomEnum::STRING,
                names.as_bytes(),
            )
            .unwrap();
        let window = TestWindow { client: self, id };
        if !title.is_empty() {
            window.set_title(title);
        }
        self.x.map_window(id).unwrap();
        self.x.sync().unwrap();
        until("the window is on the screen", || {
            let attributes = self.x.get_window_attributes(id).unwrap().reply().unwrap();
            attributes.map_state == x11rb::protocol::xproto::MapState::VIEWABLE
        });
        let raised = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
        self.x.configure_window(id, &raised).unwrap();
        self.x.sync().unwrap();
        if self.window_property(self.atom("_NET_SUPPORTING_WM_CHECK")).is_some() {
            let active = self.atom("_NET_ACTIVE_WINDOW");
            until("the new window is active", || self.window_property(active) == Some(id));
        }
        window
    }

    /// Moves the pointer by a pixel, which is input.
    pub(crate) fn input(&self) {
        for x in [1, -1] {
            self.x.xtest_fake_input(MOTION_NOTIFY_EVENT, 1, 0, self.root, x, 0, 0).unwrap();
        }
        self.x.sync().unwrap();
    }

    fn activate(&self, window: Window) {
        let active = self.atom("_NET_ACTIVE_WINDOW");
        let message = ClientMessageEvent::new(32, window, active, [2, 0, 0, 0, 0]);
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.x.send_event(false, self.root, mask, message).unwrap();
        self.x.sync().unwrap();
        until("the window is active", || self.window_property(active) == Some(window));
    }

    fn atom(&self, name: &str) -> u32 {
        self.x.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    fn window_property(&self, atom: u32) -> Option<Window> {
        let property = self.x.get_property(false, self.root, atom, AtomEnum::WINDOW, 0, 1).unwrap();
        property.reply().unwrap().value32()?.next()
    }
}

/// A window that goes when it is dropped.
pub(crate) struct TestWindow<'a> {
    client: &'a Client,
    id: Window,
}

impl TestWindow<'_> {
    pub(crate) fn set_title(&self, title: &str) {
        let x = &self.client.x;
        let (name, utf8) = (self.client.atom("_NET_WM_NAME"), self.client.atom("UTF8_STRING"));
        x.change_property8(PropMode::REPLACE, self.id, name, utf8, title.as_bytes()).unwrap();
        x.sync().unwrap();
    }

    pub(crate) fn set_latin1_title(&self, title: &[u8]) {
        let x = &self.client.x;
        x.change_property8(PropMode::REPLACE, self.id, AtomEnum::WM_NAME, AtomEnum::STRING, title)
            .unwrap();
        x.sync().unwrap();
    }

    pub(crate) fn take_input_focus(&self) {
        let x = &self.client.x;
        x.set_input_focus(InputFocus::PARENT, self.id, x11rb::CURRENT_TIME).unwrap();
        x.sync().unwrap();
    }

    pub(crate) fn fill(&self, colour: [u8; 3]) {
        let x = &self.client.x;
        let gc = x.generate_id().unwrap();
        x.create_gc(gc, self.id, &Default::default()).unwrap();
        x.change_gc(gc, &ChangeGCAux::new().foreground(pixel(colour))).unwrap();
        let everything =
            x11rb::protocol::xproto::Rectangle { x: 0, y: 0, width: 2000, height: 2000 };
        x.poly_fill_rectangle(self.id, gc, &[everything]).unwrap();
        x.sync().unwrap();
    }
}

impl Drop for TestWindow<'_> {
    fn drop(&mut self) {
        self.client.x.destroy_window(self.id).ok();
        self.client.x.sync().ok();
    }
}

fn pixel([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}
