//! Exit codes, which scripts rely on.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// This device is not enrolled.
    NotEnrolled = 3,
    /// The server cannot be reached.
    Unreachable = 4,
    /// The server refused: the secret, the key, a revoked device.
    Refused = 5,
    /// No agent is running.
    NoAgent = 6,
    /// The time was over and events still wait.
    StillPending = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
