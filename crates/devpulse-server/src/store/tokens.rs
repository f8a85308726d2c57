//! Access tokens: random, short-lived, kept as digests.

use std::time::Duration;

use devpulse_protocol::{AccessToken, ApiKey, DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, keys};
use crate::credential::{self, Digest};

/// What came of asking for a token.
#[derive(Debug)]
pub(crate) enum TokenGrant {
    Granted(AccessToken),
    UnknownKey,
    KeyExpired,
    Revoked,
}

/// Whose token it is.
#[derive(Debug)]
pub(crate) enum TokenBearer {
    Device { row: i64, device_id: DeviceId },
    Revoked,
    Unknown,
}

pub(crate) fn grant(
    connection: &Connection,
    device_id: &DeviceId,
    key: &ApiKey,
    lifetime: Duration,
) -> Result<TokenGrant, StoreError> {
    let device = connection
        .prepare_cached(
            "SELECT id, revoked_ms, key_digest, key_expires_ms, next_key_digest,
               next_key_expires_ms FROM device WHERE device_id = ?",
        )?
        .query_row([device_id.as_str()], |row| {
            let own: (Digest, Option<i64>) = (row.get(2)?, row.get(3)?);
            let next: (Option<Digest>, Option<i64>) = (row.get(4)?, row.get(5)?);
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, own, next))
        })
        .optional()?;
    let now = Timestamp::now();
    let Some((device, revoked, (digest, expires), (next, next_expires))) = device else {
        return Ok(TokenGrant::UnknownKey);
    };
    let is_next = next.is_some_and(|next| next.matches(key.expose()));
    if !is_next && !digest.matches(key.expose()) {
        return Ok(TokenGrant::UnknownKey);
    }
    if revoked.is_some() {
        return Ok(TokenGrant::Revoked);
    }
    let expires = if is_next { next_expires } else { expires };
    if expires.is_some_and(|expires| expires <= now.as_millis()) {
        return Ok(TokenGrant::KeyExpired);
    }
    if is_next {
        keys::promote(connection, device_id)?;
    }
    let token = credential::generate("dpt_");
    connection
        .prepare_cached("DELETE FROM token WHERE device = ? AND expires_ms <= ?")?
        .execute(params![device, now.as_millis()])?;
    connection.prepare_cached("INSERT INTO token VALUES(?, ?, ?)")?.execute(params![
        Digest::of(&token),
        device,
        now.plus(lifetime).as_millis()
    ])?;
    Ok(TokenGrant::Granted(AccessToken::new(token)))
}

pub(crate) fn bearer(connection: &Connection, token: &Digest) -> Result<TokenBearer, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT device.id, device.device_id, device.revoked_ms IS NOT NULL
             FROM token JOIN device ON device.id = token.device
             WHERE token.digest = ? AND token.expires_ms > ?",
        )?
        .query_row(params![token, Timestamp::now().as_millis()], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
        })
        .optional()?;
    Ok(match found {
        None => TokenBearer::Unknown,
        Some((_, _, true)) => TokenBearer::Revoked,
        Some((row, device_id, false)) => {
            TokenBearer::Device { row, device_id: DeviceId::new(device_id) }
        }
    })
}

/// Ends every token of a device, or of all.
pub(crate) fn expire(
    connection: &Connection,
    device_id: Option<&DeviceId>,
) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM token WHERE ?1 IS NULL
         OR device = (SELECT id FROM device WHERE device_id = ?1)",
        [device_id.map(DeviceId::as_str)],
    )?;
    Ok(())
}
