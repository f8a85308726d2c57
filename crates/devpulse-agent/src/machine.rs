//! What this machine says of itself when it enrolls.

#[cfg(any(target_os = "macos", test))]
mod macos;
#[cfg(windows)]
mod windows;

use std::env;
#[cfg(not(any(windows, target_os = "macos")))]
use std::fs;

use devpulse_protocol::DeviceInfo;
use sha2::{Digest, Sha256};

use crate::origin::ServerOrigin;

/// The machine's name in its network.
#[must_use]
pub fn hostname() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// The name under which the user logged in; `None` where the system does not say.
#[must_use]
pub fn login_name() -> Option<String> {
    ["LOGNAME", "USER", "USERNAME"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|name| !name.is_empty())
        .or_else(account_name)
}

/// What an administrator of this server sees of the device. The machine's own id is
/// hashed together with the server's origin, so that two servers cannot compare notes.
#[must_use]
pub fn device_info(server: &ServerOrigin) -> DeviceInfo {
    DeviceInfo {
        os_version: Some(os_version()),
        arch: Some(env::consts::ARCH.to_owned()),
        client_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        machine_id: machine_id().map(|id| hashed(&id, server)),
    }
}

#[cfg(target_os = "macos")]
pub(crate) use macos::os_version;
#[cfg(target_os = "macos")]
use macos::{account_name, machine_id};
#[cfg(windows)]
pub(crate) use windows::os_version;
#[cfg(windows)]
use windows::{account_name, machine_id};

#[cfg(not(any(windows, target_os = "macos")))]
pub(crate) fn os_version() -> String {
    ["/etc/os-release", "/usr/lib/os-release"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| pretty_name(&text))
        .unwrap_or_else(|| env::consts::OS.to_owned())
}

#[cfg(any(not(any(windows, target_os = "macos")), test))]
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = value.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(not(any(windows, target_os = "macos")))]
fn machine_id() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .map(|id| id.trim().to_owned())
        .find(|id| !id.is_empty() && id != "uninitialized")
}

fn hashed(id: &str, server: &ServerOrigin) -> String {
    let mut hash = Sha256::new();
    for part in ["devpulse machine id", &server.to_string(), id] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(all(unix, not(target_os = "macos")))]
fn account_name() -> Option<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{PlainHttp, ServerUrl};

    fn origin(url: &str) -> ServerOrigin {
        ServerUrl::parse(url, PlainHttp::LoopbackOnly).unwrap().origin().clone()
    }

    #[test]
    fn the_name_of_the_system_is_read_without_its_quotes() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("PRETTY_NAME=Arch\n").as_deref(), Some("Arch"));
        assert_eq!(pretty_name("ID=debian\nPRETTY_NAME=\"\"\n"), None);
    }

    #[test]
    fn the_hash_of_a_machine_differs_between_machines_and_between_servers() {
        let here = hashed("4f2c", &origin("https://a.example"));
        assert_eq!(here.len(), 64);
        assert_eq!(here, hashed("4f2c", &origin("https://A.example:443/x")));
        assert_ne!(here, hashed("4f2d", &origin("https://a.example")));
        assert_ne!(here, hashed("4f2c", &origin("https://b.example")));
    }

    #[test]
    fn the_device_says_what_it_runs() {
        let info = device_info(&origin("https://a.example"));
        assert!(info.os_version.is_some_and(|version| !version.is_empty()));
        assert_eq!(info.client_version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(!hostname().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn the_account_has_a_name_without_any_variable() {
        assert!(account_name().is_some_and(|name| !name.is_empty() && !name.contains(':')));
    }
}
