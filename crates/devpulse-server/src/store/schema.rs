//! The tables, and how the file is opened.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::StoreError;

/// Marks the file as this server's, so that no other database is taken for it.
const APPLICATION_ID: i32 = 0x4450_5356;
const SCHEMA_VERSION: i32 = 2;
/// How long a connection waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE user(
  user_id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE,
  suspended INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE secret(
  id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, label TEXT NOT NULL,
  username TEXT, max_uses INTEGER, uses INTEGER NOT NULL DEFAULT 0,
  expires_ms INTEGER, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE device(
  id INTEGER PRIMARY KEY, device_id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL,
  hostname TEXT NOT NULL, platform TEXT NOT NULL, os_version TEXT, arch TEXT,
  client_version TEXT, machine_id TEXT, key_digest BLOB NOT NULL, key_expires_ms INTEGER,
  enrolled_ms INTEGER NOT NULL, last_seen_ms INTEGER, revoked_ms INTEGER,
  config TEXT, config_version INTEGER NOT NULL DEFAULT 0,
  key_issued_ms INTEGER, next_key_digest BLOB, next_key_expires_ms INTEGER,
  next_key_issued_ms INTEGER, rotation TEXT) STRICT;
CREATE INDEX device_of_user ON device(user_id);
CREATE TABLE token(
  digest BLOB PRIMARY KEY, device INTEGER NOT NULL, expires_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
CREATE INDEX token_of_device ON token(device);
CREATE TABLE event(
  n INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, device INTEGER NOT NULL,
  event_type TEXT NOT NULL, time_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE event_count(
  device INTEGER NOT NULL, event_type TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY(device, event_type)) STRICT, WITHOUT ROWID;
CREATE TABLE receipt(
  device INTEGER NOT NULL, batch_id BLOB NOT NULL, digest BLOB NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(device, batch_id)) STRICT;
CREATE TABLE screenshot(
  n INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, media_type TEXT NOT NULL,
  device INTEGER NOT NULL, received_ms INTEGER NOT NULL, image BLOB NOT NULL) STRICT;
CREATE TABLE config(
  id INTEGER PRIMARY KEY CHECK(id = 1), newest INTEGER NOT NULL,
  version INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
INSERT INTO config VALUES(1, 1, 1, '{}');
";

/// From the first version: keys can be exchanged.
const FROM_1: &str = "
ALTER TABLE device ADD COLUMN key_issued_ms INTEGER;
ALTER TABLE device ADD COLUMN next_key_digest BLOB;
ALTER TABLE device ADD COLUMN next_key_expires_ms INTEGER;
ALTER TABLE device ADD COLUMN next_key_issued_ms INTEGER;
ALTER TABLE device ADD COLUMN rotation TEXT;
";

/// Opens the database for writing, and makes it where there is none. A file that is
/// another program's is left as it is.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    reserve(path)?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if standing(&connection, path)? != Standing::Current {
        create(&connection, path)?;
    }
    prepare(&connection)?;
    let journal: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if journal != "wal" {
        tracing::warn!(journal, "the file system does not allow write-ahead logging");
    }
    connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864;")?;
    Ok(connection)
}

/// Opens a second connection, which can only read.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    connection.execute_batch("PRAGMA query_only=ON")?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA cache_size=-8192; PRAGMA trusted_schema=OFF;")?;
    Ok(())
}

/// Makes the file before SQLite does, because only its owner may read it.
fn reserve(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(StoreError::File { path: path.to_owned(), cause }),
    }
}

/// What is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Empty,
    /// The tables of the first version.
    Former,
    Current,
}

/// What is in the file, unless it is another program's.
fn standing(connection: &Connection, path: &Path) -> Result<Standing, StoreError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let found = number("PRAGMA application_id").and_then(|application| {
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        Ok((application, number("PRAGMA user_version")?, tables))
    });
    match found {
        Ok((APPLICATION_ID, SCHEMA_VERSION, _)) => Ok(Standing::Current),
        Ok((APPLICATION_ID, 1, _)) => Ok(Standing::Former),
        Ok((0, 0, 0)) => Ok(Standing::Empty),
        Err(cause) if cause.sqlite_error_code() != Some(ErrorCode::NotADatabase) => {
            Err(cause.into())
        }
        Ok(_) | Err(_) => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

/// Makes the tables, or what they lack, unless another process has done so meanwhile.
fn create(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let tables = match standing(connection, path)? {
        Standing::Empty => SCHEMA,
        Standing::Former => FROM_1,
        Standing::Current => "",
    };
    connection.execute_batch(&format!(
        "{tables} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION};"
    ))?;
    connection.execute_batch("COMMIT")?;
    Ok(())
}
