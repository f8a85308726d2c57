//! Errors as the agent words them for its front ends.

use serde::{Deserialize, Serialize};

/// Why the agent did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// Names the error for programs.
    pub code: ErrorCode,
    /// The cause, as one sentence without a full stop.
    pub message: String,
    /// What the person can do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

/// Names an error for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The agent knows no such request.
    Unsupported,
    /// The request is known, but what it says is not allowed.
    Invalid,
    /// The request is larger than a frame may be.
    TooLarge,
    /// As many front ends are connected as may be.
    Busy,
    /// The other side speaks another protocol.
    Version,
    /// What answers is no agent, but a sync that will end by itself.
    NoAgent,
    /// The agent is ending.
    Stopping,
    /// The policy forbids it.
    Forbidden,
    /// The server refused it: a secret, a key, a revoked device.
    Refused,
    /// The agent could not read or write its files.
    Storage,
    /// The agent failed.
    Failed,
    /// A code that this version does not know.
    #[serde(other)]
    Other,
}

impl ControlError {
    /// An error without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// The same error with what the person can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The agent knows no request of this name.
    #[must_use]
    pub fn unsupported(request: &str) -> Self {
        let name: String = request.chars().take(64).collect();
        Self::new(ErrorCode::Unsupported, format!("the agent knows no request {name:?}"))
            .with_hint("the agent and this program may be of different versions; restart the agent")
    }

    /// The agent is ending and takes no further requests.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(ErrorCode::Stopping, "the agent is stopping")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_a_later_version_is_read_as_other() {
        let error: ControlError =
            serde_json::from_str(r#"{"code":"on_fire","message":"it burns"}"#).unwrap();
        assert_eq!(error, ControlError::new(ErrorCode::Other, "it burns"));
    }
}
