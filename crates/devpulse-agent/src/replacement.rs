//! Enrolling on a home that may have been enrolled before: what was captured for one
//! server or person never reaches another.
//!
//! What waits is sent to where it belongs, with the former key, or discarded by the
//! person's word; else nothing is enrolled. The same person's log goes on at the same
//! server, unless what waits in it cannot be read. Once the new server has agreed, the former
//! log with its history is wiped, and a new one begins with another epoch; the key of
//! another server is then revoked there, where it answers.

use devpulse_pipeline::wal;

use crate::backlog;
use crate::credentials::{DeviceIdentity, SecretStore};
use crate::enrollment::{self, BacklogChoice, EnrollError, Enrolled, EnrollmentRequest};
use crate::instance_lock::{Holder, InstanceLock, LockError, Role};
use crate::owner::Owner;
use crate::settings::Settings;
use crate::unenroll;
use crate::upstream::Upstream;

/// Enrolls this device, in place of a former enrollment where the request is forced. The
/// request's `backlog.pending` is not read: the log is.
///
/// # Errors
/// As [`enrollment::enroll`]; where an agent runs on the home; where what waits for
/// another server or person can neither be sent nor is to be discarded; where what waits
/// cannot be read and is not to be discarded.
pub async fn enroll(
    mut request: EnrollmentRequest,
    settings: &Settings,
    store: &dyn SecretStore,
) -> Result<Enrolled, EnrollError> {
    let local = settings.local();
    let server = enrollment::wanted_server(settings)?;
    if !request.force
        && let Some(former) = DeviceIdentity::load(&local.home)?
    {
        let DeviceIdentity { username, server_url, .. } = former;
        return Err(EnrollError::AlreadyEnrolled { username, server: server_url });
    }
    local.home.create()?;
    let _lock = InstanceLock::acquire(&local.home, Role::Command).map_err(held)?;
    let owner = Owner { username: request.username.clone(), server };
    let choice = request.backlog.choice;
    let (pending, goes) = match former(settings)? {
        None => (0, false),
        Some(former) if former.is_same(&owner) => (0, !stays(settings, choice).await?),
        Some(former) => (clear_way(&former, settings, choice).await?, true),
    };
    request.backlog.pending = pending;
    let left_behind = left_behind(settings, &owner).await;
    let accepted = enrollment::enroll(&request, settings).await?;
    if goes || accepted.discards_backlog() {
        let settings = settings.clone();
        let wiping = tokio::task::spawn_blocking(move || wipe(&settings)).await;
        wiping.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    }
    let mut enrolled = accepted.keep(settings, store)?;
    if let Some(upstream) = left_behind {
        enrolled.former_key = unenroll::revoke(&upstream).await;
    }
    Ok(enrolled)
}

/// The way to a former server whose key nobody needs any more. At the same server the key
/// stays: it may be that of the very device that was enrolled again.
async fn left_behind(settings: &Settings, owner: &Owner) -> Option<Upstream> {
    let former = DeviceIdentity::peek(&settings.local().home)?;
    if former.server_url.origin() == owner.server.origin() {
        return None;
    }
    let upstream = Upstream::former(settings).await;
    upstream
        .inspect_err(|error| tracing::warn!(%error, "the former key cannot be revoked"))
        .ok()
        .flatten()
}

/// Whose log there is: by its own word, else by the credentials beside it.
fn former(settings: &Settings) -> Result<Option<Owner>, EnrollError> {
    let local = settings.local();
    if !local.wal_db_path.exists() {
        return Ok(None);
    }
    // A log that cannot be read is held up to whoever enrolls by what follows.
    let signed = Owner::of_log(&local.wal_db_path).unwrap_or_default();
    Ok(signed.or_else(|| DeviceIdentity::peek(&local.home).as_ref().map(Owner::of)))
}

/// Whether the same person's log goes on at the same server. It does not where it holds
/// what cannot be read, and that is to be discarded: it would be in the way for ever.
async fn stays(settings: &Settings, choice: BacklogChoice) -> Result<bool, EnrollError> {
    let of = settings.clone();
    let looking = tokio::task::spawn_blocking(move || backlog::shut(&of)).await;
    let shut = looking.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    match shut {
        Ok(None) => Ok(true),
        Ok(Some(_)) if choice == BacklogChoice::Discard => Ok(false),
        Ok(Some(left)) => Err(EnrollError::Shut(left)),
        Err(error) => {
            // The agent mends what can be mended, and nothing is taken from it here.
            tracing::warn!(%error, "whether what waits can be read is not known");
            Ok(true)
        }
    }
}

/// Sends what waits for the former owner. Returns how much is left, which is nothing
/// unless it is to be discarded.
async fn clear_way(
    former: &Owner,
    settings: &Settings,
    choice: BacklogChoice,
) -> Result<u64, EnrollError> {
    let mut left = match backlog::count(settings) {
        // A log that cannot be read cannot be sent either.
        Err(_) if choice == BacklogChoice::Discard => return Ok(0),
        left => left?,
    };
    if choice == BacklogChoice::Discard || !left.is_something() {
        return Ok(left.events);
    }
    match Upstream::former(settings).await {
        Ok(Some(upstream)) if Owner::of(upstream.identity()).is_same(former) => {
            left = backlog::send(settings, &upstream).await?;
        }
        Ok(_) => {}
        Err(error) => left.cause = Some(error.to_string()),
    }
    if left.is_something() {
        let Owner { username, server } = former.clone();
        let (pending, cause) = (left.events.max(1), left.cause);
        return Err(EnrollError::Backlog { pending, username, server, cause });
    }
    Ok(0)
}

fn wipe(settings: &Settings) -> Result<(), EnrollError> {
    let local = settings.local();
    if let Some(former) = DeviceIdentity::peek(&local.home) {
        // First in the log: should its file resist, what waits in it is gone all the same.
        match backlog::discard(settings, &former) {
            Ok(discarded) => tracing::info!(?discarded, "the former log is wiped"),
            Err(error) => tracing::warn!(%error, "the former log is wiped unread"),
        }
    }
    wal::wipe(&local.wal_db_path, &local.screenshot_dir).map_err(EnrollError::FormerLog)
}

fn held(error: LockError) -> EnrollError {
    match error {
        LockError::HeldBy(Some(Holder { pid, role: Role::Agent })) => EnrollError::AgentRuns(pid),
        error => EnrollError::Lock(error),
    }
}
