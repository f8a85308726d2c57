//! The server's configuration: fetched at start, at every interval, and when a receipt
//! names another version; kept on disk, and put in force without a restart.

use std::sync::Arc;
use std::time::Duration;

use devpulse_pipeline::lane::{Lane, Obstacle};
use devpulse_pipeline::sender::{SenderHandle, SenderState};
use devpulse_protocol::Timestamp;
use rand::Rng;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::home::Home;
use crate::pace::Pace;
use crate::revocation::Extent;
use crate::server::{ConfigFetch, RefusedCall, ServerUplink};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;

/// Keeps the settings as the server wants them.
pub(crate) struct PolicyPoll {
    pub(crate) uplink: Arc<ServerUplink>,
    pub(crate) home: Home,
    pub(crate) sender: SenderHandle,
    pub(crate) settings: watch::Sender<Arc<Settings>>,
    pub(crate) stored: watch::Sender<Option<StoredServerConfig>>,
    pub(crate) extent: watch::Receiver<Extent>,
}

/// When the server is asked next: at its interval, later where it refused, and not at all
/// while something stands in the way of events.
#[derive(Debug, Default)]
pub(crate) struct Rhythm {
    lane: Lane,
    asked: u64,
}

impl PolicyPoll {
    /// Runs until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut named = self.sender.config_version();
        let mut rhythm = Rhythm::default();
        loop {
            if rhythm.may_ask(&self.sender.state().borrow(), *self.extent.borrow(), Instant::now())
            {
                let refused = tokio::select! {
                    () = stop.cancelled() => return,
                    refused = self.refresh() => refused,
                };
                rhythm.asked(refused.as_ref(), Instant::now(), &mut rand::rng());
                if let Some(refused) = refused.filter(RefusedCall::is_revoked) {
                    self.sender.revoked(refused.to_string()).await;
                }
            }
            let interval = self.settings.borrow().config().config_poll;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rhythm.wait(interval, Instant::now(), &mut rand::rng())) => {}
                () = self.other_version(&mut named) => {}
            }
        }
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

    /// Asks once; returns why there was no answer.
    async fn refresh(&self) -> Option<RefusedCall> {
        let etag = self.stored.borrow().as_ref().and_then(|stored| stored.etag.clone());
        match self.uplink.fetch_config(etag.as_deref()).await {
            Ok(ConfigFetch::Changed(stored)) => self.adopt(stored),
            Ok(ConfigFetch::Unchanged) => self.confirm(),
            Err(cause) => {
                tracing::info!(%cause, "the server's configuration stays as it was");
                return Some(cause);
            }
        }
        None
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

impl Rhythm {
    /// A server that cannot take events, or asks for a pause, is not asked for more; one
    /// that has revoked the device is asked by the lane of events alone.
    pub(crate) fn may_ask(&self, sender: &SenderState, extent: Extent, now: Instant) -> bool {
        let revoked =
            |blocked: &devpulse_pipeline::sender::Blocked| blocked.obstacle == Obstacle::Revoked;
        sender.events.is_none()
            && !sender.images.as_ref().is_some_and(revoked)
            && extent == Extent::Everything
            && self.lane.may_try(now)
    }

    /// The server was asked.
    pub(crate) fn asked(
        &mut self,
        refused: Option<&RefusedCall>,
        now: Instant,
        rng: &mut impl Rng,
    ) {
        self.asked += 1;
        match refused {
            None => self.lane.opened(),
            Some(refused) => {
                let cause = refused.to_string();
                self.lane.obstructed(obstacle(refused), cause, None, now, rng);
            }
        }
    }

    /// How long to wait from `now` on.
    pub(crate) fn wait(&self, interval: Duration, now: Instant, rng: &mut impl Rng) -> Duration {
        let refused = self.lane.closed().map(|closed| closed.next_attempt - now);
        Pace::CONFIG
            .wait(interval, self.asked.saturating_sub(1), rng)
            .max(refused.unwrap_or_default())
    }
}

fn obstacle(refused: &RefusedCall) -> Obstacle {
    if refused.is_revoked() {
        return Obstacle::Revoked;
    }
    match (refused, refused.status()) {
        (RefusedCall::Fault(_), _) => Obstacle::Offline,
        (RefusedCall::NoKey(_), _) => Obstacle::NoKey,
        (_, Some((401 | 403, _))) => Obstacle::AuthBlocked,
        (_, _) => Obstacle::BackingOff,
    }
}
