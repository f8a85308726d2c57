//! Lock, sleep and shutdown over D-Bus: logind on the system's bus, screen savers on the
//! session's. Nothing is started by asking for it.

mod bus;
mod inhibitor;
mod logind;
mod own_session;
mod saver;

use std::sync::Arc;

use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, Probe, Refusal};
use bus::Bus;

/// Lock, sleep and shutdown by logind, and locks that only a screen saver tells of.
pub(crate) fn logind_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            let system = system_bus(&desktop).await?;
            let hook = logind::LogindHook::open(system, desktop).await?;
            Ok(Box::new(hook) as Box<dyn Hook>)
        })
    };
    Probe { backend: logind::BACKEND, open: Arc::new(open) }
}

/// Locks that a screen saver tells of, and nothing else.
pub(crate) fn saver_probe() -> Probe {
    let open = |desktop: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let desktop = desktop.clone();
        Box::pin(async move {
            let session = session_bus(&desktop).await?;
            let hook = saver::SaverHook::open(session).await?;
            Ok(Box::new(hook) as Box<dyn Hook>)
        })
    };
    Probe { backend: saver::BACKEND, open: Arc::new(open) }
}

async fn system_bus(desktop: &Desktop) -> Result<Bus, Refusal> {
    let Some(address) = &desktop.system_bus else {
        return Err(Refusal::Absent(
            "there is no system bus (D-Bus), so lock and sleep are not told".to_owned(),
        ));
    };
    connected("the system bus", address).await
}

async fn session_bus(desktop: &Desktop) -> Result<Bus, Refusal> {
    let Some(address) = &desktop.session_bus else {
        return Err(Refusal::Absent(
            "there is no session bus (D-Bus), so no screen saver is heard".to_owned(),
        ));
    };
    connected("the session bus", address).await
}

async fn connected(name: &'static str, address: &str) -> Result<Bus, Refusal> {
    Bus::connect(name, address)
        .await
        .map_err(|error| Refusal::Failed(format!("{name} does not answer: {error}")))
}
