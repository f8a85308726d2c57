//! A message bus of its own, and a logind and a screen saver on it that do what the test says.

use std::collections::HashMap;
use std::io::{PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use zbus::zvariant::{self, ObjectPath, OwnedObjectPath, Value};
use zbus::{Connection, fdo, interface};

const DEADLINE: Duration = Duration::from_secs(20);

const MANAGER_PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION_PATH: &str = "/org/freedesktop/login1/session/_31";
const SESSION: &str = "org.freedesktop.login1.Session";

/// A dbus-daemon; ended when dropped.
pub(crate) struct PrivateBus {
    daemon: Child,
    folder: tempfile::TempDir,
}

impl PrivateBus {
    /// `None`, said on stderr, where dbus-daemon is missing and nobody insists.
    pub(crate) fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join("dbus-daemon").is_file()) {
            assert!(
                std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
                "dbus-daemon is not installed"
            );
            eprintln!("skipped: dbus-daemon is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let daemon = start_daemon(folder.path());
        Some(Self { daemon, folder })
    }

    pub(crate) fn address(&self) -> String {
        address(self.folder.path())
    }

    pub(crate) fn stop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
        std::fs::remove_file(socket(self.folder.path())).ok();
    }

    /// Starts the bus again at the same address.
    pub(crate) fn start_again(&mut self) {
        self.daemon = start_daemon(self.folder.path());
    }

    /// Somebody who is not logind says to everybody what logind would say.
    pub(crate) async fn pretend_to_shut_down(&self) {
        let impostor = self.connect().await;
        let bus = fdo::DBusProxy::new(&impostor).await.unwrap();
        for name in bus.list_names().await.unwrap() {
            let to = Some(name.as_str());
            let signal =
                impostor.emit_signal(to, MANAGER_PATH, MANAGER, "PrepareForShutdown", &true);
            signal.await.unwrap();
        }
        // The bus has handed on what came before the call that it answers.
        bus.get_id().await.unwrap();
    }

    async fn connect(&self) -> Connection {
        let address = self.address();
        zbus::connection::Builder::address(address.as_str()).unwrap().build().await.unwrap()
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.daemon.kill().ok();
        self.daemon.wait().ok();
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("bus")
}

fn address(folder: &Path) -> String {
    format!("unix:path={}", socket(folder).display())
}

/// Starts the daemon, and returns once it takes connections.
fn start_daemon(folder: &Path) -> Child {
    let configuration = format!(
        "<busconfig><type>session</type><listen>{}</listen><auth>EXTERNAL</auth>\
         <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
         <allow own=\"*\"/></policy></busconfig>",
        address(folder)
    );
    let file = folder.join("bus.conf");
    std::fs::write(&file, configuration).unwrap();
    let daemon = Command::new("dbus-daemon")
        .arg("--nofork")
        .arg(format!("--config-file={}", file.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(socket(folder)).is_err() {
        assert!(begun.elapsed() < DEADLINE, "dbus-daemon does not start");
        std::thread::yield_now();
    }
    daemon
}

/// The inhibitors that were asked for, the oldest first: whether each is still held.
type Inhibitors = watch::Sender<Vec<bool>>;

/// A logind with one session.
pub(crate) struct FakeLogind {
    connection: Connection,
    locked: Arc<Mutex<bool>>,
    blocked: Arc<Mutex<String>>,
    inhibitors: Inhibitors,
}

struct Manager {
    inhibitors: Inhibitors,
    blocked: Arc<Mutex<String>>,
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn get_session(&self, id: &str) -> fdo::Result<OwnedObjectPath> {
        if id != "1" {
            return Err(fdo::Error::Failed("no such session".to_owned()));
        }
        Ok(ObjectPath::from_static_str_unchecked(SESSION_PATH).into())
    }

    fn inhibit(&self, what: &str, _who: &str, _why: &str, mode: &str) -> zvariant::OwnedFd {
        assert_eq!((what, mode), ("sleep:shutdown", "delay"));
        let (reader, writer) = std::io::pipe().unwrap();
        let mut number = 0;
        self.inhibitors.send_modify(|held| {
            number = held.len();
            held.push(true);
        });
        let inhibitors = self.inhibitors.clone();
        std::thread::spawn(move || notice_release(reader, number, &inhibitors));
        zvariant::OwnedFd::from(OwnedFd::from(writer))
    }

    #[zbus(property)]
    fn preparing_for_sleep(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn block_inhibited(&self) -> String {
        self.blocked.lock().unwrap().clone()
    }
}

fn notice_release(mut reader: PipeReader, number: usize, inhibitors: &Inhibitors) {
    reader.read_to_end(&mut Vec::new()).unwrap();
    inhibitors.send_modify(|held| held[number] = false);
}

struct Session {
    locked: Arc<Mutex<bool>>,
}

#[interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn id(&self) -> String {
        "1".to_owned()
    }

    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        *self.locked.lock().unwrap()
    }
}

impl FakeLogind {
    pub(crate) async fn start(bus: &PrivateBus) -> Self {
        let connection = bus.connect().await;
        let (inhibitors, locked) = (Inhibitors::default(), Arc::default());
        let blocked = Arc::<Mutex<String>>::default();
        let server = connection.object_server();
        let manager = Manager { inhibitors: inhibitors.clone(), blocked: Arc::clone(&blocked) };
        server.at(MANAGER_PATH, manager).await.unwrap();
        let session = Session { locked: Arc::clone(&locked) };
        server.at(SESSION_PATH, session).await.unwrap();
        let session = Session { locked: Arc::clone(&locked) };
        server.at("/org/freedesktop/login1/session/auto", session).await.unwrap();
        connection.request_name("org.freedesktop.login1").await.unwrap();
        Self { connection, locked, blocked, inhibitors }
    }

    /// Programs keep the machine from this, such as `idle`.
    pub(crate) async fn block(&self, what: &str) {
        *self.blocked.lock().unwrap() = what.to_owned();
        let changed = HashMap::from([("BlockInhibited", Value::from(what))]);
        let body = (MANAGER, changed, Vec::<String>::new());
        self.emit(MANAGER_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body)
            .await;
    }

    /// The locker says whether the screen is locked.
    pub(crate) async fn set_locked(&self, locked: bool) {
        *self.locked.lock().unwrap() = locked;
        let changed = HashMap::from([("LockedHint", Value::from(locked))]);
        let body = (SESSION, changed, Vec::<String>::new());
        self.emit(SESSION_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body)
            .await;
    }

    /// Somebody asks for a lock.
    pub(crate) async fn ask_for_lock(&self) {
        self.emit(SESSION_PATH, SESSION, "Lock", &()).await;
    }

    pub(crate) async fn prepare_for_sleep(&self, begins: bool) {
        self.emit(MANAGER_PATH, MANAGER, "PrepareForSleep", &begins).await;
    }

    pub(crate) async fn prepare_for_shutdown(&self, begins: bool) {
        self.emit(MANAGER_PATH, MANAGER, "PrepareForShutdown", &begins).await;
    }

    /// Whether each inhibitor that was asked for is still held.
    pub(crate) fn inhibitors(&self) -> Vec<bool> {
        self.inhibitors.borrow().clone()
    }

    /// Waits until the inhibitors are held as given, the oldest first.
    pub(crate) async fn inhibitors_become(&self, wanted: &[bool]) {
        let mut held = self.inhibitors.subscribe();
        let become_so = held.wait_for(|held| held == wanted);
        let in_time = tokio::time::timeout(DEADLINE, become_so).await.is_ok();
        assert!(in_time, "the inhibitors are {:?}, not {wanted:?}", self.inhibitors());
    }

    async fn emit<B>(&self, path: &str, interface: &str, name: &str, body: &B)
    where
        B: serde::Serialize + zvariant::DynamicType,
    {
        self.connection.emit_signal(None::<&str>, path, interface, name, body).await.unwrap();
    }
}

/// A session manager of GNOME, which programs and portals ask to keep the screen awake.
pub(crate) struct FakeSessionManager {
    connection: Connection,
    inhibited: Arc<Mutex<bool>>,
}

struct SessionManager(Arc<Mutex<bool>>);

#[interface(name = "org.gnome.SessionManager")]
impl SessionManager {
    fn is_inhibited(&self, flags: u32) -> bool {
        flags & 8 != 0 && *self.0.lock().unwrap()
    }
}

impl FakeSessionManager {
    pub(crate) async fn start(bus: &PrivateBus) -> Self {
        let connection = bus.connect().await;
        let inhibited = Arc::<Mutex<bool>>::default();
        let manager = SessionManager(Arc::clone(&inhibited));
        connection.object_server().at("/org/gnome/SessionManager", manager).await.unwrap();
        connection.request_name("org.gnome.SessionManager").await.unwrap();
        Self { connection, inhibited }
    }

    /// A program asks that the screen stays awake, or asks no longer.
    pub(crate) async fn inhibit(&self, inhibited: bool) {
        *self.inhibited.lock().unwrap() = inhibited;
        let signal = if inhibited { "InhibitorAdded" } else { "InhibitorRemoved" };
        let which = ObjectPath::from_static_str_unchecked("/org/gnome/SessionManager/Inhibitor1");
        let path = "/org/gnome/SessionManager";
        let name = "org.gnome.SessionManager";
        self.connection.emit_signal(None::<&str>, path, name, signal, &which).await.unwrap();
    }
}

/// A screen saver under the names of GNOME and of the freedesktop specification.
pub(crate) struct FakeSaver {
    connection: Connection,
}

struct Saver;

#[interface(name = "org.gnome.ScreenSaver")]
impl Saver {
    fn get_active(&self) -> bool {
        false
    }
}

impl FakeSaver {
    pub(crate) async fn start(bus: &PrivateBus) -> Self {
        let connection = bus.connect().await;
        connection.object_server().at("/org/gnome/ScreenSaver", Saver).await.unwrap();
        connection.request_name("org.gnome.ScreenSaver").await.unwrap();
        Self { connection }
    }

    /// Covers or shows the screen, and says so under both names.
    pub(crate) async fn set_active(&self, active: bool) {
        for name in ["org.gnome.ScreenSaver", "org.freedesktop.ScreenSaver"] {
            let path = format!("/{}", name.replace('.', "/"));
            self.connection
                .emit_signal(None::<&str>, path.as_str(), name, "ActiveChanged", &active)
                .await
                .unwrap();
        }
    }
}
