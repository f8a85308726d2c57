//! HTTPS to the organisation's server: single calls, unjudged.
//!
//! What an answer means is decided in `devpulse_pipeline::verdict`; here it is only
//! carried. Connections for gRPC are made here too.

mod client;
mod encoding;
mod fault;
mod options;
mod resolver;
mod route;
mod tls;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use devpulse_pipeline::{HttpAnswer, Outcome, OutgoingBatch, OutgoingImage, TransportFault};
use devpulse_protocol::{
    AccessToken, BATCH_PATH, BatchId, CONFIG_PATH, DEVICE_KEY_PATH, DEVICE_SELF_PATH, ENROLL_PATH,
    EnrollRequest, HEALTH_PATH, IDEMPOTENCY_KEY, SCREENSHOTS_PATH, TOKEN_PATH, TokenRequest,
};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use reqwest::{RequestBuilder, Url};
use zeroize::Zeroizing;

pub(crate) use client::Connections;
pub(crate) use encoding::{Encoding, Negotiation};
pub use fault::fault_hint;
pub use options::{HttpOptions, HttpSetupError};
pub(crate) use route::{Route, SetBy};
pub use tls::ClientIdentity;

use crate::origin::{ServerOrigin, ServerUrl};
use crate::server::ConfigAnswer;

/// Longest answer that is read.
pub(crate) const LONGEST_ANSWER: usize = 1024 * 1024;
const JSON: &str = "application/json";

/// The server's HTTP interface, one call at a time.
#[derive(Clone, Debug)]
pub struct HttpApi {
    connections: Connections,
    server: ServerUrl,
    encodings: Arc<Negotiation>,
}

/// An answer with the headers that only some calls need.
struct Exchange {
    answer: HttpAnswer,
    etag: Option<String>,
    location: Option<String>,
}

impl HttpApi {
    /// Prepares calls to a server, a gRPC one by the address below it; nothing is sent yet.
    ///
    /// # Errors
    /// Fails where the certificates that are to be trusted cannot be read.
    pub fn new(server: &ServerUrl, options: &HttpOptions) -> Result<Self, HttpSetupError> {
        Self::by(server, options, Route::to(server, options))
    }

