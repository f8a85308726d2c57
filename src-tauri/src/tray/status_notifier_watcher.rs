//! `org.kde.StatusNotifierWatcher`: where it is on the session bus, something shows icons.
//!
//! The bus tells when it comes and goes. It is asked from here first, on a connection and
//! with a deadline of its own, because making an icon holds up the main thread until the
//! watcher answers.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use zbus::fdo::{DBusProxy, PropertiesProxy};
use zbus::names::InterfaceName;
use zbus::{Connection, MatchRule, MessageStream};

use super::TrayHost;

const NAME: &str = "org.kde.StatusNotifierWatcher";
const PATH: &str = "/StatusNotifierWatcher";
/// Watchers answer from memory.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two tries to reach the session bus.
const RECONNECT: Duration = Duration::from_secs(60);

/// Whether something shows icons, as it changes.
pub(super) fn watch() -> watch::Receiver<TrayHost> {
    let (host, seen) = watch::channel(TrayHost::Absent);
    tokio::spawn(async move {
        tokio::select! {
            () = host.closed() => {}
            () = keep_watching(&host) => {}
        }
    });
    seen
}

async fn keep_watching(host: &watch::Sender<TrayHost>) {
    loop {
        if let Err(error) = watch_bus(host).await {
            tracing::info!(%error, "the session bus does not tell about trays");
        }
        host.send_replace(TrayHost::Absent);
        sleep(RECONNECT).await;
    }
}

/// Watches until the bus is gone.
async fn watch_bus(host: &watch::Sender<TrayHost>) -> zbus::Result<()> {
    let connection = Connection::session().await?;
    let bus = DBusProxy::new(&connection).await?;
    let mut owners = bus.receive_name_owner_changed_with_args(&[(0, NAME)]).await?;
    let hosts = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender(NAME)?
        .path(PATH)?
        .interface(NAME)?
        .build();
    let mut hosts = MessageStream::for_match_rule(hosts, &connection, None).await?;
    loop {
        let now = look(&connection).await;
        host.send_if_modified(|host| std::mem::replace(host, now) != now);
        let is_alive = tokio::select! {
            change = owners.next() => change.is_some(),
            signal = hosts.next() => signal.is_some(),
        };
        if !is_alive {
            return Ok(());
        }
    }
}

async fn look(connection: &Connection) -> TrayHost {
    match timeout(ANSWER, is_registered(connection)).await {
        Ok(Ok(true)) => TrayHost::Present,
        Ok(Ok(false)) => TrayHost::Absent,
        Ok(Err(error)) => {
            tracing::debug!(%error, "no tray");
            TrayHost::Absent
        }
        Err(_) => {
            tracing::info!("the tray does not answer");
            TrayHost::Absent
        }
    }
}

async fn is_registered(connection: &Connection) -> zbus::Result<bool> {
    let watcher = PropertiesProxy::builder(connection).destination(NAME)?.path(PATH)?;
    let interface = InterfaceName::from_static_str_unchecked(NAME);
    let answer = watcher.build().await?.get(interface, "IsStatusNotifierHostRegistered").await?;
    Ok(bool::try_from(answer)?)
}
