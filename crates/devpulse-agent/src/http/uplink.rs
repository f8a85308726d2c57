//! Carries batches and images over HTTPS, with tokens and content encodings.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use devpulse_pipeline::{
    Answer, Call, Outcome, OutgoingBatch, OutgoingImage, TransportFault, Uplink,
};
use devpulse_protocol::{AccessToken, ApiKey, DeviceId, Timestamp};
use tokio::sync::Mutex;

use super::encoding::Negotiation;
use super::token::TokenHolder;
use super::{Exchange, HttpApi, RefusedCall, outcome};
use crate::credentials::{DeviceIdentity, SecretStore, key_in};
use crate::home::Home;
use crate::origin::ServerOrigin;
use crate::server_config::StoredServerConfig;

/// Carries batches and images to the server that the device is enrolled at.
///
/// It gets its own tokens and keeps them in memory only. The key goes to the token route
/// of the origin that issued it and nowhere else.
#[derive(Debug)]
pub struct HttpUplink {
    api: HttpApi,
    client_id: DeviceId,
    key: Mutex<KeySource>,
    tokens: TokenHolder,
    encodings: Negotiation,
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

impl HttpUplink {
    /// Joins a server and the key that it issued; nothing is sent yet.
    ///
    /// # Errors
    /// Refuses a server of another origin than the one that issued the key.
    pub fn new(
        api: HttpApi,
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
            encodings: Negotiation::default(),
        })
    }

    /// Asks for the configuration, unless it is still the one with this entity tag.
    ///
    /// # Errors
    /// Says why there is no configuration.
    pub async fn fetch_config(&self, etag: Option<&str>) -> Result<ConfigFetch, RefusedCall> {
        let answered =
            self.with_token(|token| async move { self.api.config(&token, etag).await }).await;
        let exchange = answered.map_err(|refused| RefusedCall::of(refused.outcome))?;
        match exchange.answer.status {
            304 if etag.is_some() => Ok(ConfigFetch::Unchanged),
            200 => serde_json::from_slice(&exchange.answer.body)
                .ok()
                .and_then(|config| {
                    StoredServerConfig::new(config, exchange.etag, Timestamp::now()).ok()
                })
                .map(ConfigFetch::Changed)
                .ok_or(RefusedCall::NotDevPulse { status: 200 }),
            _ => Err(RefusedCall::of_answer(&exchange.answer)),
        }
    }

    /// Ends the device's key at the server.
    ///
    /// # Errors
    /// Says why it may still be valid.
    pub async fn revoke_self(&self) -> Result<(), RefusedCall> {
        let answered =
            self.with_token(|token| async move { self.api.revoke_self(&token).await }).await;
        let exchange = answered.map_err(|refused| RefusedCall::of(refused.outcome))?;
        if matches!(exchange.answer.status, 200 | 202 | 204) {
            return Ok(());
        }
        Err(RefusedCall::of_answer(&exchange.answer))
    }

    /// Makes a call with a token, and once more with a new one where it is refused.
    async fn with_token<F>(&self, call: impl Fn(AccessToken) -> F) -> Result<Exchange, Unanswered>
    where
        F: Future<Output = Result<Exchange, TransportFault>>,
    {
        let no_token = |outcome| Unanswered { is_token: true, outcome };
        let fault = |fault| Unanswered { is_token: false, outcome: Outcome::Fault(fault) };
        let token = self.tokens.get(self.ask_for_token()).await.map_err(no_token)?;
        let exchange = call(token.clone()).await.map_err(fault)?;
        if exchange.answer.status != 401 {
            return Ok(exchange);
        }
        let renewed = self.tokens.replace(&token, self.ask_for_token()).await;
        call(renewed.map_err(no_token)?).await.map_err(fault)
    }

    async fn ask_for_token(&self) -> Outcome {
        match self.key().await {
            Ok(key) => self.api.token(&key, &self.client_id).await,
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
impl Uplink for HttpUplink {
    async fn send_batch(&self, batch: &OutgoingBatch) -> Answer {
        let mut encoding = self.encodings.best();
        loop {
            let Ok(body) = encoding.encode(&batch.body) else {
                return Answer {
                    call: Call::Batch,
                    outcome: Outcome::Fault(TransportFault::Broken),
                };
            };
            let answered = self
                .with_token(|token| {
                    let body = body.clone();
                    async move { self.api.batch(&token, batch.batch_id, encoding, body).await }
                })
                .await;
            let weaker = match &answered {
                Ok(exchange) if exchange.answer.status == 415 => self.encodings.refused(encoding),
                _ => None,
            };
            match weaker {
                Some(weaker) => encoding = weaker,
                None => return answer(Call::Batch, answered),
            }
        }
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

/// A call to which the server gave no answer, or a token call that gave no token.
struct Unanswered {
    is_token: bool,
    outcome: Outcome,
}

fn answer(call: Call, answered: Result<Exchange, Unanswered>) -> Answer {
    match answered {
        Ok(exchange) => Answer { call, outcome: outcome(Ok(exchange)) },
        Err(Unanswered { is_token: true, outcome }) => Answer { call: Call::Token, outcome },
        Err(Unanswered { is_token: false, outcome }) => Answer { call, outcome },
    }
}
