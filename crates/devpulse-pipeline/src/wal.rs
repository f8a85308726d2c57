//! The write-ahead log: where an event is safe.
//!
//! # Constraints
//!
//! 1. An append is acknowledged after its transaction was committed and synced
//!    (SQLite in WAL mode, `synchronous=FULL`), never before.
//! 2. Nothing is handed to the sender that is not committed.
//! 3. Only a receipt moves an event out of the pending set; what cannot be kept
//!    becomes a `gap` event in the same transaction.
//! 4. A batch's id and members are committed before it is first sent, and its bytes
//!    follow from them, so that a retry after a crash is the same request.
//! 5. Append, fetch and acknowledge touch the rows at hand and nothing else: no
//!    index besides the rowid, no counting, no offset.
//! 6. One thread owns the one connection. No statement outlives a call, so that
//!    the log can always be reset.
//!
//! # Failures
//!
//! | what happens | what follows |
//! |---|---|
//! | process killed before the commit | the event was not acknowledged, the hook's checkpoint speaks for it |
//! | killed between commit and answer | the event is there; whoever submitted it does not know |
//! | killed between sending and acknowledging | the same batch is sent again, the server counts duplicates |
//! | disk full | [`WalError::Full`]: the queue keeps the group and tries again; the ballast is let go, so that sending and acknowledging go on |
//! | the log's own share of the disk is used up | history, images, then the least important of the oldest events are given up, and a `gap` says so |
//! | I/O error | [`WalError::Storage`]: the connection is closed and opened anew before anything else |
//! | a row that does not match its checksum | it leaves the batch and becomes a `gap` |
//! | a sealed row whose key is not at hand | [`WalError::Locked`]: it waits |
//! | a sealed row that can never be opened | it leaves the batch and becomes a `gap` |
//! | pages that SQLite cannot read | the file is put aside, its legible rows go into a new one at their old places, the rest becomes a `gap` |
//! | a flipped bit in the log, which hides every later commit | those commits are read by themselves |
//! | a flipped bit in the version of the schema | the tables tell which one it is |
//! | a database that was deleted, replaced or rolled back | the sidecar tells; an estimated `gap` |
//! | a database of a newer version | [`WalError::NewerSchema`]: nothing is touched |

mod append;
mod ballast;
mod batches;
mod capacity;
mod carve;
mod checkpoint;
mod dead_letters;
mod discard;
mod images;
mod keys;
mod ledger;
mod listing;
mod medium;
mod notes;
mod private_file;
mod quarantine;
mod recovery;
mod reservation;
mod row;
mod salvage;
mod schema;
mod snapshot;
mod store;
mod thread;
mod unreadable;
mod wall_clock;
mod wipe;

use std::path::PathBuf;
use std::sync::Arc;

use devpulse_protocol::{DeviceId, Username};

pub use append::NewEvent;
pub use batches::{BatchLimits, BatchMeta, LoadedBatch, LoadedEvent, Split};
pub(crate) use carve::record_is_intact;
pub use checkpoint::{Checkpoint, CheckpointUpdate};
pub use dead_letters::Standing;
pub use discard::Discarded;
pub use images::{LARGEST_INLINE_IMAGE, NewImage, PendingImage, StoredImage, image_path};
pub use ledger::Ledger;
pub use listing::{Listed, Which};
#[doc(hidden)]
pub use medium::{Medium, Synchronous};
pub use snapshot::{Shut, Snapshot};
pub use store::Store;
pub use thread::{Wal, WalClosed, WalState};
pub use wipe::wipe;

use crate::vault::{Locked, Vault};

/// Where the log lies, and in whose name it reports gaps.
#[derive(Clone, Debug)]
pub struct WalOptions {
    /// The database file; its `-wal` file lies beside it.
    pub path: PathBuf,
    /// The directory of images that are too large for a row.
    pub images: PathBuf,
    /// Who is written into `gap` events.
    pub identity: Identity,
    /// What seals and opens what the log keeps.
    pub vault: Arc<Vault>,
}

