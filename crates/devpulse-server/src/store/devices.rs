//! Devices: enrolled, found, revoked.

use devpulse_protocol::{
    ApiKey, DeviceId, DeviceInfo, EnrollRequest, EnrollResponse, Platform, Timestamp, UserId,
    Username,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use uuid::Uuid;

use super::users::Standing;
use super::{StoreError, configs, secrets, users};
use crate::credential::{self, Digest};
use crate::options::{EnrollmentPolicy, Reenrollment};

/// What the server knows of a device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceSummary {
    /// Given by the server; events bear it as `client_id`.
    pub device_id: DeviceId,
    /// Whom it belongs to.
    pub user_id: UserId,
    /// That person's name.
    pub username: Username,
    /// The device's name in its network.
    pub hostname: String,
    /// Its operating system.
    pub platform: String,
    /// What it said of itself when it enrolled.
    pub device: DeviceInfo,
    /// When it enrolled last.
    pub enrolled_at: Timestamp,
    /// When its key was issued.
    pub key_issued_at: Timestamp,
    /// When its key ends.
    pub key_expires_at: Option<Timestamp>,
    /// Whether it was ordered to exchange its key, and has not used another one yet.
    pub key_rotation_ordered: bool,
    /// When it last sent a batch or an image.
    pub last_seen_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Version of the configuration that it gets.
    pub config_version: i64,
}

/// What came of an enrollment.
#[derive(Debug)]
pub(crate) enum Enrollment {
    /// A device that the server did not know.
    New(EnrollResponse),
    /// A known device, whose former key ended.
    Renewed(EnrollResponse),
    BadSecret,
    UserSuspended,
    AlreadyEnrolled,
}

/// Takes a device in. The same person on the same machine keeps the device id, so
/// that what the machine has not delivered yet still belongs to it.
pub(crate) fn enroll(
    connection: &Connection,
    request: &EnrollRequest,
    policy: EnrollmentPolicy,
) -> Result<Enrollment, StoreError> {
    let Some(secret) =
        secrets::find_usable(connection, &request.enrollment_secret, &request.username)?
    else {
        return Ok(Enrollment::BadSecret);
    };
    if users::standing(connection, &request.username)? == Standing::Suspended {
        return Ok(Enrollment::UserSuspended);
    }
    let user = users::find_or_add(connection, &request.username)?;
    let known = find_machine(connection, &user.user_id, request)?;
    if known.as_ref().is_some_and(|known| known.live) && policy.reenrollment == Reenrollment::Refuse
    {
        return Ok(Enrollment::AlreadyEnrolled);
    }
    secrets::count_use(connection, secret)?;
    let renewed = known.is_some();
    let device_id =
        known.map_or_else(|| DeviceId::new(Uuid::now_v7().to_string()), |known| known.device_id);
    let key = ApiKey::new(credential::generate("dpk_"));
    let expires_at = policy.key_lifetime.map(|lifetime| Timestamp::now().plus(lifetime));
    store(connection, &device_id, &user.user_id, request, &key, expires_at)?;
    let response = EnrollResponse {
        user_id: user.user_id,
        config: configs::effective(connection, &device_id)?.config,
        device_id,
        api_key: key,
        expires_at,
    };
    Ok(if renewed { Enrollment::Renewed(response) } else { Enrollment::New(response) })
}

pub(crate) fn list(connection: &Connection) -> Result<Vec<DeviceSummary>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SUMMARY} ORDER BY device.id"))?;
    let devices = statement.query_map([], summary)?.collect::<Result<_, _>>()?;
    Ok(devices)
}

pub(crate) fn find(
    connection: &Connection,
    device_id: &DeviceId,
) -> Result<Option<DeviceSummary>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("{SUMMARY} WHERE device.device_id = ?"))?
        .query_row([device_id.as_str()], summary)
        .optional()?)
}

/// Ends a device's right to send; `false` where there is no such device.
pub(crate) fn revoke(connection: &Connection, device_id: &DeviceId) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "UPDATE device SET revoked_ms = coalesce(revoked_ms, ?) WHERE device_id = ?",
        )?
        .execute(params![Timestamp::now().as_millis(), device_id.as_str()])?
        > 0)
}

