//! Whose events a log holds: for which person, for which server.
//!
//! The log itself says so, because the credentials may be gone or damaged when it matters.

use std::path::Path;

use devpulse_pipeline::wal::{Snapshot, Store, WalError};
use devpulse_protocol::Username;
use serde::{Deserialize, Serialize};

use crate::credentials::DeviceIdentity;
use crate::origin::{PlainHttp, ServerUrl};

const NOTE: &str = "owner";

/// Whose events a log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) username: Username,
    pub(crate) server: ServerUrl,
}

#[derive(Serialize, Deserialize)]
struct Note {
    username: Username,
    server_url: String,
}

impl Owner {
    pub(crate) fn of(identity: &DeviceIdentity) -> Self {
        Self { username: identity.username.clone(), server: identity.server_url.clone() }
    }

    /// Whether both are the same person at the same server.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.username == other.username && self.server.origin() == other.server.origin()
    }

    /// What the log at `path` says; `None` where there is none, or where it does not say.
    pub(crate) fn of_log(path: &Path) -> Result<Option<Self>, WalError> {
        let Some(snapshot) = Snapshot::open(path)? else { return Ok(None) };
        Ok(snapshot.note(NOTE)?.as_deref().and_then(Self::read))
    }

    /// Writes it into the log.
    pub(crate) fn sign(&self, store: &mut Store) -> Result<(), WalError> {
        let known = store.note(NOTE)?;
        if known.as_deref().and_then(Self::read).is_some_and(|known| known == *self) {
            return Ok(());
        }
        let note =
            Note { username: self.username.clone(), server_url: self.server.as_str().to_owned() };
        match serde_json::to_vec(&note) {
            Ok(note) => store.set_note(NOTE, &note),
            Err(error) => {
                tracing::error!(%error, "the owner of the event log has no JSON form");
                Ok(())
            }
        }
    }

    fn read(note: &[u8]) -> Option<Self> {
        let note: Note = serde_json::from_slice(note).ok()?;
        let server = ServerUrl::parse(&note.server_url, PlainHttp::Anywhere).ok()?;
        Some(Self { username: note.username, server })
    }
}
