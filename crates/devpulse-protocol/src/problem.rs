//! Errors as the server words them: RFC 9457 problem details with a `code`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The body of an error answer (`application/problem+json`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Short summary of the kind of problem.
    #[serde(default)]
    pub title: String,
    /// HTTP status, repeated.
    #[serde(default)]
    pub status: u16,
    /// What happened this time.
    #[serde(default)]
    pub detail: Option<String>,
    /// Names the problem for programs.
    #[serde(default)]
    pub code: Option<ProblemCode>,
}

impl Problem {
    /// Media type of a problem's body.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";
}

/// Names a problem for programs. A code that this version does not know is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    /// The request is not what the route expects.
    Invalid,
    /// The enrollment secret is unknown, spent or expired.
    BadSecret,
    /// The person may not enroll devices.
    UserSuspended,
    /// This device is enrolled already.
    AlreadyEnrolled,
    /// The API key is unknown.
    BadKey,
    /// The API key has ended.
    KeyExpired,
    /// The device may not send any more.
    DeviceRevoked,
    /// The access token is unknown or has ended.
    BadToken,
    /// The batch or image is larger than the server takes.
    TooLarge,
    /// The batch id was used for another batch.
    BatchMismatch,
    /// The server takes no such content encoding.
    UnsupportedEncoding,
    /// The server asks for a pause.
    RateLimited,
    /// The server speaks no such version of the protocol.
    UnsupportedProtocol,
    /// There is no such thing.
    NotFound,
    /// The server failed.
    Internal,
    /// A code that this version does not know.
    Other(String),
}

impl ProblemCode {
    /// The code as the wire writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invalid => "invalid",
            Self::BadSecret => "bad_secret",
            Self::UserSuspended => "user_suspended",
            Self::AlreadyEnrolled => "already_enrolled",
            Self::BadKey => "bad_key",
            Self::KeyExpired => "key_expired",
            Self::DeviceRevoked => "device_revoked",
            Self::BadToken => "bad_token",
            Self::TooLarge => "too_large",
            Self::BatchMismatch => "batch_mismatch",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::RateLimited => "rate_limited",
            Self::UnsupportedProtocol => "unsupported_protocol",
            Self::NotFound => "not_found",
            Self::Internal => "internal",
            Self::Other(code) => code,
        }
    }
}

impl From<String> for ProblemCode {
    fn from(code: String) -> Self {
        match code.as_str() {
            "invalid" => Self::Invalid,
            "bad_secret" => Self::BadSecret,
            "user_suspended" => Self::UserSuspended,
            "already_enrolled" => Self::AlreadyEnrolled,
            "bad_key" => Self::BadKey,
            "key_expired" => Self::KeyExpired,
            "device_revoked" => Self::DeviceRevoked,
            "bad_token" => Self::BadToken,
            "too_large" => Self::TooLarge,
            "batch_mismatch" => Self::BatchMismatch,
            "unsupported_encoding" => Self::UnsupportedEncoding,
            "rate_limited" => Self::RateLimited,
            "unsupported_protocol" => Self::UnsupportedProtocol,
            "not_found" => Self::NotFound,
            "internal" => Self::Internal,
            _ => Self::Other(code),
        }
    }
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ProblemCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProblemCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