/// Lets a device's key end now; `false` where there is no such device.
pub(crate) fn expire_key(
    connection: &Connection,
    device_id: &DeviceId,
) -> Result<bool, StoreError> {
    Ok(connection.execute(
        "UPDATE device SET key_expires_ms = ? WHERE device_id = ?",
        params![Timestamp::now().as_millis(), device_id.as_str()],
    )? > 0)
}

/// Notes that a device was heard of, and says whether it may still send.
pub(crate) fn mark_seen(connection: &Connection, device: i64) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("UPDATE device SET last_seen_ms = ? WHERE id = ? AND revoked_ms IS NULL")?
        .execute(params![Timestamp::now().as_millis(), device])?
        > 0)
}

struct Machine {
    device_id: DeviceId,
    live: bool,
}

fn find_machine(
    connection: &Connection,
    user_id: &UserId,
    request: &EnrollRequest,
) -> Result<Option<Machine>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT device_id, revoked_ms IS NULL FROM device
             WHERE user_id = ? AND hostname = ? AND machine_id IS ?
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![user_id.as_str(), request.hostname, request.device.machine_id], |row| {
            Ok(Machine { device_id: DeviceId::new(row.get::<_, String>(0)?), live: row.get(1)? })
        })
        .optional()?)
}

fn store(
    connection: &Connection,
    device_id: &DeviceId,
    user_id: &UserId,
    request: &EnrollRequest,
    key: &ApiKey,
    expires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    super::tokens::expire(connection, Some(device_id))?;
    connection
        .prepare_cached(
            "INSERT INTO device(device_id, user_id, hostname, platform, os_version, arch,
               client_version, machine_id, key_digest, key_expires_ms, enrolled_ms)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT(device_id) DO UPDATE SET platform = ?4, os_version = ?5, arch = ?6,
               client_version = ?7, key_digest = ?9, key_expires_ms = ?10, enrolled_ms = ?11,
               key_issued_ms = NULL, next_key_digest = NULL, next_key_expires_ms = NULL,
               next_key_issued_ms = NULL, rotation = NULL, revoked_ms = NULL",
        )?
        .execute(params![
            device_id.as_str(),
            user_id.as_str(),
            request.hostname,
            platform_name(request.platform),
            request.device.os_version,
            request.device.arch,
            request.device.client_version,
            request.device.machine_id,
            Digest::of(key.expose()),
            expires_at.map(Timestamp::as_millis),
            Timestamp::now().as_millis(),
        ])?;
    Ok(())
}

const fn platform_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Linux => "linux",
        Platform::Macos => "macos",
        Platform::Windows => "windows",
    }
}

const SUMMARY: &str = "
SELECT device.device_id, device.user_id, user.username, hostname, platform, os_version, arch,
  client_version, machine_id, enrolled_ms, key_expires_ms, last_seen_ms, revoked_ms,
  max(device.config_version, config.version), coalesce(key_issued_ms, enrolled_ms),
  rotation IS NOT NULL
FROM device JOIN user USING(user_id) JOIN config";

fn summary(row: &Row<'_>) -> rusqlite::Result<DeviceSummary> {
    let time =
        |column| row.get::<_, Option<i64>>(column).map(|millis| millis.map(Timestamp::from_millis));
    Ok(DeviceSummary {
        device_id: DeviceId::new(row.get::<_, String>(0)?),
        user_id: UserId::new(row.get::<_, String>(1)?),
        username: Username::new(row.get::<_, String>(2)?),
        hostname: row.get(3)?,
        platform: row.get(4)?,
        device: DeviceInfo {
            os_version: row.get(5)?,
            arch: row.get(6)?,
            client_version: row.get(7)?,
            machine_id: row.get(8)?,
        },
        enrolled_at: Timestamp::from_millis(row.get(9)?),
        key_issued_at: Timestamp::from_millis(row.get(14)?),
        key_expires_at: time(10)?,
        key_rotation_ordered: row.get(15)?,
        last_seen_at: time(11)?,
        revoked_at: time(12)?,
        config_version: row.get(13)?,
    })
}
