//! The last good configuration of the server, kept for when it cannot be reached.

use std::io;

use devpulse_protocol::{ServerConfig, ServerConfigError, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::home::{Home, atomic_write};

/// A configuration as the server sent it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredServerConfig {
    /// What the server sent, whole.
    pub config: Value,
    /// What the server calls this version, for `If-None-Match`.
    pub etag: Option<String>,
    /// When the server last said that it holds.
    pub fetched_at: Timestamp,
}

impl StoredServerConfig {
    /// Takes in what the server sent.
    ///
    /// # Errors
    /// Fails where it is no JSON object.
    pub fn new(
        config: Value,
        etag: Option<String>,
        fetched_at: Timestamp,
    ) -> Result<Self, ServerConfigError> {
        ServerConfig::from_value(&config)?;
        Ok(Self { config, etag, fetched_at })
    }

    /// The one on disk; `None` where there is none, or where it is damaged, because
    /// the server has it.
    #[must_use]
    pub fn load(home: &Home) -> Option<Self> {
        let path = home.server_config();
        let text = std::fs::read(&path).ok()?;
        let stored: Self = match serde_json::from_slice(&text) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the stored configuration is damaged");
                return None;
            }
        };
        stored.config.is_object().then_some(stored)
    }

    /// Keeps it on disk in place of the one before.
    ///
    /// # Errors
    /// Fails where the home cannot be written; the one before is then left.
    pub fn save(&self, home: &Home) -> io::Result<()> {
        atomic_write(&home.server_config(), &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets the one on disk, which need not be there.
    ///
    /// # Errors
    /// Fails where the home cannot be written.
    pub fn remove(home: &Home) -> io::Result<()> {
        match std::fs::remove_file(home.server_config()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Its settings, those that are allowed and those that are not.
    #[must_use]
    pub fn settings(&self) -> ServerConfig {
        ServerConfig::from_value(&self.config).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_read_back_as_it_was_sent() {
        let scratch = tempfile::tempdir().unwrap();
        let home = Home::at(scratch.path());
        assert_eq!(StoredServerConfig::load(&home), None);
        let sent = json!({"version": 3, "heartbeat_interval_s": 30, "of_the_future": [1]});
        let stored =
            StoredServerConfig::new(sent, Some("\"3\"".to_owned()), Timestamp::from_millis(1000))
                .unwrap();
        stored.save(&home).unwrap();
        assert_eq!(StoredServerConfig::load(&home), Some(stored.clone()));
        assert_eq!(stored.settings().version, Some(3));
    }

    #[test]
    fn what_is_no_object_is_no_configuration() {
        let error =
            StoredServerConfig::new(json!([1]), None, Timestamp::from_millis(0)).unwrap_err();
        assert_eq!(error.to_string(), "the configuration is not a JSON object");
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let scratch = tempfile::tempdir().unwrap();
        let home = Home::at(scratch.path());
        for damaged in [
            "",
            "{\"config\": {",
            "{\"config\": [], \"etag\": null, \"fetched_at\": \"2026-11-22T09:30:00Z\"}",
        ] {
            std::fs::write(home.server_config(), damaged).unwrap();
            assert_eq!(StoredServerConfig::load(&home), None, "{damaged}");
        }
    }
}