/// In whose name the log writes events of its own, and what seals them.
#[derive(Clone, Debug)]
struct Author {
    identity: Identity,
    vault: Arc<Vault>,
}

impl WalOptions {
    fn author(&self) -> Author {
        Author { identity: self.identity.clone(), vault: Arc::clone(&self.vault) }
    }
}

/// Who and where: what every event says of its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who works.
    pub username: Username,
    /// On which device.
    pub device_id: DeviceId,
}

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The disk, or the log's share of it, is full.
    #[error("no space left for the event log")]
    Full(#[source] rusqlite::Error),
    /// The file system does not take writes.
    #[error("the event log cannot be written")]
    ReadOnly(#[source] rusqlite::Error),
    /// The file is not a sound database.
    #[error("the event log is damaged")]
    Damaged(#[source] rusqlite::Error),
    /// Another process holds the file.
    #[error("another program holds the event log")]
    Busy(#[source] rusqlite::Error),
    /// Anything else that SQLite reports; the connection is opened anew.
    #[error("the event log failed")]
    Storage(#[source] rusqlite::Error),
    /// The file system offers no write-ahead log.
    #[error("the file system of the event log cannot hold a write-ahead log")]
    NoWriteAheadLog,
    /// The database was made by a newer version of this program.
    #[error("the event log has schema {found}, this version knows {known}")]
    NewerSchema {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The database lacks its ledger, or has one that does not add up.
    #[error("the event log lacks its ledger")]
    NoLedger,
    /// The database file, or one beside it, cannot be made or read.
    #[error("the files of the event log cannot be used")]
    Create(#[source] std::io::Error),
    /// An image file could not be read or written.
    #[error("an image file failed")]
    Image(#[source] std::io::Error),
    /// What is to be read is sealed, and its key is not at hand now.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The log's thread has ended.
    #[error("the event log is closed")]
    Closed,
}

impl WalError {
    /// Whether the same may succeed at the next try.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Storage(_) | Self::Damaged(_) => true,
            Self::Full(_)
            | Self::ReadOnly(_)
            | Self::Busy(_)
            | Self::NoWriteAheadLog
            | Self::NewerSchema { .. }
            | Self::NoLedger
            | Self::Create(_)
            | Self::Image(_)
            | Self::Locked(_)
            | Self::Closed => false,
        }
    }

    /// What went wrong with a file beside the database.
    fn of_file(error: std::io::Error) -> Self {
        use rusqlite::ffi;

        if error.kind() == std::io::ErrorKind::StorageFull {
            let full = ffi::Error::new(ffi::SQLITE_FULL);
            return Self::Full(rusqlite::Error::SqliteFailure(full, Some(error.to_string())));
        }
        Self::Create(error)
    }
}

impl From<rusqlite::Error> for WalError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;

        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error),
            // Our statements fit our schema and our rows: where they do not, it is not ours any more.
            Some(ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                Self::Damaged(error)
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
            Some(_) => Self::Storage(error),
            None if is_not_ours(&error) => Self::Damaged(error),
            None => Self::Storage(error),
        }
    }
}

/// Whether a column holds what we never put there, or the schema is not what we made it.
const fn is_not_ours(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;

    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnIndex(..)
            | Error::InvalidColumnName(..)
            | Error::InvalidColumnType(..)
            | Error::SqlInputError { .. }
            | Error::Utf8Error(..)
    )
}

pub(crate) fn create_private_directory(path: &std::path::Path) -> std::io::Result<()> {
    #[cfg(windows)]
    return devpulse_windows::create_directory(path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;

        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }
}

/// A new file's name is safe only once its directory is synced.
pub(crate) fn sync_directory(path: &std::path::Path) -> std::io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_listing(directory.unwrap_or(std::path::Path::new(".")))
}

/// Makes durable what a directory lists.
pub(crate) fn sync_listing(directory: &std::path::Path) -> std::io::Result<()> {
    #[cfg(windows)]
    return devpulse_windows::sync_directory(directory);
    #[cfg(unix)]
    std::fs::File::open(directory)?.sync_all()
}

/// The path with `suffix` behind its last part.
pub(crate) fn beside(path: &std::path::Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
