//! Windows and macOS bring the tray themselves.

use tokio::sync::watch;

use super::TrayHost;

/// Always there: the value is kept alive for as long as anybody looks.
pub(super) fn watch() -> watch::Receiver<TrayHost> {
    let (present, host) = watch::channel(TrayHost::Present);
    tokio::spawn(async move { present.closed().await });
    host
}
