//! The agent's own directory: where everything lies that it keeps.
//!
//! The directory is open to nobody but its owner, and so is every file in it.

#[cfg(unix)]
#[path = "home/unix.rs"]
pub(crate) mod access;
#[cfg(windows)]
#[path = "home/windows.rs"]
pub(crate) mod access;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const CONSENT: &str = "consent.json";
const CREDENTIALS: &str = "credentials.json";
const CONFIG_TOML: &str = "config.toml";
const SERVER_CONFIG: &str = "server-config.json";
const SOCKET: &str = "agent.sock";
const LOCK: &str = "agent.lock";
const LOGS: &str = "logs";
const WAL_DB: &str = "wal.db";
const BLOBS: &str = "blobs";
const LOG_KEY: &str = "log-key";
const LOG_KEY_PUBLIC: &str = "log-key.pub";

/// What shows that a directory is a DevPulse home and no other directory.
const OWN: [&str; 7] = [CONSENT, CREDENTIALS, CONFIG_TOML, SERVER_CONFIG, LOCK, LOGS, WAL_DB];

/// The agent's own directory (`DEVPULSE_HOME`, by default `~/.devpulse`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// Why there is no usable home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither `DEVPULSE_HOME` nor the user's own directory is known.
    #[error("this user has no home directory")]
    Unknown,
    /// Something else bears the name.
    #[error("the home {path} is not a directory", path = .0.display())]
    NotADirectory(PathBuf),
    /// Another user's directory.
    #[error("the home {path} belongs to another user", path = .0.display())]
    NotMine(PathBuf),
    /// A directory that serves others as well, such as `/tmp`.
    #[error("the home {path} is open to other users and holds files that are not DevPulse's", path = .0.display())]
    Shared(PathBuf),
    /// It cannot be written.
    #[error("the home {path} cannot be written", path = .path.display())]
    ReadOnly {
        /// The home.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be made.
    #[error("the home {path} cannot be created", path = .path.display())]
    Create {
        /// The home.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl HomeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown => "set DEVPULSE_HOME to a directory of yours".to_owned(),
            Self::NotADirectory(_) | Self::Create { .. } => {
                "set DEVPULSE_HOME to a directory that you can write".to_owned()
            }
            Self::NotMine(_) => {
                "run as the user that owns it, or set DEVPULSE_HOME to a directory of yours"
                    .to_owned()
            }
            Self::Shared(_) => {
                "set DEVPULSE_HOME to a directory that serves nothing else".to_owned()
            }
            Self::ReadOnly { path, .. } => format!(
                "make it writable (chmod u+rwx {path}), or set DEVPULSE_HOME to another directory",
                path = path.display()
            ),
        }
    }
}

impl Home {
    /// The home at this path, which need not exist yet.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The home below the user's own directory.
    #[must_use]
    pub fn below(user_directory: &Path) -> Self {
        Self::at(user_directory.join(".devpulse"))
    }

    /// Makes the directory where it is missing, and closes it to others.
    ///
    /// # Errors
    /// Fails where it cannot be made or written, or is somebody else's. A directory
    /// that serves something else as well is refused rather than closed.
    pub fn create(&self) -> Result<(), HomeError> {
        let path = || self.root.clone();
        let metadata = match fs::metadata(&self.root) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return access::create_directory(&self.root)
                    .map_err(|source| HomeError::Create { path: path(), source });
            }
            Err(source) => return Err(HomeError::Create { path: path(), source }),
        };
        if !metadata.is_dir() {
            return Err(HomeError::NotADirectory(path()));
        }
        if !access::is_mine(&self.root, &metadata) {
            return Err(HomeError::NotMine(path()));
        }
        access::check_writable(&self.root)
            .map_err(|source| HomeError::ReadOnly { path: path(), source })?;
        if access::is_open_to_others(&self.root, &metadata) {
            if !self.is_own_or_empty() {
                return Err(HomeError::Shared(path()));
            }
            access::close_to_others(&self.root, &metadata)
                .map_err(|source| HomeError::ReadOnly { path: path(), source })?;
        }
        Ok(())
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Who the device is, and its key where no keychain holds it.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.root.join(CREDENTIALS)
    }

    /// The private half of the key that the log is sealed to, where no keychain holds it.
    #[must_use]
    pub fn log_key(&self) -> PathBuf {
        self.root.join(LOG_KEY)
    }

    /// The public half of the key that the log is sealed to.
    #[must_use]
    pub fn log_key_public(&self) -> PathBuf {
        self.root.join(LOG_KEY_PUBLIC)
    }

    /// What the person agreed to have captured.
    #[must_use]
    pub fn consent(&self) -> PathBuf {
        self.root.join(CONSENT)
    }

    /// The person's own settings.
    #[must_use]
    pub fn config_toml(&self) -> PathBuf {
        self.root.join(CONFIG_TOML)
    }

    /// The last good configuration of the server.
    #[must_use]
    pub fn server_config(&self) -> PathBuf {
        self.root.join(SERVER_CONFIG)
    }

    /// Where the running agent listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.root.join(SOCKET)
    }

    /// What one agent at a time holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join(LOCK)
    }

    /// Log files.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join(LOGS)
    }

    /// Where the write-ahead log lies unless a setting moves it.
    #[must_use]
    pub fn default_wal_db(&self) -> PathBuf {
        self.root.join(WAL_DB)
    }

    /// Where images lie unless a setting moves them.
    #[must_use]
    pub fn default_blobs(&self) -> PathBuf {
        self.root.join(BLOBS)
    }

    fn is_own_or_empty(&self) -> bool {
        OWN.iter().any(|name| self.root.join(name).exists())
            || fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_none())
    }
}

/// Replaces a file so that, whatever happens, either the old or the new content is
/// there; nobody but its owner may read it.
///
/// # Errors
/// Fails where the file cannot be written; the old one is then left as it was.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().make_in(directory, access::create_private_file)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    access::sync_directory(directory)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
