//! The messages besides batches, and what they stand for.

use devpulse_protocol as protocol;
use devpulse_protocol::{
    AccessToken, ApiKey, DeviceId, EnrollmentSecret, Platform, UserId, Username,
};

use crate::v1;

/// Why a message does not stand for what it should.
#[derive(Debug, thiserror::Error)]
#[error("{field} is not what is expected")]
pub struct MessageFault {
    /// Which field.
    pub field: &'static str,
}

const fn fault(field: &'static str) -> MessageFault {
    MessageFault { field }
}

impl From<&protocol::EnrollRequest> for v1::EnrollRequest {
    fn from(request: &protocol::EnrollRequest) -> Self {
        let device = request.device.clone();
        Self {
            username: request.username.as_str().to_owned(),
            hostname: request.hostname.clone(),
            platform: match request.platform {
                Platform::Linux => "linux",
                Platform::Macos => "macos",
                Platform::Windows => "windows",
            }
            .to_owned(),
            enrollment_secret: request.enrollment_secret.expose().to_owned(),
            device: Some(v1::DeviceInfo {
                os_version: device.os_version,
                arch: device.arch,
                client_version: device.client_version,
                machine_id: device.machine_id,
            }),
        }
    }
}

impl TryFrom<v1::EnrollRequest> for protocol::EnrollRequest {
    type Error = MessageFault;

    fn try_from(message: v1::EnrollRequest) -> Result<Self, MessageFault> {
        let device = message.device.unwrap_or_default();
        Ok(Self {
            username: Username::new(message.username),
            hostname: message.hostname,
            platform: match message.platform.as_str() {
                "linux" => Platform::Linux,
                "macos" => Platform::Macos,
                "windows" => Platform::Windows,
                _ => return Err(fault("platform")),
            },
            enrollment_secret: EnrollmentSecret::new(message.enrollment_secret),
            device: protocol::DeviceInfo {
                os_version: device.os_version,
                arch: device.arch,
                client_version: device.client_version,
                machine_id: device.machine_id,
            },
        })
    }
}

impl From<&protocol::EnrollResponse> for v1::EnrollResponse {
    fn from(response: &protocol::EnrollResponse) -> Self {
        Self {
            user_id: response.user_id.as_str().to_owned(),
            device_id: response.device_id.as_str().to_owned(),
            api_key: response.api_key.expose().to_owned(),
            expires_at: response.expires_at.map(|at| at.to_string()),
            config_json: response.config.to_string(),
        }
    }
}

impl TryFrom<v1::EnrollResponse> for protocol::EnrollResponse {
    type Error = MessageFault;

    fn try_from(message: v1::EnrollResponse) -> Result<Self, MessageFault> {
        let expires_at = message.expires_at.map(|at| at.parse()).transpose();
        let config = match message.config_json.as_str() {
            "" => Ok(serde_json::Value::Null),
            text => serde_json::from_str(text),
        };
        Ok(Self {
            user_id: UserId::new(message.user_id),
            device_id: DeviceId::new(message.device_id),
            api_key: ApiKey::new(message.api_key),
            expires_at: expires_at.map_err(|_| fault("expires_at"))?,
            config: config.map_err(|_| fault("config_json"))?,
        })
    }
}

impl From<v1::IssueTokenRequest> for protocol::TokenRequest {
    fn from(message: v1::IssueTokenRequest) -> Self {
        Self { api_key: ApiKey::new(message.api_key), client_id: DeviceId::new(message.client_id) }
    }
}

impl From<&protocol::TokenResponse> for v1::IssueTokenResponse {
    fn from(response: &protocol::TokenResponse) -> Self {
        Self {
            access_token: response.access_token.expose().to_owned(),
            token_type: response.token_type.clone(),
            expires_in: response.expires_in,
        }
    }
}

impl From<v1::IssueTokenResponse> for protocol::TokenResponse {
    fn from(message: v1::IssueTokenResponse) -> Self {
        Self {
            access_token: AccessToken::new(message.access_token),
            token_type: message.token_type,
            expires_in: message.expires_in,
        }
    }
}

impl From<&protocol::KeyResponse> for v1::IssueKeyResponse {
    fn from(response: &protocol::KeyResponse) -> Self {
        Self {
            api_key: response.api_key.expose().to_owned(),
            expires_at: response.expires_at.map(|at| at.to_string()),
        }
    }
}

impl TryFrom<v1::IssueKeyResponse> for protocol::KeyResponse {
    type Error = MessageFault;

    fn try_from(message: v1::IssueKeyResponse) -> Result<Self, MessageFault> {
        let expires_at = message.expires_at.map(|at| at.parse()).transpose();
        Ok(Self {
            api_key: ApiKey::new(message.api_key),
            expires_at: expires_at.map_err(|_| fault("expires_at"))?,
        })
    }
}

impl From<protocol::Receipt> for v1::Receipt {
    fn from(receipt: protocol::Receipt) -> Self {
        let rejection = |rejection: protocol::Rejection| v1::Rejection {
            event_id: rejection.event_id.to_string(),
            code: rejection.code.as_str().to_owned(),
            message: rejection.message,
        };
        Self {
            batch_id: receipt.batch_id.to_string(),
            accepted: receipt.accepted,
            duplicates: receipt.duplicates,
            rejected: receipt.rejected.into_iter().map(rejection).collect(),
            config_version: receipt.config_version,
        }
    }
}

impl TryFrom<v1::Receipt> for protocol::Receipt {
    type Error = MessageFault;

    fn try_from(message: v1::Receipt) -> Result<Self, MessageFault> {
        let rejection = |rejection: v1::Rejection| {
            Ok(protocol::Rejection {
                event_id: rejection.event_id.parse().map_err(|_| fault("rejected.event_id"))?,
                code: rejection.code.into(),
                message: rejection.message,
            })
        };
        Ok(Self {
            batch_id: message.batch_id.parse().map_err(|_| fault("batch_id"))?,
            accepted: message.accepted,
            duplicates: message.duplicates,
            rejected: message.rejected.into_iter().map(rejection).collect::<Result<_, _>>()?,
            config_version: message.config_version,
        })
    }
}
