//! Carries batches and images to the server, with tokens.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use devpulse_pipeline::{Answer, Call, GrpcCode, Outcome, OutgoingBatch, OutgoingImage, Uplink};
use devpulse_protocol::{AccessToken, ApiKey, DeviceId, KeyResponse, Timestamp, TokenRequest};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::keys::{KeySource, Keys};
use super::token::{TokenHolder, is_granted};
use super::{Answered, RefusedCall, ServerApi};
use crate::clock_skew::ClockSkew;
use crate::credentials::{DeviceIdentity, Issued, KeyExchange};
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
    keys: Mutex<Keys>,
    exchanges: AtomicU32,
    tokens: TokenHolder,
    clock_skew: ClockSkew,
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

/// Why the key was not exchanged. The one in use is still good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The environment gives the key, which is not the agent's to exchange.
    #[error("the environment gives the key; exchange it there")]
    NotKeptHere,
    /// The server did not issue one, or no token for it.
    #[error("{0}")]
    Refused(RefusedCall),
    /// The next key cannot be kept, so it is not used.
    #[error("the next key cannot be kept: {0}")]
    Unkept(String),
    /// The server does not take the key that it issued.
    #[error("the server does not take the key that it issued")]
    NotTaken,
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
            keys: Mutex::new(Keys::new(key)),
            exchanges: AtomicU32::new(0),
            tokens: TokenHolder::default(),
            clock_skew: ClockSkew::default(),
        })
    }

    /// Has the key exchanged where the server orders it, or where an exchange was begun.
    pub(crate) fn exchangeable(self, exchange: KeyExchange) -> Self {
        Self { keys: Mutex::new(self.keys.into_inner().exchangeable(exchange)), ..self }
    }

    /// Follows an order to exchange the key, unless it was followed before: asks for the next
    /// one, keeps it, and uses it.
    pub(crate) async fn exchange_key(&self, order: &str) -> Result<(), ExchangeError> {
        let pending = {
            let mut keys = self.keys.lock().await;
            if !keys.is_exchangeable() {
                return Err(ExchangeError::NotKeptHere);
            }
            if keys.follows(order) {
                return Ok(());
            }
            keys.next().await
        };
        // One of another order is not what this one is about.
        if pending.is_none_or(|pending| pending.order != order) {
            let issued = self.issue_key(order).await.map_err(ExchangeError::Refused)?;
            self.keys.lock().await.keep(issued).await.map_err(ExchangeError::Unkept)?;
        }
        let renewed = self.tokens.renew(self.ask_for_token()).await;
        renewed.map_err(|outcome| ExchangeError::Refused(RefusedCall::of(outcome)))?;
        if self.keys.lock().await.follows(order) {
            return Ok(());
        }
        // What the server answers to the same question again may be what it did not take.
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        Err(ExchangeError::NotTaken)
    }

    /// Asks for the next key; the same question each time for the same order.
    async fn issue_key(&self, order: &str) -> Result<Issued, RefusedCall> {
        let exchange = self.exchanges.load(Ordering::Relaxed);
        let asked = format!("{}\n{exchange}\n{order}", self.client_id.as_str());
        let digest = Sha256::digest(asked.as_bytes());
        let idempotency_key: String =
            digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let (api, id) = (&self.api, idempotency_key.as_str());
        let answered = self.with_token(|token| async move { api.issue_key(&token, id).await });
        let outcome = answered.await.map_err(RefusedCall::of)?;
        let response = outcome.success().and_then(|body| serde_json::from_slice(body).ok());
        let response = response.filter(|response: &KeyResponse| is_key(&response.api_key));
        let KeyResponse { api_key, expires_at } =
            response.ok_or_else(|| RefusedCall::of(outcome.clone()))?;
        Ok(Issued { api_key, expires_at, order: order.to_owned() })
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

    /// Asks for a token with the key in use. Where there is a next key, with that one first:
    /// from its first use on the former one may not be valid any more.
    async fn ask_for_token(&self) -> Outcome {
        let mut keys = self.keys.lock().await;
        if let Some(issued) = keys.next().await {
            let outcome = self.token_for(issued.api_key).await;
            if is_granted(&outcome) {
                keys.promote().await;
                return outcome;
            }
            if !outcome.is_unauthenticated() {
                return outcome;
            }
        }
        let outcome = match keys.own().await {
            Ok(api_key) => self.token_for(api_key).await,
            Err(cause) => Outcome::NoKey(cause),
        };
        if is_granted(&outcome) && keys.next().await.is_some() {
            keys.forget().await;
        }
        outcome
    }

    async fn token_for(&self, api_key: ApiKey) -> Outcome {
        let client_id = self.client_id.clone();
        self.api.token(&TokenRequest { api_key, client_id }).await
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

fn answer(call: Call, answered: Result<Outcome, Outcome>) -> Answer {
    match answered {
        Ok(outcome) => Answer { call, outcome },
        Err(outcome) => Answer { call: Call::Token, outcome },
    }
}

/// Whether it can be a key at all, and not what something in between made of one.
fn is_key(api_key: &ApiKey) -> bool {
    const LONGEST: usize = 1024;

    let text = api_key.expose();
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
