//! What `doctor` says on each desktop of a device that runs there.
//!
//! The tests run where `DEVPULSE_REQUIRE_WAYLAND` is set, and say elsewhere that they are skipped.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so")]

#[path = "../../crates/devpulse-capture/tests/session/bus.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod bus;
#[path = "../../crates/devpulse-capture/tests/desktops/compositor.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod compositor;
#[path = "../../crates/devpulse-capture/tests/desktops/gnome.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod gnome;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bus::{FakeLogind, PrivateBus};
use compositor::{Compositor, Kind};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(40);

const CLIENT: &str = env!("CARGO_BIN_EXE_devpulse-client");

const ENTRY: &str = include_str!("../../packaging/linux/devpulse-client.desktop");

/// A device in a session on a compositor, whose server is away.
struct Device {
    compositor: Compositor,
    system_bus: String,
    home: tempfile::TempDir,
}

/// An agent; killed when dropped.
struct Agent(Child);

impl Device {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(compositor::reachable(CLIENT));
        let compositor = &self.compositor;
        command.args(arguments).current_dir(self.home.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("DEVPULSE_HOME", self.home.path().join("home"));
        command.env("DEVPULSE_SERVER_URL", "http://127.0.0.1:9").env("DEVPULSE_API_KEY", "key");
        command.env("DEVPULSE_CLIENT_ID", "device").env("DEVPULSE_SECRET_STORE", "file");
        command.env("WAYLAND_DISPLAY", compositor::DISPLAY);
        command.env("XDG_RUNTIME_DIR", compositor.runtime_dir());
        // An X11 display that Wayland's compositor may offer is believed in nothing.
        command.env("DISPLAY", ":99");
        if compositor.kind() == Kind::Sway {
            command.env("SWAYSOCK", compositor.sway_socket());
        }
        command.env("DBUS_SESSION_BUS_ADDRESS", compositor.session_bus());
        command.env("DBUS_SYSTEM_BUS_ADDRESS", &self.system_bus);
        command
    }

    fn run(&self) -> Agent {
        let mut command = self.command(&["run"]);
        Agent(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// The state, the detail and the remedy of one check.
    fn doctor(&self, name: &str) -> [String; 3] {
        let output = self.command(&["doctor", "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        ["state", "detail", "remedy"].map(|key| check[key].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a check is as given: its state, and parts of its detail and of its remedy.
    async fn expect(&self, name: &str, state: &str, detail: &str, remedy: &str) {
        let begun = Instant::now();
        loop {
            let told = self.doctor(name);
            if told[0] == state && told[1].contains(detail) && told[2].contains(remedy) {
                assert!(state == "ok" || told[1].starts_with("unavailable: "), "{told:?}");
                eprintln!("{:?}, {name}: {state}: {} {}", self.compositor.kind(), told[1], told[2]);
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "{name}: {told:?}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A bus, a compositor that uses it, and a device on it.
macro_rules! device_or_skip {
    ($bus:ident, $device:ident, $kind:expr) => {
        if compositor::ran_anew(&[CLIENT]) {
            return;
        }
        let Some($bus) = PrivateBus::start() else { return };
        let _logind = FakeLogind::start(&$bus).await;
        let Some(compositor) = Compositor::start($kind, &$bus.address(), [1280, 800]).await else {
            return;
        };
        let home = tempfile::tempdir().unwrap();
        #[allow(unused_mut, reason = "only some start their compositor again")]
        let mut $device = Device { compositor, system_bus: $bus.address(), home };
    };
}

/// Every signal is served, by these backends, before the agent runs and while it does.
async fn all_is_well(device: &Device, backends: [(&str, &str); 4]) {
    for (signal, backend) in backends {
        let could = format!("{backend} can serve it");
        device.expect(signal, "ok", &could, "").await;
    }
    let _agent = device.run();
    for (signal, backend) in backends {
        let serves = format!("{backend} serves it");
        device.expect(signal, "ok", &serves, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sway_doctor_names_its_own_backends() {
    device_or_skip!(bus, device, Kind::Sway);
    let served = [
        ("focus", "sway"),
        ("idle", "kde-idle"),
        ("session", "logind"),
        ("screen", "wlr-screencopy"),
    ];
    all_is_well(&device, served).await;
}

/// KWin lets those programs capture screens whose desktop entry asks for it, as the one does that
/// is in the packages.
#[tokio::test(flavor = "multi_thread")]
async fn on_kwin_doctor_names_its_own_backends_and_what_lets_it_capture_screens() {
    device_or_skip!(bus, device, Kind::StrictKWin);
    device.expect("screen", "warning", "KWin lets only programs", "desktop entry").await;
    let applications = device.compositor.runtime_dir().join(".local/share/applications");
    std::fs::create_dir_all(&applications).unwrap();
    let entry =
        ENTRY.replace("/usr/bin/devpulse-client", compositor::reachable(CLIENT).to_str().unwrap());
    std::fs::write(applications.join("devpulse-client.desktop"), entry).unwrap();
    device.compositor.kill();
    device.compositor.run().await;
    let served = [
        ("focus", "kwin-script"),
        ("idle", "ext-idle-notify"),
        ("session", "logind"),
        ("screen", "kwin-screenshot2"),
    ];
    all_is_well(&device, served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_gnome_doctor_says_how_to_get_the_focus_and_that_screens_cannot_be_had() {
    device_or_skip!(bus, device, Kind::PlainGnome);
    let missing = ["GNOME tells nobody", "doctor --install-gnome-extension"];
    device.expect("focus", "warning", missing[0], missing[1]).await;
    let agent = device.run();
    device.expect("focus", "warning", missing[0], missing[1]).await;
    device.expect("idle", "ok", "mutter-idle-monitor serves it", "").await;
    device.expect("session", "ok", "logind serves it", "").await;
    device.expect("screen", "warning", "the compositor lets no program", "Xorg").await;

    let mut install = device.command(&["doctor", "--install-gnome-extension"]);
    install.env("HOME", device.compositor.runtime_dir()).env("GSETTINGS_BACKEND", "keyfile");
    let installed = install.output().unwrap();
    assert!(installed.status.success(), "{installed:?}");
    let said = String::from_utf8(installed.stdout).unwrap();
    assert!(said.contains("Log out and in again"), "{said}");
    device.compositor.kill();
    device.compositor.run().await;
    device.expect("focus", "ok", "gnome-extension serves it", "").await;
    gnome::switch_extension(device.compositor.session_bus(), "DisableExtension").await;
    device.expect("focus", "warning", missing[0], missing[1]).await;
    gnome::switch_extension(device.compositor.session_bus(), "EnableExtension").await;
    device.expect("focus", "ok", "gnome-extension serves it", "").await;
    drop(agent);
}
