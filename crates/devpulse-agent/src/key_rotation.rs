//! Follows the server's order to exchange the device's key. Events go on being sent
//! meanwhile: the key in use is valid until the next one was used.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::server::{ExchangeError, ServerUplink};
use crate::server_config::StoredServerConfig;

/// The wait after the first failure; it doubles with each further one,
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Exchanges the key where the configuration says so.
pub(crate) struct KeyRotation {
    pub(crate) uplink: Arc<ServerUplink>,
    pub(crate) stored: watch::Receiver<Option<StoredServerConfig>>,
}

impl KeyRotation {
    /// Runs until `stop` is cancelled. Sleeps while there is no order.
    pub(crate) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow()).await;
    }

    async fn follow(mut self) {
        let mut failures = 0;
        loop {
            let stored = self.stored.borrow_and_update().clone();
            let order = stored.and_then(|stored| stored.settings().rotate_key);
            let failure = match &order {
                Some(order) => self.uplink.exchange_key(order).await.err(),
                None => None,
            };
            match failure {
                Some(error) if error.may_pass() => {
                    tracing::warn!(%error, "the device's key is not exchanged yet");
                    let part = rand::rng().random_range(0.5..=1.0);
                    tokio::time::sleep(wait(failures).mul_f64(part)).await;
                    failures += 1;
                    continue;
                }
                Some(error) if failures == 0 => {
                    tracing::warn!(%error, "the device's key is not exchanged");
                    failures = 1;
                }
                Some(_) => {}
                None => failures = 0,
            }
            if self.stored.changed().await.is_err() {
                return;
            }
        }
    }
}

impl ExchangeError {
    /// Whether trying again may help.
    fn may_pass(&self) -> bool {
        match self {
            Self::NotKeptHere => false,
            Self::Refused(refused) => !refused.is_revoked(),
            Self::NotTaken | Self::Unkept(_) => true,
        }
    }
}

fn wait(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_an_hour() {
        assert_eq!(wait(0), Duration::from_secs(5));
        assert_eq!(wait(3), Duration::from_secs(40));
        assert_eq!(wait(500), LONGEST_WAIT);
    }
}
