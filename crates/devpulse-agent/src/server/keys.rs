//! The device's key, wherever it is kept, and the one that is to take its place.

use std::fmt;
use std::sync::Arc;

use devpulse_protocol::ApiKey;
use tokio::task::JoinError;

use crate::credentials::{CredentialsError, Issued, KeyExchange, SecretStore, key_in};
use crate::home::Home;

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

/// The key in use and the next one.
#[derive(Debug)]
pub(super) struct Keys {
    own: KeySource,
    next: Next,
    exchange: Option<KeyExchange>,
    /// The order that was followed last.
    followed: Option<String>,
}

#[derive(Debug)]
enum Next {
    /// Nobody has looked.
    Unread,
    None,
    Issued(Issued),
}

impl Keys {
    pub(super) const fn new(own: KeySource) -> Self {
        Self { own, next: Next::None, exchange: None, followed: None }
    }

    /// Has the key exchanged where the server orders it.
    pub(super) fn exchangeable(self, exchange: KeyExchange) -> Self {
        let followed = exchange.followed();
        Self { next: Next::Unread, exchange: Some(exchange), followed, ..self }
    }

    /// Whether it can be exchanged: it is kept here, and not given by the environment.
    pub(super) const fn is_exchangeable(&self) -> bool {
        self.exchange.is_some()
    }

    /// Whether the key in use follows this order.
    pub(super) fn follows(&self, order: &str) -> bool {
        self.followed.as_deref() == Some(order)
    }

    /// The key in use.
    pub(super) async fn own(&mut self) -> Result<ApiKey, String> {
        let (store, home) = match &self.own {
            KeySource::Held(key) => return Ok(key.clone()),
            KeySource::Stored { store, home } => (Arc::clone(store), home.clone()),
        };
        let asked = tokio::task::spawn_blocking(move || key_in(&*store, &home)).await;
        match asked {
            Ok(Ok(key)) => {
                self.own = KeySource::Held(key.clone());
                Ok(key)
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The next key, where there is one. One that cannot be read now is asked for again.
    pub(super) async fn next(&mut self) -> Option<Issued> {
        if let (Next::Unread, Some(exchange)) = (&self.next, &self.exchange) {
            let exchange = exchange.clone();
            let read = tokio::task::spawn_blocking(move || exchange.next()).await;
            match flat(read) {
                Ok(Some(issued)) => self.next = Next::Issued(issued),
                Ok(None) => self.next = Next::None,
                Err(error) => tracing::warn!(error, "the device's next key cannot be read"),
            }
        }
        match &self.next {
            Next::Issued(issued) => Some(issued.clone()),
            Next::None | Next::Unread => None,
        }
    }

    /// Keeps the next key; it is durable when this returns.
    pub(super) async fn keep(&mut self, issued: Issued) -> Result<(), String> {
        let Some(exchange) = self.exchange.clone() else { return Ok(()) };
        let kept = issued.clone();
        flat(tokio::task::spawn_blocking(move || exchange.keep(&kept)).await)?;
        self.next = Next::Issued(issued);
        Ok(())
    }

    /// The server has taken the next key. Where that cannot be written down, the next start
    /// finds it out again.
    pub(super) async fn promote(&mut self) {
        let Next::Issued(issued) = std::mem::replace(&mut self.next, Next::None) else { return };
        self.own = KeySource::Held(issued.api_key);
        self.followed = Some(issued.order);
        self.change("the device's key is exchanged", KeyExchange::promote).await;
    }

    /// The server does not take the next key, and takes the one in use.
    pub(super) async fn forget(&mut self) {
        self.next = Next::None;
        self.change("the device keeps its key", KeyExchange::forget).await;
    }

    async fn change(
        &self,
        what: &'static str,
        change: impl FnOnce(&KeyExchange) -> Result<(), CredentialsError> + Send + 'static,
    ) {
        let Some(exchange) = self.exchange.clone() else { return };
        match flat(tokio::task::spawn_blocking(move || change(&exchange)).await) {
            Ok(()) => tracing::info!("{what}"),
            Err(error) => tracing::warn!(error, "{what}, which cannot be written down yet"),
        }
    }
}

fn flat<T>(done: Result<Result<T, CredentialsError>, JoinError>) -> Result<T, String> {
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
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
