//! The database's schema, and how a connection is set up.
//!
//! Forward only: a released statement is never edited, a change is a new one, and each one
//! changes the tables, so that these tell the version where the number of it is damaged.

use std::io::Read as _;
use std::path::Path;

use rusqlite::Connection;

use super::{Medium, WalError};

/// What `PRAGMA user_version` says of a database with the newest schema.
const VERSION: i64 = MIGRATIONS.len() as i64;

const MIGRATIONS: [&str; 1] = [V1];

/// `event` holds what waits and what was delivered. It has no index besides the
/// rowid, because each one multiplies what a commit writes. A row is delivered when
/// it lies at or below `ledger.batched_upto` and in no row of `batch`. `enc` names the row of
/// `data_key` that a body is sealed under; 0 is plain. Only places from `lo` to `hi` bear
/// events that are sealed under a key.
const V1: &str = "
CREATE TABLE event(
  seq     INTEGER PRIMARY KEY,
  eid     BLOB    NOT NULL,
  cls     INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  enc     INTEGER NOT NULL,
  crc     INTEGER NOT NULL,
  body    BLOB    NOT NULL
) STRICT;

CREATE TABLE batch(
  lo         INTEGER PRIMARY KEY,
  hi         INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  bid        BLOB    NOT NULL,
  created_ms INTEGER NOT NULL,
  suspect    INTEGER NOT NULL,
  status     INTEGER,
  code       TEXT,
  cause      TEXT
) STRICT;

CREATE TABLE delivered(
  id    INTEGER PRIMARY KEY,
  lo    INTEGER NOT NULL,
  hi    INTEGER NOT NULL,
  n     INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE dead(
  seq     INTEGER PRIMARY KEY,
  eid     BLOB    NOT NULL,
  cls     INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  enc     INTEGER NOT NULL,
  crc     INTEGER NOT NULL,
  body    BLOB    NOT NULL,
  status  INTEGER,
  code    TEXT,
  cause   TEXT    NOT NULL,
  at_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE image(
  id      INTEGER PRIMARY KEY,
  sha     BLOB    NOT NULL UNIQUE,
  seq     INTEGER NOT NULL,
  media   TEXT    NOT NULL,
  size    INTEGER NOT NULL,
  state   INTEGER NOT NULL,
  at_ms   INTEGER NOT NULL,
  enc     INTEGER NOT NULL,
  body    BLOB
) STRICT;

CREATE TABLE ledger(
  id              INTEGER PRIMARY KEY CHECK(id = 1),
  epoch           INTEGER NOT NULL,
  next_seq        INTEGER NOT NULL,
  batched_upto    INTEGER NOT NULL,
  captured        INTEGER NOT NULL,
  delivered       INTEGER NOT NULL,
  duplicates      INTEGER NOT NULL,
  rejected        INTEGER NOT NULL,
  dead            INTEGER NOT NULL,
  pending         INTEGER NOT NULL,
  unbatched       INTEGER NOT NULL,
  unbatched_bytes INTEGER NOT NULL,
  images_pending  INTEGER NOT NULL,
  last_success_ms INTEGER,
  last_error      TEXT,
  revoked_ms      INTEGER
) STRICT;

CREATE TABLE data_key(
  id     INTEGER PRIMARY KEY,
  sealed BLOB    NOT NULL,
  lo     INTEGER NOT NULL,
  hi     INTEGER
) STRICT;

CREATE TABLE dropped(reason TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE note(name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Commits a page without changing anything.
///
/// # Errors
/// Fails where the database does.
pub(super) fn touch(conn: &Connection) -> Result<(), WalError> {
    Ok(conn.pragma_update(None, "user_version", VERSION)?)
}

/// Sets the connection up and brings the schema to the newest version.
pub(super) fn prepare(conn: &mut Connection, medium: Medium) -> Result<(), WalError> {
    // Exclusive before the first use of the WAL, and so before anything reads the schema:
    // there is no shared-memory file, for which a full disk would have no room, and no
    // outside reader can hold the WAL back from being reset.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    conn.pragma_update(None, "page_size", 4096)?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode: String =
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(WalError::NoWriteAheadLog);
    }
    // FULL: with NORMAL a power cut may undo commits that were acknowledged.
    conn.pragma_update(None, "synchronous", medium.synchronous())?;
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "checkpoint_fullfsync", true)?;
    conn.pragma_update(None, "wal_autocheckpoint", 1000)?;
    conn.pragma_update(None, "journal_size_limit", 8 * 1024 * 1024)?;
    conn.pragma_update(None, "cache_size", -2048)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "secure_delete", "FAST")?;
    conn.set_prepared_statement_cache_capacity(64);
    migrate(conn)
}

/// The version of the schema that the database has; 0 is an empty one. Where the number is a
/// bit away from the version that the tables have, the bit was flipped.
pub(super) fn version(conn: &Connection) -> Result<i64, WalError> {
    let stored: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if stored == VERSION {
        return Ok(stored);
    }
    let differs_by_a_bit = |version: i64| ((stored ^ version) & 0xffff_ffff).count_ones() == 1;
    let mut near = (1..=VERSION).filter(|&version| differs_by_a_bit(version)).peekable();
    if near.peek().is_none() {
        return Ok(stored);
    }
    let found = statements(conn)?;
    for version in near {
        if found == statements_of(version)? {
            tracing::warn!(stored, version, "the version of the event log's schema was damaged");
            return Ok(version);
        }
    }
    Ok(stored)
}

/// What made the tables, by their names.
fn statements(conn: &Connection) -> Result<Vec<String>, WalError> {
    let mut made =
        conn.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")?;
    let rows = made.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What [`statements`] says of a sound database of that version.
fn statements_of(version: i64) -> Result<Vec<String>, WalError> {
    let conn = Connection::open_in_memory()?;
    let known = usize::try_from(version).unwrap_or(0);
    MIGRATIONS.iter().take(known).try_for_each(|statements| conn.execute_batch(statements))?;
    statements(&conn)
}

/// Of a file whose header names a format that this program never writes, SQLite says that it
/// cannot be written: that is damage. Asked before, it would be a cut in the middle of the
/// very first page, too, which SQLite mends.
pub(super) fn blame_format(error: WalError, path: &Path) -> WalError {
    /// Where the header says what may write the file and what may read it: 1 is a journal,
    /// 2 a write-ahead log.
    const FORMAT: std::ops::Range<usize> = 18..20;

    let mut header = [0; FORMAT.end];
    let mut read = || std::fs::File::open(path)?.read_exact(&mut header);
    match error {
        WalError::ReadOnly(cause) if read().is_ok() => {
            let is_ours = header[FORMAT].iter().all(|version| (1..=2).contains(version));
            if is_ours { WalError::ReadOnly(cause) } else { WalError::Damaged(cause) }
        }
        error => error,
    }
}

/// Refuses a database that a newer version of this program has changed.
pub(super) fn check_version(found: i64) -> Result<(), WalError> {
    if found > VERSION { Err(WalError::NewerSchema { found, known: VERSION }) } else { Ok(()) }
}

fn migrate(conn: &mut Connection) -> Result<(), WalError> {
    let found = version(conn)?;
    check_version(found)?;
    for (index, statements) in
        MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0))
    {
        let tx = conn.transaction()?;
        tx.execute_batch(statements)?;
        if index == 0 {
            super::ledger::Ledger::create(&tx)?;
        }
        tx.pragma_update(None, "user_version", index as i64 + 1)?;
        tx.commit()?;
    }
    Ok(())
}
