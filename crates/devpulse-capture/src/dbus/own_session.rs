//! Which of logind's sessions is the person's.

use zbus::zvariant::OwnedObjectPath;

use super::bus::{Bus, CallError, Object};
use super::logind::{LOGIND, MANAGER, session};

const CALLERS: &str = "/org/freedesktop/login1/session/auto";

/// The path of the session, where there is one: that which the environment names, else that
/// of this process, else that which shows the user's desktop, else any of the user's with
/// a seat. A session counts that says whether it is locked.
pub(super) async fn find(bus: &Bus, session_id: Option<&str>) -> Option<String> {
    let mut candidates = Vec::new();
    if let Some(id) = session_id {
        candidates.extend(by_id(bus, id).await);
    }
    if let Ok(id) = text_property(bus, session(CALLERS), "Id").await {
        candidates.extend(by_id(bus, &id).await);
    }
    candidates.extend(on_display(bus).await);
    candidates.extend(on_seat(bus).await.unwrap_or_default());
    for path in candidates {
        if is_locked(bus, &path).await.is_ok() {
            return Some(path);
        }
    }
    None
}

/// What the session says about its lock.
pub(super) async fn is_locked(bus: &Bus, path: &str) -> Result<bool, CallError> {
    let hint = bus.property(session(path), "LockedHint").await?;
    Ok(bool::try_from(hint)?)
}

async fn by_id(bus: &Bus, id: &str) -> Option<String> {
    let path: OwnedObjectPath = bus.call(MANAGER, "GetSession", &id).await.ok()?;
    Some(path.to_string())
}

/// The session that shows the user's desktop; programs of systemd's user manager, which
/// belong to no session, find it so.
async fn on_display(bus: &Bus) -> Option<String> {
    let uid = rustix::process::getuid().as_raw();
    let user: OwnedObjectPath = bus.call(MANAGER, "GetUser", &uid).await.ok()?;
    let user = Object { peer: LOGIND, path: &user, interface: "org.freedesktop.login1.User" };
    let display = bus.property(user, "Display").await.ok()?;
    let (id, path) = <(String, OwnedObjectPath)>::try_from(display).ok()?;
    (!id.is_empty()).then(|| path.to_string())
}

async fn on_seat(bus: &Bus) -> Result<Vec<String>, CallError> {
    let uid = rustix::process::getuid().as_raw();
    let sessions: Vec<(String, u32, String, String, OwnedObjectPath)> =
        bus.call(MANAGER, "ListSessions", &()).await?;
    let ours = sessions.into_iter().filter(|(_, owner, ..)| *owner == uid);
    Ok(ours.filter(|(_, _, _, seat, _)| !seat.is_empty()).map(|of| of.4.to_string()).collect())
}

async fn text_property(bus: &Bus, of: Object<'_>, name: &str) -> Result<String, CallError> {
    Ok(String::try_from(bus.property(of, name).await?)?)
}
