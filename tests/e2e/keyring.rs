//! A session with a D-Bus of its own and, when a test wants one, a keychain. Where they are
//! not to be had the test says so and passes, unless `DEVPULSE_REQUIRE_DESKTOP` is set.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// No service is started by being asked for: only the test's own keychain ever runs.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=DIRECTORY</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Whether the keychain is opened when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    Open,
    Locked,
}

/// A session; ended when dropped.
pub(crate) struct Session {
    address: String,
    bus: Child,
    keychain: Option<Child>,
    files: TempDir,
}

impl Session {
    pub(crate) fn start() -> Option<Self> {
        let is_there = |program: &&str| {
            let found = Command::new("which").arg(program).stdout(Stdio::null()).status();
            found.is_ok_and(|status| status.success())
        };
        let needed = ["dbus-daemon", "gnome-keyring-daemon"];
        let missing: Vec<_> = needed.into_iter().filter(|name| !is_there(name)).collect();
        if !missing.is_empty() {
            assert!(
                std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
                "a keychain is required, but {missing:?} are missing"
            );
            eprintln!("skipped: {missing:?} are missing");
            return None;
        }
        let files = tempfile::tempdir().unwrap();
        let config = files.path().join("bus.conf");
        let directory = files.path().to_string_lossy();
        std::fs::write(&config, BUS.replace("DIRECTORY", &directory)).unwrap();
        let mut bus = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--print-address=1", "--nofork"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = first_line(&mut bus);
        Some(Self { address, bus, keychain: None, files })
    }

    /// What `DBUS_SESSION_BUS_ADDRESS` has to be.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Starts the keychain, in place of the one that runs, and waits until it can be asked.
    /// It keeps what it held before; the first one has to be opened.
    pub(crate) fn start_keychain(&mut self, lock: Lock) {
        self.stop_keychain();
        let control = tempfile::tempdir_in(self.files.path()).unwrap().keep();
        let mut command = Command::new("gnome-keyring-daemon");
        command
            .args(["--foreground", "--components=secrets"])
            .arg(format!("--control-directory={}", control.display()))
            .args((lock == Lock::Open).then_some("--unlock"))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .env("HOME", self.files.path())
            .env("XDG_DATA_HOME", self.files.path().join("data"))
            .env("XDG_RUNTIME_DIR", self.files.path())
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        std::fs::create_dir_all(self.files.path().join("data")).unwrap();
        let mut keychain = command.spawn().unwrap();
        keychain.stdin.take().unwrap().write_all(b"test").unwrap();
        // It says where its control socket is once it serves the bus.
        first_line(&mut keychain);
        self.keychain = Some(keychain);
    }

    pub(crate) fn stop_keychain(&mut self) {
        if let Some(mut keychain) = self.keychain.take() {
            keychain.kill().ok();
            keychain.wait().ok();
        }
    }

    /// Where the keychain keeps what it holds.
    pub(crate) fn files(&self) -> &Path {
        self.files.path()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop_keychain();
        self.bus.kill().ok();
        self.bus.wait().ok();
    }
}

fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
