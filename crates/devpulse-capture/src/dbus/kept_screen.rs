//! Programs that keep the screen awake, because somebody listens or watches: as logind, the
//! session manager of GNOME and its kin, and the power manager of KDE and Xfce tell. What is asked
//! of a portal or a screen saver ends up with one of these.

use std::collections::HashMap;

use zbus::message::Message;
use zbus::zvariant::OwnedValue;

use super::bus::{Bus, Object};
use super::logind::MANAGER;
use crate::idle::KeptScreen;

const SESSION_MANAGER: Object<'_> = Object {
    peer: "org.gnome.SessionManager",
    path: "/org/gnome/SessionManager",
    interface: "org.gnome.SessionManager",
};

const POWER_MANAGER: Object<'_> = Object {
    peer: "org.freedesktop.PowerManagement.Inhibit",
    path: "/org/freedesktop/PowerManagement/Inhibit",
    interface: "org.freedesktop.PowerManagement.Inhibit",
};

/// That the session counts as idle, among the things that a session manager can be kept from.
const IDLE: u32 = 8;

/// The signals on the session's bus that tell of a change.
const CHANGES: [(Object<'_>, &str); 3] = [
    (SESSION_MANAGER, "InhibitorAdded"),
    (SESSION_MANAGER, "InhibitorRemoved"),
    (POWER_MANAGER, "HasInhibitChanged"),
];

/// Has changes told on the session's bus. What does not run yet is heard when it does.
pub(super) async fn subscribe(session: &Bus) {
    for (object, member) in CHANGES {
        let rule = format!("type='signal',interface='{}',member='{member}'", object.interface);
        if let Err(error) = session.subscribe(&rule).await {
            tracing::debug!(%error, "the session bus refuses a subscription");
        }
    }
}

/// Whether a signal on the session's bus tells of a change.
pub(super) fn concerns(message: &Message) -> bool {
    let header = message.header();
    let (Some(interface), Some(member)) = (header.interface(), header.member()) else {
        return false;
    };
    CHANGES
        .iter()
        .any(|(object, name)| object.interface == interface.as_str() && *name == member.as_str())
}

/// What those say on the session's bus that run now. Nothing is started for it.
pub(super) async fn on_session(session: &Bus) -> KeptScreen {
    if session.owner(SESSION_MANAGER.peer).await.is_some()
        && let Ok(true) = session.call(SESSION_MANAGER, "IsInhibited", &IDLE).await
    {
        return KeptScreen::Awake;
    }
    if session.owner(POWER_MANAGER.peer).await.is_some()
        && let Ok(true) = session.call(POWER_MANAGER, "HasInhibit", &()).await
    {
        return KeptScreen::Awake;
    }
    KeptScreen::Free
}

/// What logind says.
pub(super) async fn at_logind(system: &Bus) -> KeptScreen {
    let blocked = system.property(MANAGER, "BlockInhibited").await.ok();
    let blocked = blocked.and_then(|value| String::try_from(value).ok());
    blocked.map_or(KeptScreen::Free, |what| among(&what))
}

/// What changed properties of logind's manager say, where they say anything of it.
pub(super) fn told(changed: &HashMap<String, OwnedValue>) -> Option<KeptScreen> {
    let what = changed.get("BlockInhibited")?;
    Some(among(what.downcast_ref::<&str>().ok()?))
}

/// Whether idleness is among the things that logind is kept from.
fn among(what: &str) -> KeptScreen {
    if what.split(':').any(|of| of == "idle") { KeptScreen::Awake } else { KeptScreen::Free }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_keeps_from_idleness_keeps_the_screen_awake() {
        assert_eq!(among("sleep:idle"), KeptScreen::Awake);
        assert_eq!(among("sleep:handle-lid-switch"), KeptScreen::Free);
        assert_eq!(among(""), KeptScreen::Free);
        assert_eq!(told(&HashMap::new()), None);
    }
}
