//! Reading the log of an agent that does not run: without locking, recovering or
//! writing it.

use std::path::Path;

use devpulse_protocol::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::images::StoredImage;
use super::keys::{self, KeyRow};
use super::ledger::Ledger;
use super::listing::{self, Listed, Which};
use super::{WalError, batches, images, schema, store};
use crate::vault::{KeyId, Vault};

/// A read-only view of a log that nobody has open.
#[derive(Debug)]
pub struct Snapshot {
    conn: Connection,
    ledger: Ledger,
    bytes_on_disk: u64,
}

/// What waits for a key that is not at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shut {
    /// Events.
    pub events: u64,
    /// Images.
    pub images: u64,
}

impl Snapshot {
    /// Opens the log at `path`; `None` where there is none.
    ///
    /// Nothing is locked. Where a crashed agent left something in its `-wal` file, that is
    /// seen and stays where it is, with its index kept in memory; where it left nothing,
    /// SQLite must not make that file.
    ///
    /// # Errors
    /// Fails where the file cannot be read, is damaged or was made by a newer version.
    pub fn open(path: &Path) -> Result<Option<Self>, WalError> {
        // Of an empty database, which an agent is just making, SQLite would delete the log.
        if path.metadata().map_or(0, |metadata| metadata.len()) == 0 {
            return Ok(None);
        }
        let log = super::beside(path, "-wal").metadata().map_or(0, |metadata| metadata.len());
        let conn = if log == 0 { open_alone(path)? } else { open_with_log(path)? };
        conn.pragma_update(None, "query_only", true)?;
        let found = schema::version(&conn)?;
        if found == 0 {
            return Ok(None);
        }
        schema::check_version(found)?;
        let ledger = Ledger::read(&conn)?;
        let bytes_on_disk = store::bytes_on_disk(path);
        Ok(Some(Self { conn, ledger, bytes_on_disk }))
    }

    /// The counters as of the last commit.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Bytes of the database and its log on disk.
    #[must_use]
    pub const fn bytes_on_disk(&self) -> u64 {
        self.bytes_on_disk
    }

    /// When the oldest event that waits was captured.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn oldest_pending(&self) -> Result<Option<Timestamp>, WalError> {
        let oldest = batches::oldest_pending(&self.conn, self.ledger.batched_upto)?;
        Ok(oldest.map(|(_, at)| at))
    }

    /// Makes the keys that this log holds known to its vault, which can then be unlocked.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn show_keys(&self, vault: &Vault) -> Result<(), WalError> {
        keys::show(&self.conn, vault)
    }

    /// What waits and cannot be read with what the vault has opened, but may be with a key
    /// that is not at hand. Looks at every row that waits.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn shut(&self, vault: &Vault) -> Result<Shut, WalError> {
        let shut = |by_key: Vec<(KeyId, u64)>| {
            by_key.into_iter().filter(|(key, _)| vault.is_shut(*key)).map(|(_, count)| count).sum()
        };
        Ok(Shut {
            events: shut(listing::waiting_by_key(&self.conn, self.ledger.batched_upto)?),
            images: shut(images::waiting_by_key(&self.conn)?),
        })
    }

    /// As [`super::Store::list`].
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn list(
        &self,
        vault: &Vault,
        which: Which,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Listed>, WalError> {
        listing::page(&self.conn, vault, which, self.ledger.batched_upto, after, limit)
    }

    /// As [`super::Store::newest`].
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn newest(&self, which: Which, count: usize) -> Result<i64, WalError> {
        listing::newest(&self.conn, which, self.ledger.batched_upto, count)
    }

    /// As [`super::Store::image`]; larger images lie in `directory`.
    ///
    /// # Errors
    /// As [`super::Store::image`].
    pub fn image(
        &self,
        vault: &Vault,
        directory: &Path,
        sha: &[u8; 32],
    ) -> Result<Option<StoredImage>, WalError> {
        images::image(&self.conn, vault, directory, sha)
    }

    /// The sealed keys that the log holds.
    pub(super) fn keys(&self) -> Result<Vec<KeyRow>, WalError> {
        keys::rows(&self.conn)
    }

    /// The places of the events in each open batch, both ends included.
    pub(super) fn batch_ranges(&self) -> Result<Vec<(i64, i64)>, WalError> {
        let mut statement = self.conn.prepare_cached("SELECT lo, hi FROM batch ORDER BY lo")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every small thing that other parts of the agent keep in the log.
    pub(super) fn notes(&self) -> Result<Vec<(String, Vec<u8>)>, WalError> {
        let mut statement = self.conn.prepare_cached("SELECT name, body FROM note")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A small thing that another part of the agent keeps in the log.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, WalError> {
        use rusqlite::OptionalExtension as _;

        let mut statement = self.conn.prepare_cached("SELECT body FROM note WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }
}

const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Opens a database that has no log.
fn open_alone(path: &Path) -> Result<Connection, WalError> {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    Ok(Connection::open_with_flags(uri, READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?)
}

/// Opens a database with its log, leaving out the layer that locks files.
fn open_with_log(path: &Path) -> Result<Connection, WalError> {
    const NO_LOCKS: &str = if cfg!(windows) { "win32-none" } else { "unix-none" };

    let conn = Connection::open_with_flags_and_vfs(path, READ_ONLY, NO_LOCKS)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    Ok(conn)
}
