//! The way to the server where the device is enrolled.

use std::sync::Arc;

use devpulse_pipeline::Uplink;

use crate::clock_skew::ClockSkew;
use crate::credentials::{
    Credentials, CredentialsError, DeviceIdentity, Enrollment, KeyExchange, SecretPlace,
    SecretStore, SystemKeychain,
};
use crate::http::{HttpOptions, HttpSetupError};
use crate::server::{KeySource, OtherOrigin, ServerApi, ServerUplink};
use crate::settings::Settings;

/// The way to the server, and who the device is there.
pub(crate) struct Upstream {
    identity: DeviceIdentity,
    uplink: Arc<ServerUplink>,
}

/// Why there is no way to the server.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No request can be made at all.
    #[error(transparent)]
    Http(#[from] HttpSetupError),
    /// The key belongs elsewhere.
    #[error(transparent)]
    OtherOrigin(#[from] Box<OtherOrigin>),
}

impl UpstreamError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credentials(error) => error.hint(),
            Self::Http(error) => error.hint().map(ToOwned::to_owned),
            Self::OtherOrigin(_) => None,
        }
    }
}

impl Upstream {
    /// Prepares the way; nothing is sent yet. `None` where the device is not enrolled.
    /// A key that the keychain does not hand out now is asked for again when it is needed.
    pub(crate) async fn of(settings: &Settings) -> Result<Option<Self>, UpstreamError> {
        let keychain: Arc<dyn SecretStore> = Arc::new(SystemKeychain::new());
        let enrollment = load(settings, &keychain, Enrollment::load).await?;
        if let Some(identity) = enrollment.identity() {
            identity.check_server(settings)?;
        }
        Self::prepare(settings, keychain, enrollment, &SecretPlace::of(settings))
    }

    /// The way to the server that the credentials file names, wherever the settings lead:
    /// another enrollment is about to take its place.
    pub(crate) async fn former(settings: &Settings) -> Result<Option<Self>, UpstreamError> {
        let keychain: Arc<dyn SecretStore> = Arc::new(SystemKeychain::new());
        let of_home = |settings: &Settings, keychain: &dyn SecretStore| {
            Enrollment::of_home(&settings.local().home, keychain)
        };
        let enrollment = load(settings, &keychain, of_home).await?;
        let home = SecretPlace::Home(settings.local().home.clone());
        Self::prepare(settings, keychain, enrollment, &home)
    }

    fn prepare(
        settings: &Settings,
        keychain: Arc<dyn SecretStore>,
        enrollment: Enrollment,
        place: &SecretPlace,
    ) -> Result<Option<Self>, UpstreamError> {
        let (identity, key) = match enrollment {
            Enrollment::NotEnrolled => return Ok(None),
            Enrollment::Enrolled(Credentials { identity, api_key }) => {
                (identity, KeySource::Held(api_key))
            }
            Enrollment::KeyUnavailable { identity, error } => {
                tracing::warn!(%error, "the device's key is not at hand; capture goes on");
                let home = settings.local().home.clone();
                (identity, KeySource::Stored { store: Arc::clone(&keychain), home })
            }
        };
        identity.check_plain(settings)?;
        let options = HttpOptions::of(settings.local());
        let api = ServerApi::new(identity.server_url.clone(), &options)?;
        let uplink = ServerUplink::new(api, &identity, key)?;
        let uplink = match place {
            SecretPlace::Environment => uplink,
            SecretPlace::Home(home) => {
                uplink.exchangeable(KeyExchange { home: home.clone(), store: keychain })
            }
        };
        Ok(Some(Self { identity, uplink: Arc::new(uplink) }))
    }

    pub(crate) const fn identity(&self) -> &DeviceIdentity {
        &self.identity
    }

    /// How far this computer's clock is ahead of the server's.
    pub(crate) fn clock_skew(&self) -> ClockSkew {
        self.uplink.clock_skew()
    }

    pub(crate) fn uplink(&self) -> Arc<ServerUplink> {
        Arc::clone(&self.uplink)
    }

    /// The same, as the pipeline knows it.
    pub(crate) fn transport(&self) -> Arc<dyn Uplink> {
        self.uplink()
    }
}

/// Loads the credentials away from the event loop: the keychain may take seconds.
async fn load(
    settings: &Settings,
    keychain: &Arc<dyn SecretStore>,
    how: impl FnOnce(&Settings, &dyn SecretStore) -> Result<Enrollment, CredentialsError>
    + Send
    + 'static,
) -> Result<Enrollment, CredentialsError> {
    let (settings, keychain) = (settings.clone(), Arc::clone(keychain));
    let loading = tokio::task::spawn_blocking(move || how(&settings, keychain.as_ref()));
    match loading.await {
        Ok(enrollment) => enrollment,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
