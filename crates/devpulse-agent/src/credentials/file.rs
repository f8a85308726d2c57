//! The credentials file.

use std::fs::{self, File};
use std::io::{self, Read};

use devpulse_protocol::{ApiKey, DeviceId, Timestamp, UserId, Username};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{CredentialsError, DeviceIdentity, KeptIn};
use crate::home::{Home, access, atomic_write};
use crate::origin::{PlainHttp, ServerUrl};

/// Who the device is, and its key where no keychain holds it.
#[derive(Serialize, Deserialize)]
pub(super) struct CredentialsFile {
    pub(super) server_url: String,
    pub(super) device_id: DeviceId,
    pub(super) user_id: Option<UserId>,
    pub(super) username: Username,
    pub(super) issued_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) secret_store: KeptIn,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) api_key: Option<ApiKey>,
    /// The server's order that the key follows, where it was exchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) followed_order: Option<String>,
    /// What is to take the key's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<NextKey>,
}

/// A key that the server issued, and has not been seen to take.
#[derive(Serialize, Deserialize)]
pub(super) struct NextKey {
    pub(super) order: String,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    /// Where no keychain holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) api_key: Option<ApiKey>,
}

impl CredentialsFile {
    /// What it says, where it can be read; checks no permission.
    pub(super) fn peek(home: &Home) -> Option<Self> {
        let json = fs::read(home.credentials()).map(Zeroizing::new).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// What it says, checked; `None` where there is none.
    pub(super) fn read(home: &Home) -> Result<Option<Self>, CredentialsError> {
        let path = home.credentials();
        let unreadable = |source| CredentialsError::Unreadable { path: home.credentials(), source };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(source) => return Err(unreadable(source)),
        };
        if access::is_open_to_others(&path, &file.metadata().map_err(unreadable)?) {
            return Err(CredentialsError::Exposed(path));
        }
        let mut json = Zeroizing::new(Vec::new());
        file.read_to_end(&mut json).map_err(unreadable)?;
        let parsed = serde_json::from_slice(&json);
        parsed
            .map(Some)
            .map_err(|error| CredentialsError::Damaged { path, line: error.line().max(1) })
    }

    /// Puts it in place of the one before, so that either of them is there whatever happens.
    pub(super) fn write(&self, home: &Home) -> Result<(), CredentialsError> {
        let path = home.credentials();
        let unwritable = |source| CredentialsError::Unwritable { path: path.clone(), source };
        let json = serde_json::to_vec_pretty(self).map(Zeroizing::new);
        let json = json.map_err(io::Error::from).map_err(unwritable)?;
        atomic_write(&path, &json).map_err(unwritable)
    }

    /// Who the device is.
    pub(super) fn identity(&self, home: &Home) -> Result<DeviceIdentity, CredentialsError> {
        let server_url = ServerUrl::parse(&self.server_url, PlainHttp::Anywhere)
            .map_err(|_| CredentialsError::Damaged { path: home.credentials(), line: 1 })?;
        Ok(DeviceIdentity {
            server_url,
            device_id: self.device_id.clone(),
            user_id: self.user_id.clone(),
            username: self.username.clone(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        })
    }
}
