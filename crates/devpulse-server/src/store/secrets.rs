//! Enrollment secrets: issued once, kept as digests.

use std::time::Duration;

use devpulse_protocol::{EnrollmentSecret, Timestamp, Username};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::credential::{self, Digest};

/// What an administrator asks of a new enrollment secret.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// What it is for, in the administrator's words.
    #[serde(default)]
    pub label: String,
    /// How many enrollments it is good for; any number where absent.
    #[serde(default)]
    pub max_uses: Option<u32>,
    /// Its life in seconds; without end where absent.
    #[serde(default)]
    pub expires_in_s: Option<u64>,
    /// The only person who may use it; anyone where absent.
    #[serde(default)]
    pub username: Option<Username>,
}

/// A new enrollment secret. It is shown this once, because only its digest is kept.
#[derive(Clone, Debug, Serialize)]
pub struct IssuedSecret {
    /// What people enroll with.
    pub secret: EnrollmentSecret,
    /// What the server will tell of it later.
    #[serde(flatten)]
    pub summary: SecretSummary,
}

/// What the server knows of an enrollment secret.
#[derive(Clone, Debug, Serialize)]
pub struct SecretSummary {
    /// Names it for administrators.
    pub id: i64,
    /// What it is for.
    pub label: String,
    /// The only person who may use it.
    pub username: Option<Username>,
    /// How many enrollments it is good for.
    pub max_uses: Option<u32>,
    /// How many there were.
    pub uses: u32,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was issued.
    pub created_at: Timestamp,
}

pub(crate) fn issue(
    connection: &Connection,
    request: SecretRequest,
) -> Result<IssuedSecret, StoreError> {
    let text = credential::generate("dps_");
    let created_at = Timestamp::now();
    let expires_at = request.expires_in_s.map(|life| created_at.plus(Duration::from_secs(life)));
    connection
        .prepare_cached(
            "INSERT INTO secret(digest, label, username, max_uses, expires_ms, created_ms)
             VALUES(?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            Digest::of(&text),
            request.label,
            request.username.as_ref().map(Username::as_str),
            request.max_uses,
            expires_at.map(Timestamp::as_millis),
            created_at.as_millis(),
        ])?;
    Ok(IssuedSecret {
        secret: EnrollmentSecret::new(text),
        summary: SecretSummary {
            id: connection.last_insert_rowid(),
            label: request.label,
            username: request.username,
            max_uses: request.max_uses,
            uses: 0,
            expires_at,
            created_at,
        },
    })
}

pub(crate) fn list(connection: &Connection) -> Result<Vec<SecretSummary>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, label, username, max_uses, uses, expires_ms, created_ms
         FROM secret ORDER BY id",
    )?;
    let secrets = statement
        .query_map([], |row| {
            Ok(SecretSummary {
                id: row.get(0)?,
                label: row.get(1)?,
                username: row.get::<_, Option<String>>(2)?.map(Username::new),
                max_uses: row.get(3)?,
                uses: row.get(4)?,
                expires_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis),
                created_at: Timestamp::from_millis(row.get(6)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(secrets)
}

/// Deletes a secret; `false` where there is none of that id.
pub(crate) fn delete(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM secret WHERE id = ?", [id])? > 0)
}

/// The secret's id, where `username` may enroll with it now.
///
/// The digest is looked up in an index. How long that takes tells nothing of use,
/// because nobody can choose what their guess's digest begins with.
pub(crate) fn find_usable(
    connection: &Connection,
    secret: &EnrollmentSecret,
    username: &Username,
) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT id FROM secret WHERE digest = ?1
             AND (username IS NULL OR username = ?2)
             AND (max_uses IS NULL OR uses < max_uses)
             AND (expires_ms IS NULL OR expires_ms > ?3)",
        )?
        .query_row(
            params![Digest::of(secret.expose()), username.as_str(), Timestamp::now().as_millis()],
            |row| row.get(0),
        )
        .optional()?)
}

pub(crate) fn count_use(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE secret SET uses = uses + 1 WHERE id = ?")?.execute([id])?;
    Ok(())
}
