//! Small things that other parts of the agent keep in the log, in the clear.

use rusqlite::{OptionalExtension as _, params};

use super::{Store, WalError};

impl Store {
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
}
