//! The checkpoint of the open window, which bears its title and is therefore sealed.
//!
//! What an earlier run left may not be readable yet while this one needs the place: it is
//! kept under a name of its own until it can be reported.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::{NewEvent, Store, WalError};
use crate::vault::{KeyId, Unopened, Vault, key_of};

/// What becomes of the checkpoint of the open window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckpointUpdate {
    /// It stays.
    #[default]
    Keep,
    /// There is none any more.
    Clear,
    /// It is replaced.
    Set(Vec<u8>),
}

/// A window that was open when an earlier run was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    name: String,
    /// What was kept of it; `None` where it can never be read.
    pub open_window: Option<Vec<u8>>,
}

const NAME: &str = "open_window";
/// Sorts behind [`NAME`] and before everything else.
const LEFT: &str = "open_window-";
const BEHIND_LEFT: &str = "open_window.";

impl Store {
    /// Makes the place free for this run's checkpoint: what an earlier run left there stays
    /// until it is reported.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn leave_checkpoint(&mut self) -> Result<(), WalError> {
        if self.note(NAME)?.is_none() {
            return Ok(());
        }
        self.write(|tx, ledger| {
            let name = format!("{LEFT}{}", ledger.next_seq);
            tx.execute(
                "UPDATE OR REPLACE note SET name = ?2 WHERE name = ?1",
                params![NAME, name],
            )?;
            Ok(())
        })
    }

    /// The checkpoints that earlier runs left.
    ///
    /// # Errors
    /// Fails where the database does, and with [`WalError::Locked`] where one of them
    /// cannot be read now.
    pub fn left_checkpoints(&mut self) -> Result<Vec<Checkpoint>, WalError> {
        let vault = std::sync::Arc::clone(self.vault());
        let left = self.read(|conn| left(conn, LEFT))?;
        let open = |(name, body)| match vault.open_alone(NAME.as_bytes(), body) {
            Ok(plain) => Ok(Checkpoint { name, open_window: Some(plain) }),
            Err(Unopened::Lost) => Ok(Checkpoint { name, open_window: None }),
            Err(Unopened::Locked(locked)) => Err(WalError::Locked(locked)),
        };
        left.into_iter().map(open).collect()
    }

    /// Puts what became of a checkpoint into the log, and takes the checkpoint out of it.
    ///
    /// # Errors
    /// On any error the checkpoint stays.
    pub fn report_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
        event: Option<&NewEvent>,
    ) -> Result<(), WalError> {
        let author = self.author();
        self.write(|tx, ledger| {
            if let Some(event) = event {
                super::append::insert(tx, ledger, &author, event)?;
            }
            tx.execute("DELETE FROM note WHERE name = ?1", [&checkpoint.name])?;
            Ok(())
        })
    }

    /// The checkpoint of the window that was open when the log was last written.
    ///
    /// # Errors
    /// Fails where the database does, and with [`WalError::Locked`] where it cannot be
    /// read now.
    pub fn checkpoint(&mut self) -> Result<Option<Vec<u8>>, WalError> {
        let vault = std::sync::Arc::clone(self.vault());
        let Some(body) = self.note(NAME)? else { return Ok(None) };
        match vault.open_alone(NAME.as_bytes(), body) {
            Ok(plain) => Ok(Some(plain)),
            Err(Unopened::Lost) => Ok(None),
            Err(Unopened::Locked(locked)) => Err(WalError::Locked(locked)),
        }
    }
}

/// Keeps the checkpoint in step with an event that is inserted.
pub(super) fn update(
    conn: &Connection,
    vault: &Vault,
    update: &CheckpointUpdate,
) -> Result<(), WalError> {
    match update {
        CheckpointUpdate::Keep => {}
        CheckpointUpdate::Clear => {
            conn.prepare_cached("DELETE FROM note WHERE name = ?1")?.execute([NAME])?;
        }
        CheckpointUpdate::Set(bytes) => {
            let sealed = vault.seal_alone(NAME.as_bytes(), bytes).map_err(WalError::of_file)?;
            conn.prepare_cached("INSERT OR REPLACE INTO note(name, body) VALUES(?1, ?2)")?
                .execute(params![NAME, sealed])?;
        }
    }
    Ok(())
}

/// The keys that checkpoints are sealed under.
pub(super) fn keys(conn: &Connection) -> Result<BTreeSet<KeyId>, WalError> {
    let left = left(conn, NAME)?;
    Ok(left.iter().filter_map(|(_, body)| key_of(body)).collect())
}

fn left(conn: &Connection, from: &str) -> Result<Vec<(String, Vec<u8>)>, WalError> {
    let mut statement =
        conn.prepare_cached("SELECT name, body FROM note WHERE name >= ?1 AND name < ?2")?;
    let found = statement.query_map([from, BEHIND_LEFT], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}
