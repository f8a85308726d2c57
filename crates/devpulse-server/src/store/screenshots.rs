//! Images, each stored once under its SHA-256.

use devpulse_protocol::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::{StoreError, devices};
use crate::credential::Digest;

/// What the server knows of an image.
#[derive(Clone, Debug, Serialize)]
pub struct ScreenshotSummary {
    /// SHA-256 of the image file, in hexadecimal.
    pub sha256: String,
    /// The image's media type, as the device named it.
    pub media_type: String,
    /// Length of the image file.
    pub size_bytes: i64,
    /// The device that sent it first.
    pub device_id: DeviceId,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// An image file.
#[derive(Clone, Debug)]
pub struct ScreenshotImage {
    /// The image's media type, as the device named it.
    pub media_type: String,
    /// The bytes of the file.
    pub bytes: Vec<u8>,
}

/// What came of sending an image.
#[derive(Debug)]
pub(crate) enum ImageOutcome {
    Stored,
    Known,
    Revoked,
}

/// Stores an image of the device in row `device`.
pub(crate) fn take(
    connection: &Connection,
    device: i64,
    digest: &Digest,
    media_type: &str,
    bytes: &[u8],
) -> Result<ImageOutcome, StoreError> {
    if !devices::mark_seen(connection, device)? {
        return Ok(ImageOutcome::Revoked);
    }
    let stored = connection
        .prepare_cached(
            "INSERT INTO screenshot(sha256, media_type, device, received_ms, image)
             VALUES(?, ?, ?, ?, ?) ON CONFLICT(sha256) DO NOTHING",
        )?
        .execute(params![digest, media_type, device, Timestamp::now().as_millis(), bytes])?;
    Ok(if stored > 0 { ImageOutcome::Stored } else { ImageOutcome::Known })
}

/// All images, in the order in which they arrived.
pub(crate) fn list(connection: &Connection) -> Result<Vec<ScreenshotSummary>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sha256, media_type, length(image), device.device_id, received_ms
         FROM screenshot JOIN device ON device.id = screenshot.device ORDER BY n",
    )?;
    let images = statement
        .query_map([], |row| {
            Ok(ScreenshotSummary {
                sha256: row.get::<_, Digest>(0)?.to_string(),
                media_type: row.get(1)?,
                size_bytes: row.get(2)?,
                device_id: DeviceId::new(row.get::<_, String>(3)?),
                received_at: Timestamp::from_millis(row.get(4)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(images)
}

pub(crate) fn find(
    connection: &Connection,
    digest: &Digest,
) -> Result<Option<ScreenshotImage>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT media_type, image FROM screenshot WHERE sha256 = ?")?
        .query_row([digest], |row| {
            Ok(ScreenshotImage { media_type: row.get(0)?, bytes: row.get(1)? })
        })
        .optional()?)
}
