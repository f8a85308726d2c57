//! Ending an enrollment: what waits is sent or discarded, the key is ended at the server,
//! and what was captured is wiped from this device.
//!
//! What the person wrote stays: `config.toml`, and the logs, which hold no title and no
//! key. The credentials go last, so that whatever cuts this off, it can be done again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use devpulse_pipeline::wal::{self, Discarded, WalError};
use tokio::time::Instant;

use crate::agent::wal_hint;
use crate::backlog::{self, Left, Waiting};
use crate::consent::Record;
use crate::credentials::{Credentials, CredentialsError, SystemKeychain};
use crate::home::{Home, HomeError};
use crate::instance_lock::{InstanceLock, LockError, Role};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;
use crate::upstream::{Upstream, UpstreamError};

/// How long an agent or a sync has to end that was asked to.
const AGENT_ENDS: Duration = Duration::from_secs(10);
/// How long the server has to end the key.
const REVOCATION: Duration = Duration::from_secs(15);

/// The device is not enrolled any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unenrolled {
    /// What was discarded.
    pub discarded: Discarded,
    /// What became of the key at the server.
    pub key: KeyAtServer,
}

/// What became of the key at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAtServer {
    /// The server has ended it.
    Revoked,
    /// It may still be valid, for this reason.
    Unknown(String),
    /// There was none.
    None,
}

/// Why the device is still enrolled, or not wiped to the end.
#[derive(Debug, thiserror::Error)]
pub enum UnenrollError {
    /// There is nothing to end, and nothing to wipe.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// What waits could not be sent; nothing was wiped.
    #[error("{}", undelivered(.0))]
    Undelivered(Left),
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Somebody else works on the home.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The credentials cannot be removed.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The way to the server cannot be set up, to send what waits.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The event log cannot be read, to send what waits.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// Files cannot be removed.
    #[error("not everything could be wiped")]
    Wipe(#[source] io::Error),
}

impl UnenrollError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotEnrolled => None,
            Self::Undelivered(_) => Some(
                "deliver them first with devpulse-client sync, or discard them with --discard"
                    .to_owned(),
            ),
            Self::Home(error) => Some(error.hint()),
            Self::Lock(error) => error.hint(),
            Self::Credentials(error) => error.hint(),
            Self::Upstream(error) => error.hint(),
            Self::Wal(error) => {
                let discard = || "wipe it unsent with --discard".to_owned();
                Some(wal_hint(error).unwrap_or_else(discard))
            }
            Self::Wipe(_) => Some("remove the cause, and run it again".to_owned()),
        }
    }
}

/// Whether there is anything to end or to wipe.
#[must_use]
pub fn is_needed(settings: &Settings) -> bool {
    let local = settings.local();
    local.api_key.is_some() || local.home.credentials().exists() || local.wal_db_path.exists()
}

/// Ends the enrollment of a home whose agent has ended, or is about to.
///
/// # Errors
/// Fails where what waits cannot be sent and is not to be discarded, and nothing is then
/// changed; and where something cannot be wiped. It can be done again.
pub async fn unenroll(settings: &Settings, waiting: Waiting) -> Result<Unenrolled, UnenrollError> {
    if !is_needed(settings) {
        return Err(UnenrollError::NotEnrolled);
    }
    let home = settings.local().home.clone();
    home.create()?;
    let _lock = acquire(&home).await?;
    let (upstream, no_way) = match Upstream::of(settings).await {
        Err(error) if waiting == Waiting::Discard => (None, Some(error.to_string())),
        upstream => (upstream?, None),
    };
    if waiting == Waiting::Send {
        let left = send(settings, upstream.as_ref()).await?;
        if left.is_something() {
            return Err(UnenrollError::Undelivered(left));
        }
    }
    let discarded = discard(settings, upstream.as_ref(), waiting).await?;
    let key = match &upstream {
        Some(upstream) => revoke(upstream).await,
        None => no_way.map_or(KeyAtServer::None, KeyAtServer::Unknown),
    };
    let settings = settings.clone();
    blocking(move || wipe(&settings)).await?;
    Ok(Unenrolled { discarded, key })
}

/// Takes the lock from an agent that was asked to end.
async fn acquire(home: &Home) -> Result<InstanceLock, LockError> {
    const AGAIN: Duration = Duration::from_millis(50);

    let deadline = Instant::now() + AGENT_ENDS;
    loop {
        match InstanceLock::acquire(home, Role::Command) {
            Err(LockError::HeldBy(_)) if Instant::now() < deadline => {
                tokio::time::sleep(AGAIN).await;
            }
            taken => return taken,
        }
    }
}

async fn send(settings: &Settings, upstream: Option<&Upstream>) -> Result<Left, WalError> {
    match upstream {
        _ if !settings.local().wal_db_path.exists() => Ok(Left::default()),
        Some(upstream) => backlog::send(settings, upstream).await,
        None => {
            let cause = Some("there is no key to send them with".to_owned());
            Ok(Left { cause, ..backlog::count(settings)? })
        }
    }
}

/// Discards what waits, which after sending is nothing. A log that cannot be read is
/// wiped all the same where the person said to discard it.
async fn discard(
    settings: &Settings,
    upstream: Option<&Upstream>,
    waiting: Waiting,
) -> Result<Discarded, WalError> {
    let discarding = match upstream {
        Some(upstream) => {
            let (settings, identity) = (settings.clone(), upstream.identity().clone());
            blocking(move || backlog::discard(&settings, &identity)).await
        }
        None => backlog::count(settings)
            .map(|left| Discarded { events: left.events, images: left.images }),
    };
    match discarding {
        Err(error) if waiting == Waiting::Discard => {
            tracing::warn!(%error, "the event log is wiped unread");
            Ok(Discarded::default())
        }
        discarded => discarded,
    }
}

pub(crate) async fn revoke(upstream: &Upstream) -> KeyAtServer {
    let uplink = upstream.uplink();
    match tokio::time::timeout(REVOCATION, uplink.revoke_self()).await {
        Ok(Ok(())) => KeyAtServer::Revoked,
        Ok(Err(refused)) if refused.is_revoked() => KeyAtServer::Revoked,
        Ok(Err(refused)) => KeyAtServer::Unknown(refused.to_string()),
        Err(_) => KeyAtServer::Unknown("the server did not answer in time".to_owned()),
    }
}

fn wipe(settings: &Settings) -> Result<(), UnenrollError> {
    let local = settings.local();
    wal::wipe(&local.wal_db_path, &local.screenshot_dir).map_err(UnenrollError::Wipe)?;
    // An agent that was killed leaves its socket; whoever holds the lock knows that it is dead.
    match std::fs::remove_file(local.home.socket()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(UnenrollError::Wipe(error));
        }
        _ => {}
    }
    StoredServerConfig::remove(&local.home).map_err(UnenrollError::Wipe)?;
    Record::remove(&local.home).map_err(UnenrollError::Wipe)?;
    Credentials::remove(&local.home, Arc::new(SystemKeychain::new()).as_ref())?;
    Ok(())
}

/// Runs what waits for the disk or the keychain beside the event loop.
async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn undelivered(left: &Left) -> String {
    let what = left.amount();
    let cause = left.cause.as_deref().unwrap_or("the server did not take them in time");
    format!("{what} cannot be delivered: {cause}")
}
