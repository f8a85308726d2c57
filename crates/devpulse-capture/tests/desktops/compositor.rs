//! A real compositor without a screen, in a folder of its own.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::gnome;

const DEADLINE: Duration = Duration::from_secs(30);

/// Whom a test runs as that is started by root.
const NOBODY: u32 = 65534;

/// What each calls its display.
pub(crate) const DISPLAY: &str = "wayland-1";

/// Where the programs lie that a test run as somebody else may start.
const PROGRAMS: &str = "DEVPULSE_TEST_PROGRAMS";

const SWAY_CONFIG: &str = "xwayland disable\ndefault_border normal\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sway,
    KWin,
    /// KWin that asks who may capture its screens.
    StrictKWin,
    Gnome,
    /// GNOME as it comes, without the extension.
    PlainGnome,
}

/// A compositor; killed when dropped.
pub(crate) struct Compositor {
    kind: Kind,
    folder: tempfile::TempDir,
    session_bus: String,
    size: [u32; 2],
    process: Option<Child>,
}

impl Compositor {
    /// `None`, said on stderr, where nobody asks for compositors.
    pub(crate) async fn start(kind: Kind, session_bus: &str, size: [u32; 2]) -> Option<Self> {
        if std::env::var_os("DEVPULSE_REQUIRE_WAYLAND").is_none() {
            eprintln!("skipped: DEVPULSE_REQUIRE_WAYLAND is not set");
            return None;
        }
        let program = program(kind).unwrap_or_else(|| panic!("{kind:?} is not installed"));
        let folder = tempfile::tempdir().unwrap();
        let [width, height] = size;
        match kind {
            Kind::Sway => {
                let config = format!("{SWAY_CONFIG}output * resolution {width}x{height}\n");
                std::fs::write(folder.path().join("sway.conf"), config).unwrap();
            }
            Kind::KWin | Kind::StrictKWin => {
                // Debian's file bears a capability that a container refuses; a copy bears none.
                std::fs::copy(program, folder.path().join("kwin_wayland")).unwrap();
            }
            Kind::Gnome => gnome::furnish(folder.path(), true),
            Kind::PlainGnome => gnome::furnish(folder.path(), false),
        }
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
        let session_bus = session_bus.to_owned();
        let mut compositor = Self { kind, folder, session_bus, size, process: None };
        compositor.run().await;
        Some(compositor)
    }

    /// Starts it, again where it was killed, and returns once it takes connections.
    pub(crate) async fn run(&mut self) {
        let folder = self.folder.path();
        let mut command = match self.kind {
            Kind::Sway => {
                let mut command = Command::new("sway");
                command.arg("--config").arg(folder.join("sway.conf"));
                command.env("WLR_BACKENDS", "headless").env("WLR_RENDERER", "pixman");
                command.env("WLR_LIBINPUT_NO_DEVICES", "1").env("SWAYSOCK", self.sway_socket());
                std::fs::remove_file(self.sway_socket()).ok();
                command
            }
            Kind::KWin | Kind::StrictKWin => {
                let mut command = Command::new(folder.join("kwin_wayland"));
                let [width, height] = self.size.map(|length| length.to_string());
                command.args(["--virtual", "--width", &width, "--height", &height]);
                command.args(["--no-lockscreen", "--socket", DISPLAY]);
                command.env("KWIN_COMPOSE", "O2").env("LIBGL_ALWAYS_SOFTWARE", "1");
                if self.kind == Kind::KWin {
                    command.env("KWIN_WAYLAND_NO_PERMISSION_CHECKS", "1");
                    command.env("KWIN_SCREENSHOT_NO_PERMISSION_CHECKS", "1");
                }
                command
            }
            Kind::Gnome | Kind::PlainGnome => {
                let mut command = Command::new("gnome-shell");
                let [width, height] = self.size;
                command.args(["--headless", "--wayland", "--no-x11", "--wayland-display"]);
                command.args([DISPLAY, "--virtual-monitor", &format!("{width}x{height}")]);
                command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("GSETTINGS_BACKEND", "keyfile");
                command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.session_bus);
                // These outlive it where it is killed.
                std::fs::remove_file(self.socket()).ok();
                command
            }
        };
        command.env("XDG_RUNTIME_DIR", folder).env("HOME", folder);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.session_bus);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output()).current_dir("/");
        self.process = Some(command.spawn().unwrap());
        self.answers().await;
        if matches!(self.kind, Kind::Gnome | Kind::PlainGnome) {
            gnome::settle(&self.session_bus).await;
        }
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn session_bus(&self) -> &str {
        &self.session_bus
    }

    /// The folder of the session's sockets.
    pub(crate) fn runtime_dir(&self) -> &Path {
        self.folder.path()
    }

    async fn answers(&mut self) {
        let begun = Instant::now();
        let mut sockets = vec![self.socket()];
        sockets.extend((self.kind == Kind::Sway).then(|| self.sway_socket()));
        while sockets.iter().any(|socket| UnixStream::connect(socket).is_err()) {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{:?} ended: {ended:?}", self.kind);
            assert!(begun.elapsed() < DEADLINE, "{:?} does not start", self.kind);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(DISPLAY)
    }

    pub(crate) fn sway_socket(&self) -> PathBuf {
        self.folder.path().join("sway.sock")
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What compositors say matters only to whoever looks for a fault.
fn output() -> Stdio {
    match std::env::var_os("DEVPULSE_TEST_OUTPUT") {
        Some(_) => Stdio::inherit(),
        None => Stdio::null(),
    }
}

fn program(kind: Kind) -> Option<PathBuf> {
    let name = match kind {
        Kind::Sway => "sway",
        Kind::KWin | Kind::StrictKWin => "kwin_wayland",
        Kind::Gnome | Kind::PlainGnome => "gnome-shell",
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| Path::is_file(file))
}

/// Runs the test anew from a copy of its program, with copies of the other programs that it
/// starts, and returns whether that was done.
///
/// Compositors refuse to run as root, so that a test which root started goes on as somebody else.
/// And KWin reads the whole program of each client, twice: most of a test's is debugging
/// information, for which it stands still for seconds.
pub(crate) fn ran_anew(programs: &[&str]) -> bool {
    let asked = std::env::var_os("DEVPULSE_REQUIRE_WAYLAND").is_some();
    if !asked || std::env::var_os(PROGRAMS).is_some() {
        return false;
    }
    let name = std::thread::current().name().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let test = std::env::current_exe().unwrap();
    for program in programs.iter().map(Path::new).chain([test.as_path()]) {
        let copy = folder.path().join(program.file_name().unwrap());
        std::fs::copy(program, &copy).unwrap();
        // Where there is no `strip`, all takes longer.
        Command::new("strip").arg(&copy).status().ok();
    }
    let mut command = Command::new(folder.path().join(test.file_name().unwrap()));
    command.args(["--exact", &name, "--nocapture"]).current_dir("/");
    command.env(PROGRAMS, folder.path());
    command.env("HOME", "/nonexistent").env_remove("XDG_RUNTIME_DIR").env_remove("TMPDIR");
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let status = command.status().unwrap();
    assert!(status.success(), "{name} failed when run anew");
    true
}

/// Where this program lies for the test as it is run now.
pub(crate) fn reachable(program: &str) -> PathBuf {
    match std::env::var_os(PROGRAMS) {
        Some(folder) => Path::new(&folder).join(Path::new(program).file_name().unwrap()),
        None => PathBuf::from(program),
    }
}
