//! Dead letters back into the queue, on a home whose agent does not run.

use devpulse_pipeline::wal::{Store, WalError};
use devpulse_protocol::EventId;

use crate::agent::wal_hint;
use crate::credentials::{CredentialsError, DeviceIdentity};
use crate::delivery;
use crate::home::HomeError;
use crate::instance_lock::{InstanceLock, LockError, Role};
use crate::offline;
use crate::settings::Settings;

/// An id that names no dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no dead letter {0}")]
pub struct UnknownDeadLetter(pub EventId);

impl UnknownDeadLetter {
    /// What to do about it.
    pub const HINT: &str = "see which there are with: devpulse-client events --dead";
}

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The device is not enrolled, so that there is nobody to send anything to.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The id names no dead letter.
    #[error(transparent)]
    Unknown(#[from] UnknownDeadLetter),
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Somebody else works on the home.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The event log cannot be used.
    #[error(transparent)]
    Wal(#[from] WalError),
}

impl ReplayError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotEnrolled => Some("see: devpulse-client enroll --help".to_owned()),
            Self::Unknown(_) => Some(UnknownDeadLetter::HINT.to_owned()),
            Self::Home(error) => Some(error.hint()),
            Self::Lock(error) => error.hint(),
            Self::Credentials(error) => error.hint(),
            Self::Wal(error) => wal_hint(error),
        }
    }
}

/// Puts a dead letter, or with `None` all of them, back among the events that wait.
/// Returns how many they were. Blocks until the disk has answered.
///
/// # Errors
/// Fails where an agent runs on the home, or the id names no dead letter.
pub fn replay(settings: &Settings, event_id: Option<EventId>) -> Result<u64, ReplayError> {
    let home = &settings.local().home;
    let identity = match offline::stand_in(settings) {
        Some(identity) => identity,
        None => DeviceIdentity::load(home)?.ok_or(ReplayError::NotEnrolled)?,
    };
    home.create()?;
    let _lock = InstanceLock::acquire(home, Role::Command)?;
    let replayed = if settings.local().wal_db_path.exists() {
        Store::open(delivery::options(settings, &identity)?)?.replay(event_id)?
    } else {
        0
    };
    match event_id {
        Some(event_id) if replayed == 0 => Err(UnknownDeadLetter(event_id).into()),
        _ => Ok(replayed),
    }
}
