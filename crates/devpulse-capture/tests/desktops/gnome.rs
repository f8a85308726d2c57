//! GNOME Shell without a screen: what it needs in its folder, and how it is made to take input.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use zbus::Connection;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

const DEADLINE: Duration = Duration::from_secs(40);

const EXTENSION: &str = "devpulse-focus@devpulse";

const METADATA: &str = include_str!("../../../../packaging/gnome-extension/metadata.json");

const LEGACY: &str = include_str!("../../../../packaging/gnome-extension/legacy/extension.js");

const MODERN: &str = include_str!("../../../../packaging/gnome-extension/modern/extension.js");

/// The first version whose extensions are modules.
const MODULES: u32 = 45;

const SHELL: &str = "org.gnome.Shell";

const REMOTE: &str = "org.gnome.Mutter.RemoteDesktop";

/// Makes a home in this folder, with the extension or without.
pub(crate) fn furnish(home: &Path, with_extension: bool) {
    let settings = home.join(".config/glib-2.0/settings");
    std::fs::create_dir_all(&settings).unwrap();
    let mut wanted = "[org/gnome/shell]\nwelcome-dialog-last-shown-version='999'\n".to_owned();
    if with_extension {
        let folder = home.join(".local/share/gnome-shell/extensions").join(EXTENSION);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("metadata.json"), METADATA).unwrap();
        let script = if version() < MODULES { LEGACY } else { MODERN };
        std::fs::write(folder.join("extension.js"), script).unwrap();
        wanted.push_str(&format!("enabled-extensions=['{EXTENSION}']\n"));
    }
    std::fs::write(settings.join("keyfile"), wanted).unwrap();
}

/// Switches the extension off or on while GNOME Shell runs.
pub(crate) async fn switch_extension(bus: &str, method: &str) {
    let connection = connect(bus).await;
    let interface = Some("org.gnome.Shell.Extensions");
    let path = "/org/gnome/Shell";
    let call = connection.call_method(Some(SHELL), path, interface, method, &EXTENSION);
    assert!(call.await.unwrap().body().deserialize::<bool>().unwrap(), "{method}");
}

/// Returns once GNOME Shell shows the desktop, and no more the overview that it begins with.
pub(crate) async fn settle(bus: &str) {
    let connection = connect(bus).await;
    let properties = Some("org.freedesktop.DBus.Properties");
    let (path, overview) = ("/org/gnome/Shell", "OverviewActive");
    let begun = Instant::now();
    let mut seen = false;
    loop {
        let question = (SHELL, overview);
        let asked = connection.call_method(Some(SHELL), path, properties, "Get", &question).await;
        let active = asked.ok().and_then(|answer| {
            let value: OwnedValue = answer.body().deserialize().ok()?;
            bool::try_from(value).ok()
        });
        match active {
            Some(true) => {
                seen = true;
                let off = (SHELL, overview, Value::from(false));
                connection.call_method(Some(SHELL), path, properties, "Set", &off).await.ok();
            }
            Some(false) if seen => return,
            _ => {}
        }
        assert!(begun.elapsed() < DEADLINE, "GNOME Shell does not start");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Each word that is sent moves the pointer to and fro.
pub(crate) async fn input(bus: &str) -> UnboundedSender<()> {
    let connection = connect(bus).await;
    let path = "/org/gnome/Mutter/RemoteDesktop";
    let made = connection.call_method(Some(REMOTE), path, Some(REMOTE), "CreateSession", &()).await;
    let session: OwnedObjectPath = made.unwrap().body().deserialize().unwrap();
    let interface = "org.gnome.Mutter.RemoteDesktop.Session";
    let start = connection.call_method(Some(REMOTE), &session, Some(interface), "Start", &());
    start.await.unwrap();
    let (sender, mut asked) = unbounded_channel();
    tokio::spawn(async move {
        while asked.recv().await.is_some() {
            for step in [3.0, -3.0] {
                let motion = "NotifyPointerMotionRelative";
                let moved = (step, 0.0);
                let call =
                    connection.call_method(Some(REMOTE), &session, Some(interface), motion, &moved);
                // It may have been killed.
                call.await.ok();
            }
        }
    });
    sender
}

async fn connect(bus: &str) -> Connection {
    zbus::connection::Builder::address(bus).unwrap().build().await.unwrap()
}

/// The number before the first point of what `gnome-shell --version` says.
fn version() -> u32 {
    let said = std::process::Command::new("gnome-shell").arg("--version").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let number = said.rsplit(' ').next().and_then(|version| version.split('.').next());
    number.unwrap().trim().parse().unwrap()
}
