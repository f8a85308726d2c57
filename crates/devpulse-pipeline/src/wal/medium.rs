//! How SQLite reaches the disk.

use rusqlite::{Connection, OpenFlags};

use super::WalError;

/// The size up to which SQLite lets its log grow.
const LOG_BYTES: u64 = 8 * 1024 * 1024;

/// Which of SQLite's ways to the disk the log takes, and how much it insists on it. The
/// agent always has the default; a test cuts the power on another one.
#[derive(Clone, Copy, Debug)]
pub struct Medium {
    /// The name of a VFS that was registered before; `None` is the operating system's.
    pub vfs: Option<&'static str>,
    /// When SQLite waits for the disk.
    pub synchronous: Synchronous,
    /// The length in bytes that the log is given from the start.
    pub log_bytes: u64,
}

/// SQLite's `synchronous`, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Every commit is on the disk before it is reported.
    Full,
    /// A power cut may undo commits that were reported. Only good for showing that a test
    /// would notice.
    Normal,
}

impl Default for Medium {
    fn default() -> Self {
        Self { vfs: None, synchronous: Synchronous::Full, log_bytes: LOG_BYTES }
    }
}

impl Medium {
    /// Opens the database at `path`, making it where there is none.
    pub(super) fn connect(self, path: &std::path::Path) -> Result<Connection, WalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(match self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
            None => Connection::open_with_flags(path, flags)?,
        })
    }

    /// The value of the pragma.
    pub(super) const fn synchronous(self) -> &'static str {
        match self.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        }
    }
}
