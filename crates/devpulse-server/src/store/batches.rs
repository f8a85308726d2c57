//! Batches: each stored once, with the receipt that it was given.

use devpulse_protocol::Receipt;
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, configs, devices, events};
use crate::batch::ParsedBatch;
use crate::credential::Digest;

/// What came of a batch.
#[derive(Debug)]
pub(crate) enum BatchOutcome {
    /// The receipt as JSON: a new one, or the very one that was given before.
    Receipt(String),
    /// The id was used for another batch.
    Mismatch,
    /// The device may not send any more.
    Revoked,
}

/// Stores a batch of the device in row `device`.
pub(crate) fn take(
    connection: &Connection,
    device: i64,
    batch: &ParsedBatch,
) -> Result<BatchOutcome, StoreError> {
    if !devices::mark_seen(connection, device)? {
        return Ok(BatchOutcome::Revoked);
    }
    let id = batch.id.as_bytes();
    let former: Option<(Digest, String)> = connection
        .prepare_cached("SELECT digest, body FROM receipt WHERE device = ? AND batch_id = ?")?
        .query_row(params![device, id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match former {
        Some((digest, receipt)) if digest == batch.digest => {
            return Ok(BatchOutcome::Receipt(receipt));
        }
        Some(_) => return Ok(BatchOutcome::Mismatch),
        None => {}
    }
    let accepted = events::insert(connection, device, batch)?;
    let receipt = Receipt {
        batch_id: batch.id,
        accepted,
        duplicates: batch.events.len() as u64 - accepted,
        rejected: batch.rejected.clone(),
        config_version: Some(configs::version_for(connection, device)?),
    };
    let text = serde_json::to_string(&receipt)?;
    connection.prepare_cached("INSERT INTO receipt VALUES(?, ?, ?, ?)")?.execute(params![
        device,
        id,
        batch.digest,
        text
    ])?;
    Ok(BatchOutcome::Receipt(text))
}
