//! The configuration as a server sends it: every key optional, unknown ones ignored,
//! bad values refused one by one.

use serde_json::{Map, Value};

use super::{Config, Key, RefusedSetting};

/// What a server set, and what of it was refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerConfig {
    /// The configuration's version, where the server gave one.
    pub version: Option<i64>,
    /// The order to exchange the device's key, where there is one: any text, another for
    /// each order.
    pub rotate_key: Option<String>,
    /// The settings that are in force, in the order of [`Key::ALL`].
    pub settings: Vec<(Key, Value)>,
    /// The settings that were refused.
    pub refused: Vec<RefusedSetting>,
}

/// Longest order to exchange a key, in bytes.
const LONGEST_ORDER: usize = 256;

/// Why a server's answer is no configuration at all.
#[derive(Debug, thiserror::Error)]
pub enum ServerConfigError {
    /// It is not JSON.
    #[error("the configuration is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON, but no object.
    #[error("the configuration is not a JSON object")]
    NotAnObject,
}

impl ServerConfig {
    /// Reads what a server sent.
    ///
    /// # Errors
    /// Fails only where it is no JSON object; bad values are listed in `refused`.
    pub fn parse(json: &[u8]) -> Result<Self, ServerConfigError> {
        let value = serde_json::from_slice(json).map_err(ServerConfigError::NotJson)?;
        Self::from_value(&value)
    }

    /// As [`ServerConfig::parse`], from JSON that has been read.
    ///
    /// # Errors
    /// Fails only where it is no JSON object.
    pub fn from_value(value: &Value) -> Result<Self, ServerConfigError> {
        let Value::Object(object) = value else { return Err(ServerConfigError::NotAnObject) };
        let order = object.get("rotate_key").and_then(Value::as_str);
        let order = order.filter(|order| (1..=LONGEST_ORDER).contains(&order.len()));
        let mut server = Self {
            version: object.get("version").and_then(Value::as_i64),
            rotate_key: order.map(str::to_owned),
            ..Self::default()
        };
        let mut scratch = Config::default();
        for key in Key::ALL {
            let Some(value) = lookup(object, key.name()) else { continue };
            match scratch.set(key, value) {
                Ok(()) => server.settings.push((key, value.clone())),
                Err(refused) => server.refused.push(refused),
            }
        }
        Ok(server)
    }
}

fn lookup<'a>(object: &'a Map<String, Value>, dotted: &str) -> Option<&'a Value> {
    let mut parts = dotted.split('.');
    let mut value = object.get(parts.next()?)?;
    for part in parts {
        value = value.as_object()?.get(part)?;
    }
    (!value.is_null()).then_some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bad_value_is_refused_and_its_neighbours_apply() {
        let server = ServerConfig::from_value(&json!({
            "version": 7,
            "heartbeat_interval_s": 30,
            "batch": {"max_events": 0, "max_interval_ms": 200},
            "not_yet_invented": true,
        }))
        .unwrap();
        assert_eq!(server.version, Some(7));
        assert_eq!(server.rotate_key, None);
        assert_eq!(
            server.settings,
            [(Key::HeartbeatInterval, json!(30)), (Key::BatchMaxInterval, json!(200))]
        );
        assert_eq!(server.refused.len(), 1);
        assert_eq!(server.refused[0].key, "batch.max_events");
    }

    #[test]
    fn an_order_to_exchange_the_key_is_text_of_a_sensible_length() {
        let order = |value| ServerConfig::from_value(&json!({"rotate_key": value})).unwrap();
        assert_eq!(order(json!("2026-11")).rotate_key.as_deref(), Some("2026-11"));
        for value in [json!(""), json!(true), json!(null), json!("x".repeat(257))] {
            assert_eq!(order(value).rotate_key, None);
        }
    }

    #[test]
    fn an_answer_that_is_no_object_is_no_configuration() {
        assert!(ServerConfig::parse(b"<html>").is_err());
        assert!(ServerConfig::parse(b"[]").is_err());
        assert!(ServerConfig::parse(b"{}").is_ok());
    }
}
