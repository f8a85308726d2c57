//! The one connection, and the transactions on it.

use std::fs::File;
use std::path::Path;

use devpulse_protocol::Timestamp;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params,
};

use super::ledger::Ledger;
use super::{Identity, WalError, WalOptions, schema};

/// The log's database. Every method blocks until the disk has answered; in the agent
/// only the log's own thread calls them ([`super::Wal`]).
#[derive(Debug)]
pub struct Store {
    options: WalOptions,
    /// `None` after an I/O error, until it could be opened anew.
    conn: Option<Connection>,
    ledger: Ledger,
    /// Whether anything was written since the log was last checkpointed.
    dirty: bool,
}

impl Store {
    /// Opens the log, making it where there is none.
    ///
    /// # Errors
    /// Fails where the file cannot be opened, is damaged, is held by another process
    /// or was made by a newer version.
    pub fn open(options: WalOptions) -> Result<Self, WalError> {
        let (conn, ledger) = connect(&options.path)?;
        Ok(Self { options, conn: Some(conn), ledger, dirty: true })
    }

    /// The counters as of the last commit.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Remembers what stood in the way, for `status` after the agent has ended.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn set_last_error(&mut self, error: Option<&str>) -> Result<(), WalError> {
        if self.ledger.last_error.as_deref() == error {
            return Ok(());
        }
        self.write(|_, ledger| {
            ledger.last_error = error.map(ToOwned::to_owned);
            Ok(())
        })
    }

    /// Remembers since when the device is revoked, or that it is not.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn set_revoked(&mut self, since: Option<Timestamp>) -> Result<(), WalError> {
        if self.ledger.revoked_since.is_some() == since.is_some() {
            return Ok(());
        }
        self.write(|_, ledger| {
            ledger.revoked_since = since;
            Ok(())
        })
    }

    /// A small thing that another part of the agent keeps in the log.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn note(&mut self, name: &str) -> Result<Option<Vec<u8>>, WalError> {
        self.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT body FROM note WHERE name = ?1")?;
            Ok(statement.query_row([name], |row| row.get(0)).optional()?)
        })
    }

    /// Keeps a small thing for another part of the agent.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn set_note(&mut self, name: &str, body: &[u8]) -> Result<(), WalError> {
        self.write(|tx, _| {
            tx.prepare_cached("INSERT OR REPLACE INTO note(name, body) VALUES(?1, ?2)")?
                .execute(params![name, body])?;
            Ok(())
        })
    }

    /// Moves what the log holds into the database file and gives unused pages back,
    /// a few at a time. Called when nothing happens.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn tidy(&mut self) -> Result<(), WalError> {
        const FEW_PAGES: i64 = 64;
        const MANY_PAGES: i64 = 4096;

        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        self.read(|conn| {
            let free: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
            let all: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
            if free > MANY_PAGES && free * 4 > all {
                // One step frees one page, so the statement is stepped to its end.
                conn.pragma(None, "incremental_vacuum", FEW_PAGES, |_| Ok(()))?;
            }
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    /// Whether there is anything to tidy.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Bytes of the database and its log on disk.
    #[must_use]
    pub fn bytes_on_disk(&self) -> u64 {
        bytes_on_disk(&self.options.path)
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.options.identity
    }

    pub(super) fn images_dir(&self) -> &Path {
        &self.options.images
    }

    /// Runs `work` in a transaction that also carries the changed ledger.
    pub(super) fn write<R>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Ledger) -> Result<R, WalError>,
    ) -> Result<R, WalError> {
        let before = self.connected()?.clone();
        let mut ledger = before.clone();
        let conn = self.conn.as_mut().ok_or(WalError::Closed)?;
        let result = (|| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&tx, &mut ledger)?;
            ledger.write(&before, &tx)?;
            tx.commit()?;
            Ok(result)
        })();
        match result {
            Ok(result) => {
                debug_assert!(ledger.adds_up(), "{ledger:?}");
                self.ledger = ledger;
                self.dirty = true;
                Ok(result)
            }
            Err(error) => Err(self.disconnect_after(error)),
        }
    }

    /// Runs `work` outside a transaction.
    pub(super) fn read<R>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<R, WalError>,
    ) -> Result<R, WalError> {
        self.connected()?;
        let conn = self.conn.as_ref().ok_or(WalError::Closed)?;
        work(conn).map_err(|error| self.disconnect_after(error))
    }

    /// The ledger of an open connection, opened anew where an error closed it.
    fn connected(&mut self) -> Result<&Ledger, WalError> {
        if self.conn.is_none() {
            let (conn, ledger) = connect(&self.options.path)?;
            self.conn = Some(conn);
            self.ledger = ledger;
        }
        Ok(&self.ledger)
    }

    /// After an I/O error the kernel may have dropped the pages that it could not write,
    /// so that trying the same sync again would lie. Only what is read anew counts.
    fn disconnect_after(&mut self, error: WalError) -> WalError {
        match &error {
            WalError::Storage(_) | WalError::ReadOnly(_) | WalError::Damaged(_) => {
                self.conn = None;
            }
            WalError::Full(_)
            | WalError::Busy(_)
            | WalError::NoWriteAheadLog
            | WalError::NewerSchema { .. }
            | WalError::NoLedger
            | WalError::Create(_)
            | WalError::Image(_)
            | WalError::Closed => {}
        }
        error
    }
}

/// Bytes of a database and its log on disk.
pub(super) fn bytes_on_disk(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path, Path::new(&log)]
        .into_iter()
        .filter_map(|path| path.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

fn connect(path: &Path) -> Result<(Connection, Ledger), WalError> {
    let is_new = !path.exists();
    if is_new {
        create_private(path).map_err(WalError::Create)?;
    }
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Nobody else should have it open; the lock of a process that just died may linger.
    conn.busy_timeout(std::time::Duration::from_secs(1))?;
    schema::prepare(&mut conn)?;
    if is_new {
        sync_directory(path)?;
    }
    let ledger = Ledger::read(&conn)?;
    Ok((conn, ledger))
}

/// Makes the file before SQLite does, so that nobody else can ever read it.
fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        super::create_private_directory(directory)?;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A new file's name is safe only once its directory is synced.
fn sync_directory(path: &Path) -> Result<(), WalError> {
    let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(WalError::Create)
}
