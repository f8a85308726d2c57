//! Enrollment and access tokens.

use serde::{Deserialize, Serialize};

use crate::{AccessToken, ApiKey, DeviceId, EnrollmentSecret, Timestamp, UserId, Username};

/// The operating system of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Any Linux distribution.
    Linux,
    /// Apple's desktop system.
    Macos,
    /// Microsoft Windows.
    Windows,
}

impl Platform {
    /// The platform that this program was built for.
    #[must_use]
    pub const fn current() -> Self {
        if cfg!(target_os = "windows") {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::Macos
        } else {
            Self::Linux
        }
    }
}

/// Asks the server to take a device in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollRequest {
    /// Who works on the device.
    pub username: Username,
    /// The device's name in its network.
    pub hostname: String,
    /// Its operating system.
    pub platform: Platform,
    /// What the administrator issued.
    pub enrollment_secret: EnrollmentSecret,
    /// More about the device.
    pub device: DeviceInfo,
}

/// What an administrator sees of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// Name and version of the operating system.
    pub os_version: Option<String>,
    /// Processor architecture, such as `x86_64`.
    pub arch: Option<String>,
    /// Version of the DevPulse client.
    pub client_version: Option<String>,
    /// Salted hash of the machine's own id, so that a cloned disk is noticed.
    pub machine_id: Option<String>,
}

/// The device was taken in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollResponse {
    /// Whom the device belongs to.
    pub user_id: UserId,
    /// The device's own id.
    pub device_id: DeviceId,
    /// What it gets access tokens with.
    pub api_key: ApiKey,
    /// When the key ends, where it does.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The configuration, as `GET /api/v1/config` would give it.
    #[serde(default)]
    pub config: serde_json::Value,
}

/// Asks for an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenRequest {
    /// The device's API key.
    pub api_key: ApiKey,
    /// The device's id.
    pub client_id: DeviceId,
}

/// An access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The token.
    pub access_token: AccessToken,
    /// Always `Bearer`.
    pub token_type: String,
    /// Its life in seconds.
    pub expires_in: u64,
}

/// The key that takes the place of the device's own once it was used. Until then the
/// former one is valid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyResponse {
    /// What the device gets access tokens with.
    pub api_key: ApiKey,
    /// When the key ends, where it does.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}
