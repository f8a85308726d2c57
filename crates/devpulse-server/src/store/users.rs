//! People, by the name they enroll with.

use devpulse_protocol::{Timestamp, UserId, Username};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use super::StoreError;

/// Whether a person may enroll devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// They may.
    Active,
    /// They may not.
    Suspended,
}

/// A person that the server knows.
#[derive(Clone, Debug, Serialize)]
pub struct UserSummary {
    /// Given by the server.
    pub user_id: UserId,
    /// The name they enroll with.
    pub username: Username,
    /// Whether they may enroll devices.
    pub standing: Standing,
}

/// The person of that name, who is made known where they are not.
pub(crate) fn find_or_add(
    connection: &Connection,
    username: &Username,
) -> Result<UserSummary, StoreError> {
    if let Some(user) = find(connection, username)? {
        return Ok(user);
    }
    let user_id = UserId::new(Uuid::now_v7().to_string());
    connection
        .prepare_cached("INSERT INTO user(user_id, username, created_ms) VALUES(?, ?, ?)")?
        .execute(params![user_id.as_str(), username.as_str(), Timestamp::now().as_millis()])?;
    Ok(UserSummary { user_id, username: username.clone(), standing: Standing::Active })
}

/// Whether the person of that name may enroll; whoever is unknown may.
pub(crate) fn standing(
    connection: &Connection,
    username: &Username,
) -> Result<Standing, StoreError> {
    Ok(find(connection, username)?.map_or(Standing::Active, |user| user.standing))
}

/// Decides whether a person may enroll devices, whether or not they are known yet.
pub(crate) fn set_standing(
    connection: &Connection,
    username: &Username,
    standing: Standing,
) -> Result<(), StoreError> {
    let user = find_or_add(connection, username)?;
    connection
        .prepare_cached("UPDATE user SET suspended = ? WHERE user_id = ?")?
        .execute(params![standing == Standing::Suspended, user.user_id.as_str()])?;
    Ok(())
}

pub(crate) fn list(connection: &Connection) -> Result<Vec<UserSummary>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT user_id, username, suspended FROM user ORDER BY username")?;
    let users = statement.query_map([], summary)?.collect::<Result<_, _>>()?;
    Ok(users)
}

fn find(connection: &Connection, username: &Username) -> Result<Option<UserSummary>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT user_id, username, suspended FROM user WHERE username = ?")?
        .query_row([username.as_str()], summary)
        .optional()?)
}

fn summary(row: &rusqlite::Row<'_>) -> rusqlite::Result<UserSummary> {
    let suspended: bool = row.get(2)?;
    Ok(UserSummary {
        user_id: UserId::new(row.get::<_, String>(0)?),
        username: Username::new(row.get::<_, String>(1)?),
        standing: if suspended { Standing::Suspended } else { Standing::Active },
    })
}
