//! The server's configuration: fetched at start, at every interval, and when a receipt
//! names another version; kept on disk, and put in force without a restart.

use std::sync::Arc;

use devpulse_pipeline::sender::SenderHandle;
use devpulse_protocol::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::home::Home;
use crate::server::{ConfigFetch, ServerUplink};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;

/// Keeps the settings as the server wants them.
pub(crate) struct PolicyPoll {
    pub(crate) uplink: Arc<ServerUplink>,
    pub(crate) home: Home,
    pub(crate) sender: SenderHandle,
    pub(crate) settings: watch::Sender<Arc<Settings>>,
    pub(crate) stored: watch::Sender<Option<StoredServerConfig>>,
}

impl PolicyPoll {
    /// Runs until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut named = self.sender.config_version();
        loop {
            if self.may_ask() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.refresh() => {}
                }
            }
            let interval = self.settings.borrow().config().config_poll;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
                () = self.other_version(&mut named) => {}
            }
        }
    }

    /// A server that cannot take events, or asks for a pause, is not asked for more.
    fn may_ask(&self) -> bool {
        self.sender.state().borrow().events.is_none()
    }

    /// Returns when a receipt names a version that is new and not the one in force.
    async fn other_version(&self, named: &mut watch::Receiver<Option<i64>>) {
        while named.changed().await.is_ok() {
            let version = *named.borrow_and_update();
            let stored = self.stored.borrow().as_ref().map(StoredServerConfig::settings);
            if version.is_some() && version != stored.and_then(|settings| settings.version) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    async fn refresh(&self) {
        let etag = self.stored.borrow().as_ref().and_then(|stored| stored.etag.clone());
        match self.uplink.fetch_config(etag.as_deref()).await {
            Ok(ConfigFetch::Changed(stored)) => self.adopt(stored),
            Ok(ConfigFetch::Unchanged) => self.confirm(),
            Err(cause) => tracing::info!(%cause, "the server's configuration stays as it was"),
        }
    }

    fn adopt(&self, stored: StoredServerConfig) {
        let server = stored.settings();
        for refused in &server.refused {
            tracing::warn!(%refused, "the server's setting is refused");
        }
        tracing::info!(version = server.version, "the server's configuration is in force");
        self.keep(stored);
        self.settings.send_modify(|settings| {
            *settings = Arc::new(settings.with_server_config(&server));
        });
    }

    fn confirm(&self) {
        let confirmed = self.stored.borrow().clone();
        if let Some(mut stored) = confirmed {
            stored.fetched_at = Timestamp::now();
            self.stored.send_replace(Some(stored));
        }
    }

    fn keep(&self, stored: StoredServerConfig) {
        if let Err(error) = stored.save(&self.home) {
            tracing::warn!(%error, "the server's configuration cannot be kept for the next start");
        }
        self.stored.send_replace(Some(stored));
    }
}
