//! The database: one SQLite file, one thread that writes and one that reads.
//!
//! Callers hand in work as closures over a connection and await what becomes of it,
//! so nothing here blocks the async runtime. Work that waits together is committed together.

pub(crate) mod batches;
pub(crate) mod configs;
pub(crate) mod devices;
pub(crate) mod events;
pub(crate) mod keys;
mod schema;
pub(crate) mod screenshots;
pub(crate) mod secrets;
pub(crate) mod tokens;
pub(crate) mod users;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use self::worker::Worker;

/// Where the server keeps its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Database {
    /// A new file in a temporary directory, deleted with the last handle to the server.
    #[default]
    Temporary,
    /// This file, made where it does not exist, readable by its owner only.
    File(PathBuf),
}

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its directory cannot be used.
    #[error("the database file {path} cannot be used")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The file belongs to another program, or to another version of this one.
    #[error("{path} is not a database of this version of devpulse-server")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// SQLite failed.
    #[error("the database failed")]
    Sqlite(#[from] rusqlite::Error),
    /// SQLite failed at the end of a transaction that several callers shared.
    #[error("the transaction was not committed")]
    Commit(#[source] Arc<rusqlite::Error>),
    /// A stored value is not what the server writes.
    #[error("a stored value is damaged")]
    Damaged(#[from] serde_json::Error),
    /// The server was shut down.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// Whether another process holds the database, so that trying again may help.
    pub(crate) fn is_busy(&self) -> bool {
        let cause = match self {
            Self::Sqlite(cause) => cause,
            Self::Commit(cause) => cause,
            _ => return false,
        };
        cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
    }
}

/// A handle to the database; clones share its two threads.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    threads: Arc<Threads>,
}

#[derive(Debug)]
struct Threads {
    writer: Worker,
    reader: Worker,
    _temporary: Option<TempDir>,
}

impl Store {
    /// Opens the database and starts its threads.
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        let (path, temporary) = match database {
            Database::File(path) => (path.clone(), None),
            Database::Temporary => {
                let directory = tempfile::tempdir()
                    .map_err(|cause| StoreError::File { path: std::env::temp_dir(), cause })?;
                (directory.path().join("devpulse.db"), Some(directory))
            }
        };
        let writer = schema::open(&path)?;
        let reader = schema::open_for_reading(&path)?;
        let spawn = |worker: std::io::Result<Worker>| {
            worker.map_err(|cause| StoreError::File { path: path.clone(), cause })
        };
        let threads = Threads {
            writer: spawn(Worker::writer(writer))?,
            reader: spawn(Worker::reader(reader))?,
            _temporary: temporary,
        };
        Ok(Self { threads: Arc::new(threads) })
    }

    /// Does `work` on a connection that sees one state of the database and cannot change it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.threads.reader.run(work).await
    }

    /// Does `work` in a transaction; it is synced to the disk when this returns `Ok`,
    /// and undone when this returns an error.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.threads.writer.run(work).await
    }

    /// Finishes what waits and closes the file; every later call is answered with
    /// [`StoreError::Closed`].
    pub(crate) async fn close(&self) {
        self.threads.reader.close().await;
        self.threads.writer.close().await;
    }
}
