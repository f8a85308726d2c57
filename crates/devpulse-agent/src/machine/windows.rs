//! What the registry says of the machine.

use std::env;

use windows_registry::LOCAL_MACHINE;

const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const IDENTITY: &str = r"SOFTWARE\Microsoft\Cryptography";

/// The first build of Windows 11, which still calls itself Windows 10 in the registry.
const WINDOWS_11: u32 = 22_000;

/// As in `Windows 11 Pro 23H2 (build 22631)`.
pub(crate) fn os_version() -> String {
    let Ok(key) = LOCAL_MACHINE.open(VERSION) else { return env::consts::OS.to_owned() };
    let value = |name| key.get_string(name).ok().filter(|text| !text.is_empty());
    let Some(product) = value("ProductName") else { return env::consts::OS.to_owned() };
    described(&product, value("DisplayVersion").as_deref(), value("CurrentBuildNumber").as_deref())
}

fn described(product: &str, version: Option<&str>, build: Option<&str>) -> String {
    let number: u32 = build.and_then(|build| build.parse().ok()).unwrap_or_default();
    let mut text = match product.strip_prefix("Windows 10") {
        Some(edition) if number >= WINDOWS_11 => format!("Windows 11{edition}"),
        _ => product.to_owned(),
    };
    if let Some(version) = version {
        text.push_str(&format!(" {version}"));
    }
    if let Some(build) = build {
        text.push_str(&format!(" (build {build})"));
    }
    text
}

pub(super) fn machine_id() -> Option<String> {
    let id = LOCAL_MACHINE.open(IDENTITY).ok()?.get_string("MachineGuid").ok()?;
    Some(id.trim().to_lowercase()).filter(|id| !id.is_empty())
}

/// Windows sets `USERNAME` for every process of a person, which was asked before.
pub(super) fn account_name() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_11_is_called_by_its_name() {
        assert_eq!(
            described("Windows 10 Pro", Some("23H2"), Some("22631")),
            "Windows 11 Pro 23H2 (build 22631)"
        );
        assert_eq!(
            described("Windows 10 Pro", None, Some("19045")),
            "Windows 10 Pro (build 19045)"
        );
        assert_eq!(described("Windows Server 2022", None, None), "Windows Server 2022");
    }
}
