//! Real proxies: tinyproxy for HTTP, microsocks for SOCKS5.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use crate::agent::wait;

const USERNAME: &str = "me";
pub(crate) const PASSWORD: &str = "open-sesame-73";

/// Whether the proxy wants to know who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    None,
    Needed,
}

/// A proxy; ended when dropped.
pub(crate) struct Proxy {
    scheme: &'static str,
    address: SocketAddr,
    login: Login,
    process: Child,
    log: Log,
    files: TempDir,
}

/// Where it writes what it does.
enum Log {
    File,
    Output(Arc<Mutex<String>>),
}

impl Proxy {
    pub(crate) fn tinyproxy(login: Login) -> Option<Self> {
        let login_line = format!("BasicAuth {USERNAME} {PASSWORD}\n");
        Self::tinyproxy_with(login, if login == Login::Needed { &login_line } else { "" })
    }

    /// One that leads to this port of servers only.
    pub(crate) fn tinyproxy_for_port(port: u16) -> Option<Self> {
        Self::tinyproxy_with(Login::None, &format!("ConnectPort {port}\n"))
    }

    fn tinyproxy_with(login: Login, lines: &str) -> Option<Self> {
        is_there("tinyproxy").then_some(())?;
        let (files, address) = (tempfile::tempdir().unwrap(), free_address());
        let log = files.path().join("log");
        std::fs::write(&log, "").unwrap();
        let config = files.path().join("tinyproxy.conf");
        let text = format!(
            "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\n\
             LogFile \"{}\"\nLogLevel Connect\n{lines}",
            address.port(),
            log.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&config);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some(Self::ready("http", address, login, process, Log::File, files))
    }

    pub(crate) fn microsocks(login: Login) -> Option<Self> {
        is_there("microsocks").then_some(())?;
        let address = free_address();
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &address.port().to_string()]);
        if login == Login::Needed {
            command.args(["-u", USERNAME, "-P", PASSWORD]);
        }
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let writing = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines {
                writing.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let files = tempfile::tempdir().unwrap();
        Some(Self::ready("socks5h", address, login, process, Log::Output(log), files))
    }

    fn ready(
        scheme: &'static str,
        address: SocketAddr,
        login: Login,
        process: Child,
        log: Log,
        files: TempDir,
    ) -> Self {
        let proxy = Self { scheme, address, login, process, log, files };
        wait("the proxy listens", || TcpStream::connect(address).ok());
        proxy
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// With the name and the password, where it wants them.
    pub(crate) fn url(&self) -> String {
        match self.login {
            Login::None => self.bare_url(),
            Login::Needed => self.url_with(USERNAME, PASSWORD),
        }
    }

    pub(crate) fn url_with(&self, username: &str, password: &str) -> String {
        format!("{}://{username}:{password}@{}", self.scheme, self.address)
    }

    pub(crate) fn bare_url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        match &self.log {
            Log::File => std::fs::read_to_string(self.files.path().join("log")).unwrap(),
            Log::Output(text) => text.lock().unwrap().clone(),
        }
    }

    /// Waits until it has written this.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        wait(&format!("the proxy writes of {text}"), || self.log().contains(text).then_some(()));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// An address of this machine beyond loopback. Nothing is sent to find it.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let found = socket.connect("198.51.100.1:9").and_then(|()| socket.local_addr());
    let found = found.ok().map(|address| address.ip()).filter(|address| !address.is_loopback());
    if found.is_none() {
        assert!(
            std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
            "an address beyond loopback is required"
        );
        eprintln!("skipped: this machine has no address but loopback");
    }
    found
}

pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

pub(crate) fn private_directory(path: &Path) {
    std::fs::create_dir(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn is_there(program: &str) -> bool {
    let found = Command::new("which").arg(program).stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        assert!(
            std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
            "{program} is required, and missing"
        );
        eprintln!("skipped: {program} is missing");
    }
    found
}
