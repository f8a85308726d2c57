//! A virtual session: an X server with a window manager, a session bus, a home.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use devpulse_agent::Desktop;
use tempfile::TempDir;

/// The app itself.
pub(crate) const APP: &str = env!("CARGO_BIN_EXE_devpulse-desktop");

/// Longer than anything takes on a machine that is busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Whether somebody asks programs for what they show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    None,
    Listens,
}

/// Everything that a program needs of a session; ended when dropped.
pub(crate) struct Session {
    display: String,
    bus: String,
    home: TempDir,
    locale: Option<&'static str>,
    reader: Reader,
    processes: Vec<Child>,
}

impl Session {
    pub(crate) fn start(further: &[&str]) -> Option<Self> {
        let needed = ["Xvfb", "openbox", "xprop", "xdotool", "dbus-daemon"];
        let missing: Vec<_> =
            needed.iter().chain(further).filter(|name| !is_installed(name)).collect();
        if !missing.is_empty() {
            assert!(
                std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
                "a desktop is required, but {missing:?} are missing"
            );
            eprintln!("skipped: {missing:?} are missing");
            return None;
        }
        let screen = ["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"];
        let (server, number) = tells("Xvfb", &screen);
        let (daemon, bus) = tells("dbus-daemon", &["--session", "--nofork", "--print-address=1"]);
        let home = tempfile::Builder::new().prefix("devpulse session ").tempdir().unwrap();
        let processes = vec![server, daemon];
        let mut session = Self {
            display: format!(":{number}"),
            bus,
            home,
            locale: None,
            reader: Reader::None,
            processes,
        };
        let manager = session.command(Path::new("openbox")).spawn().unwrap();
        session.processes.push(manager);
        let begun = Instant::now();
        while !session.is_managed() {
            assert!(begun.elapsed() < DEADLINE, "the window manager does not come");
            session.keep_managed();
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Some(session)
    }

    /// The session of a person who has the screen read out.
    pub(crate) fn read_out(mut self) -> Self {
        self.reader = Reader::Listens;
        self
    }

    /// The session of a person who speaks this.
    pub(crate) fn speaking(mut self, locale: &'static str) -> Self {
        self.locale = Some(locale);
        self
    }

    /// Starts the window manager again where it ended: on a display whose former server has
    /// only just gone it may take that one's window manager for its own.
    fn keep_managed(&mut self) {
        let has_ended = self.processes.last_mut().unwrap().try_wait().unwrap().is_some();
        if has_ended {
            self.processes.pop();
            let manager = self.command(Path::new("openbox")).spawn().unwrap();
            self.processes.push(manager);
        }
    }

    fn is_managed(&self) -> bool {
        let mut ask = self.command(Path::new("xprop"));
        let ask = ask.args(["-root", "_NET_SUPPORTING_WM_CHECK"]).stdout(Stdio::piped());
        let answer = ask.output().unwrap();
        String::from_utf8_lossy(&answer.stdout).contains("window id")
    }

    /// A program of this session. It finds none of the machine's own settings.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join("settings"))
            .env("XDG_CONFIG_DIRS", self.home().join("no settings"))
            .env("XDG_DATA_HOME", self.home().join("data"))
            .env("XDG_CACHE_HOME", self.home().join("cache"))
            .env("XDG_CURRENT_DESKTOP", "X-Virtual")
            .env("DEVPULSE_HOME", self.home().join("devpulse"))
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if self.reader == Reader::None {
            command.env("NO_AT_BRIDGE", "1");
        }
        if let Some(locale) = self.locale {
            command.env("LANG", locale).env("LC_ALL", locale).env_remove("LANGUAGE");
        }
        command
    }

    /// What an agent of this session watches.
    pub(crate) fn desktop(&self) -> Desktop {
        Desktop {
            display: Some(self.display.clone()),
            session_bus: Some(self.bus.clone()),
            ..Desktop::default()
        }
    }

    pub(crate) fn bus(&self) -> &str {
        &self.bus
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The settings that programs of this session read.
    pub(crate) fn settings(&self) -> PathBuf {
        self.home().join("settings")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Starts a program that tells where it is on its first line.
fn tells(program: &str, arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}
