//! A keychain that appears, or is unlocked, after the device was enrolled: the key then
//! moves there out of the file.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{KeptIn, SecretStore, SystemKeychain, kept_in, move_key};
use crate::home::Home;
use crate::settings::{SecretStoreChoice, Settings};

/// When a session that could not be watched is tried again.
const AGAIN: Duration = Duration::from_secs(300);

/// Waits for a keychain, and gives it the key.
pub(crate) struct LateKeychain {
    home: Home,
    store: Arc<dyn SecretStore>,
}

impl LateKeychain {
    /// `None` where the key is not to move: it is not in the file, the settings say where
    /// it belongs, or this session never has a keychain.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let local = settings.local();
        let store = SystemKeychain::new();
        let waits = local.secret_store == SecretStoreChoice::Auto
            && local.api_key.is_none()
            && store.is_present()
            && match kept_in(&local.home) {
                Some(KeptIn::File) => true,
                Some(KeptIn::Keyring) => local.home.log_key().exists(),
                None => false,
            };
        waits.then(|| Self { home: local.home.clone(), store: Arc::new(store) })
    }

    /// Runs until the key has moved, or `stop` is cancelled. Sleeps while the session has
    /// no keychain that is open, and never makes it ask the person for anything.
    pub(crate) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.wait_and_move()).await;
    }

    async fn wait_and_move(self) {
        loop {
            if self.watch().await {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Says whether nothing is left to do; `false` where the session cannot be watched.
    #[cfg(target_os = "linux")]
    async fn watch(&self) -> bool {
        use futures_util::StreamExt as _;

        use super::KeychainState;
        use super::presence::SecretService;

        let Ok(service) = SecretService::connect().await else { return false };
        let Ok(mut changes) = service.changes().await else { return false };
        loop {
            if service.state().await == KeychainState::Unlocked && self.try_to_move().await {
                return true;
            }
            if changes.next().await.is_none() {
                return false;
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn watch(&self) -> bool {
        self.try_to_move().await
    }

    /// Says whether nothing is left to do.
    async fn try_to_move(&self) -> bool {
        let (home, store) = (self.home.clone(), Arc::clone(&self.store));
        match tokio::task::spawn_blocking(move || move_key(&home, store.as_ref())).await {
            Ok(Ok(true)) => {
                tracing::info!("the device's key has moved from the file to the keychain");
                true
            }
            Ok(Ok(false)) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the device's key stays in the file");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the device's key stays in the file");
                false
            }
        }
    }
}
