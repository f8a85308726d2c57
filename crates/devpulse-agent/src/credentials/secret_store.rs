//! Where a key may be kept outside the credentials file.

use devpulse_protocol::ApiKey;
use serde::{Deserialize, Serialize};

use super::LogKey;

/// Keeps the secrets of one or more homes; an item is named by its home, and holds
/// all secrets of that home, so that a person is asked for permission once.
pub trait SecretStore: Send + Sync {
    /// Whether it is worth asking at all; answers at once.
    fn is_present(&self) -> bool;

    /// Keeps the secrets of an item in place of those before.
    ///
    /// # Errors
    /// Fails where the store does not answer in time, or refuses.
    fn put(&self, item: &str, secrets: &Secrets) -> Result<(), SecretStoreError>;

    /// The secrets of an item; `None` where it has none.
    ///
    /// # Errors
    /// Fails where the store does not answer in time, or refuses.
    fn get(&self, item: &str) -> Result<Option<Secrets>, SecretStoreError>;

    /// Forgets an item, which need not exist.
    ///
    /// # Errors
    /// Fails where the store does not answer in time, or refuses.
    fn remove(&self, item: &str) -> Result<(), SecretStoreError>;
}

/// All secrets of a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// What the device proves its identity with.
    pub api_key: ApiKey,
    /// The key that the server issued to take its place, until it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_api_key: Option<ApiKey>,
    /// What opens what lies on the disk, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_keys: Vec<LogKey>,
}

/// Why a store gave or took no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// This session has no keychain.
    #[error("this session has no keychain")]
    Absent,
    /// It did not answer in time, perhaps because it waits for a person to unlock it.
    #[error("the keychain did not answer within {0} s")]
    TimedOut(u64),
    /// It has not answered an earlier request yet.
    #[error("the keychain has not answered an earlier request yet")]
    Busy,
    /// It refused or failed.
    #[error("the keychain failed: {0}")]
    Failed(String),
    /// It answers, and has nothing for this home.
    #[error("the keychain does not hold the device's key")]
    Missing,
    /// What it holds is not what was put there.
    #[error("the keychain holds something else than the device's key")]
    Damaged,
}
