//! What macOS says of the machine.

use std::io::Cursor;

use serde::Deserialize;

#[cfg(target_os = "macos")]
pub(crate) use system::os_version;
#[cfg(target_os = "macos")]
pub(super) use system::{account_name, machine_id};

/// The file that names the system.
#[derive(Deserialize)]
struct SystemVersion {
    #[serde(rename = "ProductName")]
    name: String,
    #[serde(rename = "ProductVersion")]
    version: String,
    #[serde(rename = "ProductBuildVersion")]
    build: Option<String>,
}

/// As in `macOS 15.1 (24B83)`.
fn described(property_list: &[u8]) -> Option<String> {
    let system: SystemVersion = plist::from_reader(Cursor::new(property_list)).ok()?;
    let build = system.build.map_or(String::new(), |build| format!(" ({build})"));
    Some(format!("{} {}{build}", system.name, system.version))
}

#[cfg(target_os = "macos")]
mod system {
    use std::ffi::CStr;
    use std::{env, fs, ptr};

    const SYSTEM: &str = "/System/Library/CoreServices/SystemVersion.plist";

    /// Longer than any record of an account.
    const RECORD: usize = 16 * 1024;

    pub(crate) fn os_version() -> String {
        let described = fs::read(SYSTEM).ok().and_then(|file| super::described(&file));
        described.unwrap_or_else(|| env::consts::OS.to_owned())
    }

    /// The UUID of the hardware.
    pub(crate) fn machine_id() -> Option<String> {
        let mut id = [0_u8; 16];
        let patience = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        // SAFETY: the call writes 16 bytes, and reads the time that is lent to it.
        let answered = unsafe { libc::gethostuuid(id.as_mut_ptr(), &raw const patience) };
        let is_set = answered == 0 && id != [0; 16];
        is_set.then(|| id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Accounts are kept by a directory service, not in `/etc/passwd`.
    pub(crate) fn account_name() -> Option<String> {
        let mut buffer = vec![0; RECORD];
        let mut found = ptr::null_mut();
        // SAFETY: an all-zero record is valid, and is written before it is read.
        let mut record: libc::passwd = unsafe { std::mem::zeroed() };
        let uid = rustix::process::geteuid().as_raw();
        // SAFETY: every pointer is to a value of ours that outlives the call.
        let failed = unsafe {
            libc::getpwuid_r(
                uid,
                &raw mut record,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut found,
            )
        };
        if failed != 0 || found.is_null() || record.pw_name.is_null() {
            return None;
        }
        // SAFETY: the name is a string with its end, in the buffer that is still there.
        let name = unsafe { CStr::from_ptr(record.pw_name) };
        Some(name.to_str().ok()?.to_owned()).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_called_by_its_name_version_and_build() {
        let file = br#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>ProductBuildVersion</key><string>24B83</string>
<key>ProductName</key><string>macOS</string>
<key>ProductUserVisibleVersion</key><string>15.1</string>
<key>ProductVersion</key><string>15.1</string>
</dict></plist>"#;
        assert_eq!(described(file).as_deref(), Some("macOS 15.1 (24B83)"));
        assert_eq!(described(b"nothing of the kind"), None);
    }
}
