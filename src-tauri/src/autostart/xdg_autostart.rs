//! Desktop entries below `autostart`: a person's own wins over the system's of the same name.
//!
//! A file that is there may be switched off (`Hidden`, or the key by which GNOME's settings
//! do it), and a path needs the quotes of the Desktop Entry Specification.

mod desktop_entry;

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use desktop_entry::Entry;

use super::{ARGUMENT, AutostartError, Launch, NAME};

/// Whether the session will start the app.
pub(super) fn is_on(
    _plugin: impl FnOnce() -> Result<bool, AutostartError>,
) -> Result<bool, AutostartError> {
    Places::known()?.is_on()
}

/// Whether the entry in force starts something that is not there.
pub(super) fn is_stale(_launch: &Launch) -> Result<bool, AutostartError> {
    Places::known()?.is_stale()
}

/// Writes the entry as it has to be. `undo` takes back what the plugin wrote, where that is
/// not the place that the session reads.
pub(super) fn write(
    launch: &Launch,
    undo: impl FnOnce() -> Result<(), AutostartError>,
) -> Result<(), AutostartError> {
    let places = Places::known()?;
    if places.own != places.of_plugin {
        undo()?;
    }
    places.write(launch)
}

/// Sees that nothing starts the app: where the system has an entry, the person's own hides it.
pub(super) fn clear() -> Result<(), AutostartError> {
    Places::known()?.clear()
}

/// Where entries are looked for.
#[derive(Clone, Debug)]
struct Places {
    /// The person's own.
    own: PathBuf,
    /// Where the plugin writes.
    of_plugin: PathBuf,
    /// The system's, the most important first.
    system: Vec<PathBuf>,
}

impl Places {
    fn known() -> Result<Self, AutostartError> {
        let absolute = |name| {
            std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute())
        };
        let home = absolute("HOME").ok_or(AutostartError::NoHome)?;
        let of_plugin = home.join(".config");
        let own = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| of_plugin.clone());
        let system = std::env::var_os("XDG_CONFIG_DIRS").filter(|folders| !folders.is_empty());
        let system = system.unwrap_or_else(|| "/etc/xdg".into());
        Ok(Self {
            own: file(&own),
            of_plugin: file(&of_plugin),
            system: std::env::split_paths(&system).map(|folder| file(&folder)).collect(),
        })
    }

    fn is_on(&self) -> Result<bool, AutostartError> {
        Ok(self.in_force()?.is_some_and(|entry| entry.is_on()))
    }

    fn is_stale(&self) -> Result<bool, AutostartError> {
        let Some(entry) = self.in_force()? else {
            return Ok(false);
        };
        Ok(entry.program().is_none_or(|program| program.is_absolute() && !program.is_file()))
    }

    /// The person's own entry, or else the first of the system's.
    fn in_force(&self) -> Result<Option<Entry>, AutostartError> {
        for path in std::iter::once(&self.own).chain(&self.system) {
            match std::fs::read(path) {
                Ok(bytes) => return Ok(Some(Entry::parse(&String::from_utf8_lossy(&bytes)))),
                Err(error) if is_absence(&error) => {}
                Err(source) => return Err(fault(path, source)),
            }
        }
        Ok(None)
    }

    fn write(&self, launch: &Launch) -> Result<(), AutostartError> {
        let text = desktop_entry::text(&launch.program, ARGUMENT).ok_or_else(|| {
            fault(&launch.program, io::Error::other("the path is not valid UTF-8"))
        })?;
        replace(&self.own, &text).map_err(|source| fault(&self.own, source))
    }

    fn clear(&self) -> Result<(), AutostartError> {
        match std::fs::remove_file(&self.own) {
            Err(source) if !is_absence(&source) => return Err(fault(&self.own, source)),
            Ok(()) | Err(_) => {}
        }
        if self.is_on()? {
            return replace(&self.own, &desktop_entry::hidden())
                .map_err(|source| fault(&self.own, source));
        }
        Ok(())
    }
}

fn file(config: &Path) -> PathBuf {
    config.join("autostart").join(format!("{NAME}.desktop"))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn fault(path: &Path, source: io::Error) -> AutostartError {
    AutostartError::Entry { path: path.to_owned(), source }
}

/// A session that starts meanwhile finds the old entry or the new one, never half of one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    std::fs::create_dir_all(super::folder(path))?;
    let fresh = path.with_extension("desktop.new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests;