    /// As [`HttpApi::new`], on a way that is known.
    pub(crate) fn by(
        server: &ServerUrl,
        options: &HttpOptions,
        route: Route,
    ) -> Result<Self, HttpSetupError> {
        let server = server.over_http();
        let connections = Connections::to(&server, options, route)?;
        Ok(Self { connections, server, encodings: Arc::default() })
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Whether the server is there.
    pub async fn health(&self) -> Outcome {
        self.inspect().await.0
    }

    /// Whether the server is there, and its certificate (DER) where it has one.
    pub(crate) async fn inspect(&self) -> (Outcome, Option<Vec<u8>>) {
        let exchange = self.exchange(|url| self.client().get(url), HEALTH_PATH).await;
        (outcome(exchange), self.connections.certificate())
    }

    /// Asks the server to take this device in.
    pub async fn enroll(&self, request: &EnrollRequest) -> Outcome {
        self.post_json(ENROLL_PATH, request).await
    }

    /// Exchanges the API key, which must be this server's, for a token.
    pub(crate) async fn token(&self, request: &TokenRequest) -> Outcome {
        self.post_json(TOKEN_PATH, request).await
    }

    pub(crate) async fn config(&self, token: &AccessToken, etag: Option<&str>) -> ConfigAnswer {
        let request = |url| {
            let request = self.client().get(url).bearer_auth(token.expose());
            match etag {
                Some(etag) => request.header(IF_NONE_MATCH, etag),
                None => request,
            }
        };
        match self.exchange(request, CONFIG_PATH).await {
            Ok(Exchange { answer, etag: found, .. }) => ConfigAnswer {
                is_unchanged: answer.status == 304 && etag.is_some(),
                etag: found,
                outcome: Outcome::Http(answer),
            },
            Err(fault) => {
                ConfigAnswer { is_unchanged: false, etag: None, outcome: Outcome::Fault(fault) }
            }
        }
    }

    /// Sends a batch in the best encoding that the server takes.
    pub(crate) async fn batch(&self, token: &AccessToken, batch: &OutgoingBatch) -> Outcome {
        let mut encoding = self.encodings.best();
        loop {
            let Ok(body) = encoding.encode(&batch.body) else {
                return Outcome::Fault(TransportFault::Broken);
            };
            let answered = self.encoded(token, batch.batch_id, encoding, body).await;
            let weaker = match &answered {
                Outcome::Http(answer) if answer.status == 415 => self.encodings.refused(encoding),
                _ => None,
            };
            match weaker {
                Some(weaker) => encoding = weaker,
                None => return answered,
            }
        }
    }

    async fn encoded(
        &self,
        token: &AccessToken,
        batch_id: BatchId,
        encoding: Encoding,
        body: Bytes,
    ) -> Outcome {
        let request = |url| {
            let request = self
                .client()
                .post(url)
                .bearer_auth(token.expose())
                .header(CONTENT_TYPE, JSON)
                .header(IDEMPOTENCY_KEY, batch_id.to_string())
                .body(body.clone());
            match encoding.name() {
                Some(name) => request.header(CONTENT_ENCODING, name),
                None => request,
            }
        };
        outcome(self.exchange(request, BATCH_PATH).await)
    }

    pub(crate) async fn image(&self, token: &AccessToken, image: &OutgoingImage) -> Outcome {
        let request = |url| {
            self.client()
                .put(url)
                .bearer_auth(token.expose())
                .header(CONTENT_TYPE, image.media_type.as_str())
                .body(image.bytes.clone())
        };
        outcome(self.exchange(request, &format!("{SCREENSHOTS_PATH}/{}", image.sha256)).await)
    }

    pub(crate) async fn issue_key(&self, token: &AccessToken, idempotency_key: &str) -> Outcome {
        let request = |url| {
            let request = self.client().post(url).bearer_auth(token.expose());
            request.header(IDEMPOTENCY_KEY, idempotency_key)
        };
        outcome(self.exchange(request, DEVICE_KEY_PATH).await)
    }

    pub(crate) async fn revoke_self(&self, token: &AccessToken) -> Outcome {
        let request = |url| self.client().delete(url).bearer_auth(token.expose());
        outcome(self.exchange(request, DEVICE_SELF_PATH).await)
    }

    async fn post_json(&self, path: &str, body: &impl serde::Serialize) -> Outcome {
        let Ok(json) = serde_json::to_vec(body).map(Zeroizing::new) else {
            return Outcome::Fault(TransportFault::Broken);
        };
        let json = Bytes::copy_from_slice(&json);
        let request = |url| self.client().post(url).header(CONTENT_TYPE, JSON).body(json.clone());
        outcome(self.exchange(request, path).await)
    }

    /// Makes a request, and once more where a 307 or 308 leads to the same origin.
    async fn exchange(
        &self,
        request: impl Fn(Url) -> RequestBuilder,
        path: &str,
    ) -> Result<Exchange, TransportFault> {
        let Ok(url) = Url::parse(&self.server.route(path)) else {
            return Err(TransportFault::Unreachable);
        };
        let exchange = self.perform(request(url.clone())).await?;
        match self.redirected(&url, &exchange) {
            Some(elsewhere) => self.perform(request(elsewhere)).await,
            None => Ok(exchange),
        }
    }

    async fn perform(&self, request: RequestBuilder) -> Result<Exchange, TransportFault> {
        let response = request.send().await.map_err(|error| self.connections.fault(&error))?;
        read(response, &self.connections).await
    }

    const fn client(&self) -> &reqwest::Client {
        self.connections.client()
    }

    fn redirected(&self, from: &Url, exchange: &Exchange) -> Option<Url> {
        if !matches!(exchange.answer.status, 307 | 308) {
            return None;
        }
        let to = from.join(exchange.location.as_deref()?).ok()?;
        let is_same = ServerOrigin::of(&to).as_ref() == Some(self.server.origin());
        let is_bare = to.username().is_empty() && to.password().is_none();
        (is_same && is_bare).then_some(to)
    }
}

/// What something answered that need not be the server.
pub(crate) async fn answer_in(response: reqwest::Response, connections: &Connections) -> Outcome {
    outcome(read(response, connections).await)
}

async fn read(
    mut response: reqwest::Response,
    connections: &Connections,
) -> Result<Exchange, TransportFault> {
    connections.answered(response.status())?;
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut exchange = Exchange {
        etag: text(ETAG),
        location: text(LOCATION),
        answer: HttpAnswer {
            status: response.status().as_u16(),
            content_type: text(CONTENT_TYPE),
            retry_after: text(RETRY_AFTER),
            date: text(DATE),
            body: Bytes::new(),
        },
    };
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| connections.fault(&error))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(TransportFault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    exchange.answer.body = body.freeze();
    Ok(exchange)
}

fn outcome(exchange: Result<Exchange, TransportFault>) -> Outcome {
    match exchange {
        Ok(exchange) => Outcome::Http(exchange.answer),
        Err(fault) => Outcome::Fault(fault),
    }
}
