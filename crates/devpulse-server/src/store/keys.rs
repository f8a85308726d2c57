//! Exchanging the key of a device: ordered, issued, and in force once it was used.

use std::time::Duration;

use devpulse_protocol::{ApiKey, DeviceId, KeyResponse, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, configs, tokens};
use crate::credential::Digest;

/// A key that ends is to be exchanged when so much of its life is left,
const LAST_PART: i64 = 3;
/// or so much time, whichever is less.
const LAST_DAYS_MS: i64 = 14 * 24 * 60 * 60 * 1000;

/// Orders a device to exchange its key: its configuration says so from now on, under
/// another version. `false` where there is no such device.
pub(crate) fn order(
    connection: &Connection,
    device_id: &DeviceId,
    order: &str,
) -> Result<bool, StoreError> {
    let ordered = connection.execute(
        "UPDATE device SET rotation = ? WHERE device_id = ?",
        params![order, device_id.as_str()],
    )?;
    if ordered > 0 {
        configs::renew_version(connection, device_id)?;
    }
    Ok(ordered > 0)
}

/// The order that a device has to follow: the administrator's, or one because its key is
/// about to end.
pub(crate) fn ordered(
    connection: &Connection,
    device_id: &DeviceId,
) -> Result<Option<String>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT rotation, key_expires_ms, coalesce(key_issued_ms, enrolled_ms)
             FROM device WHERE device_id = ?",
        )?
        .query_row([device_id.as_str()], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((rotation, expires, issued)) = found else { return Ok(None) };
    let now = Timestamp::now().as_millis();
    let ending = expires.filter(|&expires| is_to_be_exchanged(issued, expires, now));
    Ok(rotation.or_else(|| ending.map(|expires| format!("ends-{expires}"))))
}

/// Issues a key that takes the place of the device's own at its first use, and of one that
/// was issued before and never used.
pub(crate) fn issue(
    connection: &Connection,
    device: i64,
    api_key: ApiKey,
    lifetime: Option<Duration>,
) -> Result<KeyResponse, StoreError> {
    let now = Timestamp::now();
    let expires_at = lifetime.map(|lifetime| now.plus(lifetime));
    connection.execute(
        "UPDATE device SET next_key_digest = ?, next_key_expires_ms = ?, next_key_issued_ms = ?
         WHERE id = ?",
        params![
            Digest::of(api_key.expose()),
            expires_at.map(Timestamp::as_millis),
            now.as_millis(),
            device
        ],
    )?;
    Ok(KeyResponse { api_key, expires_at })
}

/// Puts the device's next key in force: the former one ends, with all tokens got for it.
pub(super) fn promote(connection: &Connection, device_id: &DeviceId) -> Result<(), StoreError> {
    tokens::expire(connection, Some(device_id))?;
    connection.execute(
        "UPDATE device SET key_digest = next_key_digest, key_expires_ms = next_key_expires_ms,
           key_issued_ms = next_key_issued_ms, next_key_digest = NULL,
           next_key_expires_ms = NULL, next_key_issued_ms = NULL, rotation = NULL
         WHERE device_id = ? AND next_key_digest IS NOT NULL",
        [device_id.as_str()],
    )?;
    Ok(())
}

fn is_to_be_exchanged(issued: i64, expires: i64, now: i64) -> bool {
    let left = expires - now;
    left < ((expires - issued) / LAST_PART).min(LAST_DAYS_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_exchanged_in_its_last_third_or_in_its_last_days() {
        let day = 24 * 60 * 60 * 1000;
        for (life, left, expected) in [
            (365 * day, 15 * day, false),
            (365 * day, 13 * day, true),
            (3 * day, day + 1, false),
            (3 * day, day - 1, true),
            (3 * day, -1, true),
        ] {
            assert_eq!(is_to_be_exchanged(0, life, life - left), expected, "{life} {left}");
        }
    }
}
