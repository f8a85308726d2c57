//! Carries batches and images to the server, with tokens.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use devpulse_pipeline::{Answer, Call, GrpcCode, Outcome, OutgoingBatch, OutgoingImage, Uplink};
use devpulse_protocol::{AccessToken, ApiKey, DeviceId, Timestamp, TokenRequest};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::token::TokenHolder;
use super::{Answered, RefusedCall, ServerApi};
use crate::clock_skew::ClockSkew;
use crate::credentials::{DeviceIdentity, SecretStore, key_in};
use crate::home::Home;
use crate::origin::ServerOrigin;
use crate::server_config::StoredServerConfig;

/// Carries batches and images to the server that the device is enrolled at.
///
/// It gets its own tokens and keeps them in memory only. The key goes to the token route
/// of the origin that issued it and nowhere else.
#[derive(Debug)]
pub struct ServerUplink {
    api: ServerApi,
    client_id: DeviceId,
    key: Mutex<KeySource>,
    tokens: TokenHolder,
    clock_skew: ClockSkew,
}

/// Where the device's key comes from.
#[derive(Clone)]
pub enum KeySource {
    /// It is at hand.
    Held(ApiKey),
    /// A store has it, and is asked when a token is needed.
    Stored {
        /// The store.
        store: Arc<dyn SecretStore>,
        /// Whose key it is.
        home: Home,
    },
}

/// A key was to be sent to another server than the one that issued it.
#[derive(Debug, thiserror::Error)]
#[error("the device's key was issued by {issuer} and is not sent to {server}")]
pub struct OtherOrigin {
    /// Who issued the key.
    pub issuer: ServerOrigin,
    /// Where it was to go.
    pub server: ServerOrigin,
}

/// What the server says about its configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigFetch {
    /// It is still the one of the entity tag.
    Unchanged,
    /// It is this one.
    Changed(StoredServerConfig),
}

impl ServerUplink {
    /// Joins a server and the key that it issued; nothing is sent yet.
    ///
    /// # Errors
    /// Refuses a server of another origin than the one that issued the key.
    pub fn new(
        api: ServerApi,
        identity: &DeviceIdentity,
        key: KeySource,
    ) -> Result<Self, Box<OtherOrigin>> {
        let (issuer, server) = (identity.server_url.origin(), api.server().origin());
        if issuer != server {
            return Err(Box::new(OtherOrigin { issuer: issuer.clone(), server: server.clone() }));
        }
        Ok(Self {
            api,
            client_id: identity.device_id.clone(),
            key: Mutex::new(key),
            tokens: TokenHolder::default(),
            clock_skew: ClockSkew::default(),
        })
    }

    /// How far this computer's clock is ahead of the server's.
    pub(crate) fn clock_skew(&self) -> ClockSkew {
        self.clock_skew.clone()
    }

    /// Asks for the configuration, unless it is still the one with this entity tag.
    ///
    /// # Errors
    /// Says why there is no configuration.
    pub async fn fetch_config(&self, etag: Option<&str>) -> Result<ConfigFetch, RefusedCall> {
        let answered =
            self.with_token(|token| async move { self.api.config(&token, etag).await }).await;
        let answer = answered.map_err(RefusedCall::of)?;
        if answer.is_unchanged {
            return Ok(ConfigFetch::Unchanged);
        }
        let refused = || RefusedCall::of(answer.outcome.clone());
        let body = answer.outcome.success().ok_or_else(refused)?;
        serde_json::from_slice(body)
            .ok()
            .and_then(|config| StoredServerConfig::new(config, answer.etag, Timestamp::now()).ok())
            .map(ConfigFetch::Changed)
            .ok_or_else(refused)
    }

    /// Ends the device's key at the server.
    ///
    /// # Errors
    /// Says why it may still be valid.
    pub async fn revoke_self(&self) -> Result<(), RefusedCall> {
        let answered =
            self.with_token(|token| async move { self.api.revoke_self(&token).await }).await;
        match answered.map_err(RefusedCall::of)? {
            Outcome::Http(answer) if matches!(answer.status, 200 | 202 | 204) => Ok(()),
            Outcome::Grpc(answer) if answer.code == GrpcCode::Ok => Ok(()),
            refused => Err(RefusedCall::of(refused)),
        }
    }

    /// Makes a call with a token, and once more with a new one where it is refused. Where
    /// there is no token, what became of asking for one.
    async fn with_token<T, F>(&self, call: impl Fn(AccessToken) -> F) -> Result<T, Outcome>
    where
        T: Answered,
        F: Future<Output = T>,
    {
        let token = self.tokens.get(self.ask_for_token()).await?;
        let asked = Instant::now();
        let answered = call(token.clone()).await;
        self.clock_skew.learn(answered.outcome().date(), Timestamp::now(), asked.elapsed());
        if !answered.outcome().is_unauthenticated() {
            return Ok(answered);
        }
        Ok(call(self.tokens.replace(&token, self.ask_for_token()).await?).await)
    }

    async fn ask_for_token(&self) -> Outcome {
        match self.key().await {
            Ok(api_key) => {
                let client_id = self.client_id.clone();
                self.api.token(&TokenRequest { api_key, client_id }).await
            }
            Err(cause) => Outcome::NoKey(cause),
        }
    }

    async fn key(&self) -> Result<ApiKey, String> {
        let mut source = self.key.lock().await;
        let (store, home) = match &*source {
            KeySource::Held(key) => return Ok(key.clone()),
            KeySource::Stored { store, home } => (Arc::clone(store), home.clone()),
        };
        let asked = tokio::task::spawn_blocking(move || key_in(&*store, &home)).await;
        match asked {
            Ok(Ok(key)) => {
                *source = KeySource::Held(key.clone());
                Ok(key)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl Uplink for ServerUplink {
    async fn send_batch(&self, batch: &OutgoingBatch) -> Answer {
        let answered =
            self.with_token(|token| async move { self.api.batch(&token, batch).await }).await;
        answer(Call::Batch, answered)
    }

    async fn send_image(&self, image: &OutgoingImage) -> Answer {
        let answered =
            self.with_token(|token| async move { self.api.image(&token, image).await }).await;
        answer(Call::Image, answered)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Held(_) => "Held(redacted)",
            Self::Stored { .. } => "Stored",
        })
    }
}

fn answer(call: Call, answered: Result<Outcome, Outcome>) -> Answer {
    match answered {
        Ok(outcome) => Answer { call, outcome },
        Err(outcome) => Answer { call: Call::Token, outcome },
    }
}
