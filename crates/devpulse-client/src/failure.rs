//! What went wrong, as a person reads it: one sentence of cause, then a hint.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

use devpulse_agent::AgentError;
use devpulse_agent::printable::printable;
use devpulse_control::{ClientError, ErrorCode};

use crate::exit::Exit;
use crate::output;

/// Why a command ended early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something a person has to know.
    Error {
        /// The program's exit code.
        exit: Exit,
        /// One sentence without a full stop.
        cause: String,
        /// What to do about it, where there is something.
        hint: Option<String>,
    },
    /// Whoever read standard output has seen enough, as `head` does.
    OutputClosed,
}

impl Failure {
    pub(crate) fn new(exit: Exit, cause: impl Into<String>) -> Self {
        Self::Error { exit, cause: cause.into(), hint: None }
    }

    /// The cause is `error` and what lies behind it.
    pub(crate) fn from_error(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, chain(error))
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        self.with_some_hint(Some(hint.into()))
    }

    pub(crate) fn with_some_hint(self, hint: Option<String>) -> Self {
        match self {
            Self::Error { exit, cause, .. } => Self::Error { exit, cause, hint },
            Self::OutputClosed => Self::OutputClosed,
        }
    }

    /// Tells the person, and says how the program ends.
    pub(crate) fn report(&self) -> Exit {
        match self {
            Self::Error { exit, .. } => {
                output::note(&self.to_string());
                *exit
            }
            Self::OutputClosed => Exit::Done,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { cause, hint, .. } => {
                write!(f, "error: {}", printable(cause))?;
                if let Some(hint) = hint {
                    write!(f, "\nhint: {}", printable(hint))?;
                }
                Ok(())
            }
            Self::OutputClosed => f.write_str("standard output was closed"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::NoAgent => Exit::NoAgent,
            ClientError::Refused(cause) => match cause.code {
                ErrorCode::NoAgent => Exit::NoAgent,
                ErrorCode::Refused => Exit::Refused,
                _ => Exit::Failed,
            },
            _ => Exit::Failed,
        };
        let hint = match &error {
            ClientError::NoAgent => Some("start it with: devpulse-client run".to_owned()),
            ClientError::WrongOwner => Some("run this as the user whose agent it is".to_owned()),
            ClientError::Version { .. } => {
                Some("restart the agent, so that both are of the same version".to_owned())
            }
            ClientError::Silent => {
                Some("look into its logs, and restart it if it is stuck".to_owned())
            }
            ClientError::Lost => {
                Some("see whether it still runs with: devpulse-client status".to_owned())
            }
            ClientError::Refused(cause) => cause.hint.clone(),
            ClientError::TooLarge(_) | ClientError::Nonsense(_) | ClientError::Io(_) => None,
        };
        Self::from_error(exit, &error).with_some_hint(hint)
    }
}

impl From<&AgentError> for Failure {
    fn from(error: &AgentError) -> Self {
        let exit = match error {
            AgentError::NotEnrolled => Exit::NotEnrolled,
            _ => Exit::Failed,
        };
        Self::from_error(exit, error).with_some_hint(error.hint())
    }
}

/// Standard output could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::new(Exit::Failed, format!("standard output cannot be written: {error}"))
    }
}

/// The messages of an error and of what caused it, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.ends_with(&message) && write!(text, ": {message}").is_err() {
            break;
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use devpulse_control::ControlError;

    use super::*;

    #[test]
    fn a_failure_is_one_sentence_and_a_hint() {
        let failure = Failure::from(ClientError::NoAgent);
        assert_eq!(
            failure.to_string(),
            "error: no agent is running\nhint: start it with: devpulse-client run"
        );
        assert!(matches!(failure, Failure::Error { exit: Exit::NoAgent, .. }));
    }

    #[test]
    fn causes_are_told_once_each_and_command_no_terminal() {
        let cause = io::Error::other("disk\x1b[31m on fire");
        let failure = Failure::from_error(Exit::Failed, &ClientError::Io(cause));
        assert_eq!(
            failure.to_string(),
            r"error: a control socket that cannot be connected to: disk\u{1b}[31m on fire"
        );
    }

    #[test]
    fn what_the_server_refused_has_its_own_exit_code() {
        let refused = ControlError::new(ErrorCode::Refused, "the device is revoked");
        let failure = Failure::from(ClientError::Refused(refused));
        assert!(matches!(failure, Failure::Error { exit: Exit::Refused, .. }));
    }
}
