//! The sealed data keys in the database, each with the places of the events that may be
//! sealed under it. They lie in a file beside it, too; see [`crate::vault`].

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::WalError;
use super::checkpoint;
use super::ledger::Ledger;
use crate::vault::{DataKey, KeyId, SealedKey, Vault};

/// A row of `data_key`.
#[derive(Clone, Debug)]
pub(super) struct KeyRow {
    pub(super) sealed: SealedKey,
    /// The place of the first event that may be sealed under it.
    pub(super) lo: i64,
    /// The place of the last one; `None` for the run that was the last one.
    pub(super) hi: Option<i64>,
}

impl KeyRow {
    /// From its columns; `None` where it is damaged.
    pub(super) fn of(id: KeyId, sealed: &[u8], lo: i64, hi: Option<i64>) -> Option<Self> {
        let sealed = SealedKey::parse(sealed).filter(|sealed| sealed.id() == id)?;
        Some(Self { sealed, lo, hi })
    }
}

/// Makes the keys known to the vault, and those that nothing is sealed under any more.
pub(super) fn load(conn: &Connection, ledger: &Ledger, vault: &Vault) -> Result<(), WalError> {
    let rows = rows(conn)?;
    // Damage elsewhere shows when it is in the way; until then every key stays.
    let unused = unused(conn, ledger, &rows).unwrap_or_default();
    vault.learn(rows.into_iter().map(|row| row.sealed), unused);
    Ok(())
}

/// Every legible key in the database.
pub(super) fn rows(conn: &Connection) -> Result<Vec<KeyRow>, WalError> {
    let mut statement = conn.prepare("SELECT id, sealed, lo, hi FROM data_key")?;
    let mut found = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get(1)?;
        found.extend(KeyRow::of(row.get(0)?, &sealed, row.get(2)?, row.get(3)?));
    }
    Ok(found)
}

/// Puts a key that was found elsewhere into the database.
pub(super) fn insert(conn: &Connection, row: &KeyRow) -> Result<(), WalError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO data_key(id, sealed, lo, hi) VALUES(?1, ?2, ?3, ?4)",
    )?
    .execute(params![row.sealed.id(), row.sealed.to_bytes(), row.lo, row.hi])?;
    Ok(())
}

/// The key to seal with. In the first transaction that needs it, it goes into the database,
/// with what only the file beside knows; what nobody needs any more goes out.
pub(super) fn enter(
    conn: &Connection,
    ledger: &mut Ledger,
    vault: &Vault,
) -> Result<Arc<DataKey>, WalError> {
    let key = vault.session().map_err(WalError::of_file)?;
    if ledger.session == Some(key.id()) {
        return Ok(key);
    }
    for unused in vault.unused() {
        conn.execute("DELETE FROM data_key WHERE id = ?1", [unused])?;
    }
    let last = ledger.next_seq - 1;
    conn.execute(
        "UPDATE data_key SET hi = ?1 WHERE hi IS NULL AND id <> ?2",
        params![last, key.id()],
    )?;
    for sealed in vault.sealed() {
        let is_session = sealed.id() == key.id();
        let (lo, hi) = if is_session { (last + 1, None) } else { (1, Some(last)) };
        conn.execute(
            "INSERT INTO data_key(id, sealed, lo, hi) VALUES(?1, ?2, ?3, ?4)
             ON CONFLICT(id) DO UPDATE SET sealed = excluded.sealed",
            params![sealed.id(), sealed.to_bytes(), lo, hi],
        )?;
    }
    ledger.session = Some(key.id());
    Ok(key)
}

/// Makes the keys known that a database holds which is only read.
pub(super) fn show(conn: &Connection, vault: &Vault) -> Result<(), WalError> {
    vault.learn(rows(conn)?.into_iter().map(|row| row.sealed), Vec::new());
    Ok(())
}

fn unused(conn: &Connection, ledger: &Ledger, rows: &[KeyRow]) -> Result<Vec<KeyId>, WalError> {
    let mut kept_for_others = checkpoint::keys(conn)?;
    kept_for_others.extend(keys_of_images(conn)?);
    let mut unused = Vec::new();
    for row in rows {
        let id = row.sealed.id();
        let hi = row.hi.unwrap_or(ledger.next_seq - 1);
        if !kept_for_others.contains(&id) && !is_used(conn, row.lo, hi)? {
            unused.push(id);
        }
    }
    Ok(unused)
}

fn is_used(conn: &Connection, lo: i64, hi: i64) -> Result<bool, WalError> {
    let used = conn
        .prepare_cached(
            "SELECT EXISTS(SELECT 1 FROM event WHERE seq BETWEEN ?1 AND ?2)
                 OR EXISTS(SELECT 1 FROM dead WHERE seq BETWEEN ?1 AND ?2)",
        )?
        .query_row([lo, hi], |row| row.get(0))?;
    Ok(used)
}

fn keys_of_images(conn: &Connection) -> Result<BTreeSet<KeyId>, WalError> {
    let mut statement = conn.prepare("SELECT DISTINCT enc FROM image")?;
    let found = statement.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}
