//! The configuration for all devices, and what single devices get in its place.

use devpulse_protocol::{DeviceId, RefusedSetting, ServerConfig};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{StoreError, keys};

/// A configuration as devices get it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfigDocument {
    /// Grows with every change.
    pub version: i64,
    /// The whole object, unknown keys included, with `version` in it.
    pub config: Value,
}

/// Which devices a configuration is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigScope {
    /// All of them.
    Everyone,
    /// One, whose settings are laid over those for all.
    Device(DeviceId),
}

/// Whether values out of range may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validation {
    Checked,
    /// For tests of devices that have to refuse them.
    Unchecked,
}

/// What came of setting a configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigChange {
    /// It is in force, at this version.
    Stored {
        /// The new version, or the former one where nothing changed.
        version: i64,
    },
    /// It is no JSON object.
    NotAnObject,
    /// Values are out of range; nothing was changed.
    Refused(Vec<RefusedSetting>),
    /// There is no such device.
    NoSuchDevice,
}

/// The configuration for all devices.
pub(crate) fn global(connection: &Connection) -> Result<ConfigDocument, StoreError> {
    let (version, body) = read_global(connection)?;
    Ok(document(version, body))
}

/// The configuration that one device gets.
pub(crate) fn effective(
    connection: &Connection,
    device_id: &DeviceId,
) -> Result<ConfigDocument, StoreError> {
    let (version, mut body) = read_global(connection)?;
    let own = read_own(connection, device_id)?;
    let Some((own_version, own_body)) = own else {
        return Ok(document(version, body));
    };
    if let Some(own_body) = own_body {
        lay_over(&mut body, own_body);
    }
    if let Some(order) = keys::ordered(connection, device_id)? {
        body.insert("rotate_key".to_owned(), order.into());
    }
    Ok(document(version.max(own_version), body))
}

/// The version of the configuration that a device gets.
pub(crate) fn version_for(connection: &Connection, device: i64) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT max(config.version, device.config_version) FROM config, device
             WHERE device.id = ?",
        )?
        .query_row([device], |row| row.get(0))?)
}

/// Replaces a configuration. A `version` in `config` is kept where it is newer than
/// all before it, else the next one is given.
pub(crate) fn set(
    connection: &Connection,
    scope: &ConfigScope,
    config: Value,
    validation: Validation,
) -> Result<ConfigChange, StoreError> {
    let Ok(parsed) = ServerConfig::from_value(&config) else {
        return Ok(ConfigChange::NotAnObject);
    };
    if validation == Validation::Checked && !parsed.refused.is_empty() {
        return Ok(ConfigChange::Refused(parsed.refused));
    }
    let Value::Object(mut body) = config else {
        return Ok(ConfigChange::NotAnObject);
    };
    body.remove("version");
    replace(connection, scope, Some(&body), parsed.version)
}

/// Lets a device have what all have.
pub(crate) fn clear(
    connection: &Connection,
    device_id: &DeviceId,
) -> Result<ConfigChange, StoreError> {
    replace(connection, &ConfigScope::Device(device_id.clone()), None, None)
}

/// Gives what a device gets another version, because something besides the settings has
/// changed in it.
pub(super) fn renew_version(
    connection: &Connection,
    device_id: &DeviceId,
) -> Result<(), StoreError> {
    connection.execute("UPDATE config SET newest = newest + 1", [])?;
    connection.execute(
        "UPDATE device SET config_version = (SELECT newest FROM config) WHERE device_id = ?",
        [device_id.as_str()],
    )?;
    Ok(())
}

fn replace(
    connection: &Connection,
    scope: &ConfigScope,
    body: Option<&Map<String, Value>>,
    wanted: Option<i64>,
) -> Result<ConfigChange, StoreError> {
    let (version, former) = match scope {
        ConfigScope::Everyone => {
            let (version, former) = read_global(connection)?;
            (version, Some(former))
        }
        ConfigScope::Device(device_id) => match read_own(connection, device_id)? {
            Some(own) => own,
            None => return Ok(ConfigChange::NoSuchDevice),
        },
    };
    let newest: i64 = connection.query_row("SELECT newest FROM config", [], |row| row.get(0))?;
    let wanted = wanted.filter(|&wanted| wanted > newest);
    if former.as_ref() == body && wanted.is_none() {
        return Ok(ConfigChange::Stored { version });
    }
    let version = wanted.unwrap_or(newest + 1);
    connection.execute("UPDATE config SET newest = ?", [version])?;
    let text = body.map(serde_json::to_string).transpose()?;
    match scope {
        ConfigScope::Everyone => connection.execute(
            "UPDATE config SET version = ?, body = ?",
            params![version, text.as_deref().unwrap_or("{}")],
        )?,
        ConfigScope::Device(device_id) => connection.execute(
            "UPDATE device SET config_version = ?, config = ? WHERE device_id = ?",
            params![version, text, device_id.as_str()],
        )?,
    };
    Ok(ConfigChange::Stored { version })
}

fn read_global(connection: &Connection) -> Result<(i64, Map<String, Value>), StoreError> {
    let (version, body): (_, String) = connection
        .prepare_cached("SELECT version, body FROM config")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((version, serde_json::from_str(&body)?))
}

type Own = (i64, Option<Map<String, Value>>);

fn read_own(connection: &Connection, device_id: &DeviceId) -> Result<Option<Own>, StoreError> {
    let own: Option<(i64, Option<String>)> = connection
        .prepare_cached("SELECT config_version, config FROM device WHERE device_id = ?")?
        .query_row([device_id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((version, body)) = own else {
        return Ok(None);
    };
    let body = body.as_deref().map(serde_json::from_str).transpose()?;
    Ok(Some((version, body)))
}

fn document(version: i64, mut body: Map<String, Value>) -> ConfigDocument {
    body.insert("version".to_owned(), version.into());
    ConfigDocument { version, config: Value::Object(body) }
}

/// Lays `upper` over `lower`: sections are merged, everything else is replaced.
fn lay_over(lower: &mut Map<String, Value>, upper: Map<String, Value>) {
    for (name, value) in upper {
        match (lower.get_mut(&name), value) {
            (Some(Value::Object(lower)), Value::Object(upper)) => lay_over(lower, upper),
            (_, value) => {
                lower.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections_are_merged_and_values_replaced() {
        let Value::Object(mut lower) = json!({"a": 1, "s": {"x": 1, "y": [1, 2]}}) else {
            unreachable!()
        };
        let Value::Object(upper) = json!({"s": {"y": [3]}, "b": {"z": 1}}) else { unreachable!() };
        lay_over(&mut lower, upper);
        assert_eq!(Value::Object(lower), json!({"a": 1, "b": {"z": 1}, "s": {"x": 1, "y": [3]}}));
    }
}
