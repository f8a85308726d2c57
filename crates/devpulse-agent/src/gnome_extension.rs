//! The extension of GNOME Shell that tells which window has the focus: how it gets into a
//! person's GNOME. GNOME itself tells no program.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What GNOME Shell calls it.
pub const ID: &str = "devpulse-focus@devpulse";

/// The first version of GNOME Shell whose extensions are modules.
const MODULES: u32 = 45;

const METADATA: &str = include_str!("../../../packaging/gnome-extension/metadata.json");
const LEGACY: &str = include_str!("../../../packaging/gnome-extension/legacy/extension.js");
const MODERN: &str = include_str!("../../../packaging/gnome-extension/modern/extension.js");

/// The setting of GNOME that names the extensions which are switched on.
const SETTING: [&str; 2] = ["org.gnome.shell", "enabled-extensions"];

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Where it lies now.
    pub folder: PathBuf,
    /// The major version of GNOME Shell that it was installed for.
    pub shell: u32,
}

/// Why it could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no GNOME Shell, or it does not say its version.
    #[error("GNOME Shell does not say its version, as if it were not installed")]
    NoShell,
    /// Nobody knows where this person keeps data.
    #[error("neither XDG_DATA_HOME nor HOME is set, so there is no place for the extension")]
    NoHome,
    /// The files could not be written.
    #[error("the extension could not be written to {}", .folder.display())]
    Write {
        /// Where they were to be.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It lies there, and is switched off.
    #[error("the extension is installed, and GNOME's settings refuse to switch it on")]
    Settings(#[source] io::Error),
}

/// Installs the extension for this person and switches it on. GNOME Shell looks for it when it
/// starts next. To be called again after an upgrade of either; blocks for a moment.
///
/// # Errors
/// Says what stands in the way.
pub fn install() -> Result<Installed, InstallError> {
    let said = output("gnome-shell", &["--version"]).map_err(|_| InstallError::NoShell)?;
    let shell = major(&said).ok_or(InstallError::NoShell)?;
    let folder = data().ok_or(InstallError::NoHome)?.join("gnome-shell/extensions").join(ID);
    write(&folder, shell)
        .map_err(|source| InstallError::Write { folder: folder.clone(), source })?;
    let on = output("gsettings", &[&["get"], &SETTING[..]].concat());
    if let Some(list) = with_extension(&on.map_err(InstallError::Settings)?) {
        let set = output("gsettings", &[&["set"], &SETTING[..], &[&list]].concat());
        set.map_err(InstallError::Settings)?;
    }
    Ok(Installed { folder, shell })
}

fn write(folder: &Path, shell: u32) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("metadata.json"), METADATA)?;
    std::fs::write(folder.join("extension.js"), if shell < MODULES { LEGACY } else { MODERN })
}

/// Where this person keeps data.
fn data() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|of| of.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))
}

/// The major version in what `gnome-shell --version` says.
fn major(said: &str) -> Option<u32> {
    said.split_whitespace().last()?.split('.').next()?.parse().ok()
}

/// The list of extensions, as GNOME's settings write it, with this one; `None` where it is
/// there already.
fn with_extension(list: &str) -> Option<String> {
    let list = list.trim();
    if list.contains(&format!("'{ID}'")) {
        return None;
    }
    let others = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or("");
    let others = others.trim();
    Some(if others.is_empty() { format!("['{ID}']") } else { format!("[{others}, '{ID}']") })
}

/// What a program writes to its standard output.
fn output(program: &str, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!("{program} failed: {said}")));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_that_are_on_stay_on() {
        assert_eq!(with_extension("@as []\n").unwrap(), "['devpulse-focus@devpulse']");
        assert_eq!(
            with_extension("['a@b', 'c@d']\n").unwrap(),
            "['a@b', 'c@d', 'devpulse-focus@devpulse']"
        );
        assert_eq!(with_extension("['devpulse-focus@devpulse', 'a@b']"), None);
    }

    #[test]
    fn the_version_of_the_shell_decides_which_script_is_installed() {
        assert_eq!(major("GNOME Shell 43.9\n"), Some(43));
        assert_eq!(major("GNOME Shell 45.alpha"), Some(45));
        assert_eq!(major("nonsense"), None);
        let folder = tempfile::tempdir().unwrap();
        let installed = |shell| {
            write(folder.path(), shell).unwrap();
            std::fs::read_to_string(folder.path().join("extension.js")).unwrap()
        };
        assert!(installed(44).contains("function init()"));
        assert!(installed(45).contains("export default class"));
        let metadata = std::fs::read(folder.path().join("metadata.json")).unwrap();
        let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap();
        assert_eq!(metadata["uuid"], ID);
    }
}
