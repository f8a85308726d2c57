//! HTTPS to the organisation's server: single calls, unjudged.
//!
//! What an answer means is decided in `devpulse_pipeline::verdict`; here it is only
//! carried. Connections for gRPC are made here too.

mod client;
mod encoding;
mod fault;
mod resolver;
mod tls;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use devpulse_pipeline::{HttpAnswer, Outcome, OutgoingBatch, OutgoingImage, TransportFault};
use devpulse_protocol::{
    AccessToken, BATCH_PATH, BatchId, CONFIG_PATH, DEVICE_SELF_PATH, ENROLL_PATH, EnrollRequest,
    HEALTH_PATH, IDEMPOTENCY_KEY, SCREENSHOTS_PATH, TOKEN_PATH, TokenRequest,
};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use reqwest::{RequestBuilder, Url};
use zeroize::Zeroizing;

pub(crate) use client::client;
pub(crate) use encoding::{Encoding, Negotiation};
pub use fault::fault_hint;
pub(crate) use fault::of as fault_of;

use crate::origin::{ProxyUrl, ServerOrigin, ServerUrl};
use crate::server::ConfigAnswer;
use crate::settings::{GrpcFallback, LocalSettings};

/// Longest answer that is read.
pub(crate) const LONGEST_ANSWER: usize = 1024 * 1024;
const JSON: &str = "application/json";

/// How the server is reached.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// A PEM file of certificates that are trusted besides the system's.
    pub ca_cert: Option<PathBuf>,
    /// The proxy; where absent, what the usual variables say. A server on this machine
    /// is always reached directly.
    pub proxy: Option<ProxyUrl>,
    /// Longest time until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// Longest time for a request and its answer together.
    pub timeout: Duration,
    /// What follows where a gRPC server lacks a method.
    pub grpc_fallback: GrpcFallback,
}

impl HttpOptions {
    /// What the settings say.
    #[must_use]
    pub fn of(local: &LocalSettings) -> Self {
        Self {
            ca_cert: local.ca_cert.clone(),
            proxy: local.proxy.clone(),
            grpc_fallback: local.grpc_fallback,
            ..Self::default()
        }
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_cert: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            grpc_fallback: GrpcFallback::Off,
        }
    }
}

/// Why no request can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// The file of certificates cannot be read.
    #[error("the certificate file {path} cannot be read", path = .path.display())]
    CaCert {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file of certificates is none.
    #[error("the certificate file {path} holds no certificate that can be used", path = .0.display())]
    NoCertificate(PathBuf),
    /// Nothing is trusted.
    #[error("this system trusts no certificate authority")]
    NoAuthorities,
    /// The parts do not fit together.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
}

impl HttpSetupError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::CaCert { .. } => Some("correct DEVPULSE_CA_CERT, or unset it"),
            Self::NoCertificate(_) => {
                Some("DEVPULSE_CA_CERT needs a PEM file: -----BEGIN CERTIFICATE-----")
            }
            Self::NoAuthorities => {
                Some("install ca-certificates, or name the authority with DEVPULSE_CA_CERT")
            }
            Self::Client(_) => None,
        }
    }
}

/// The server's HTTP interface, one call at a time.
#[derive(Clone, Debug)]
pub struct HttpApi {
    client: reqwest::Client,
    server: ServerUrl,
    encodings: Arc<Negotiation>,
}

/// An answer with the headers that only some calls need.
struct Exchange {
    answer: HttpAnswer,
    etag: Option<String>,
    location: Option<String>,
    certificate: Option<Vec<u8>>,
}

impl HttpApi {
    /// Prepares calls to a server, a gRPC one by the address below it; nothing is sent yet.
    ///
    /// # Errors
    /// Fails where the certificates that are to be trusted cannot be read.
    pub fn new(server: &ServerUrl, options: &HttpOptions) -> Result<Self, HttpSetupError> {
        let server = server.over_http();
        let client = client(&server, options)?;
        Ok(Self { client, server, encodings: Arc::default() })
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Whether the server is there.
    pub async fn health(&self) -> Outcome {
        outcome(self.exchange(|url| self.client.get(url), HEALTH_PATH).await)
    }

    /// Whether the server is there, and its certificate (DER) where it has one.
    pub(crate) async fn inspect(&self) -> (Outcome, Option<Vec<u8>>) {
        let exchange = self.exchange(|url| self.client.get(url), HEALTH_PATH).await;
        let certificate = exchange.as_ref().ok().and_then(|exchange| exchange.certificate.clone());
        (outcome(exchange), certificate)
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
            let request = self.client.get(url).bearer_auth(token.expose());
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
                .client
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
            self.client
                .put(url)
                .bearer_auth(token.expose())
                .header(CONTENT_TYPE, image.media_type.as_str())
                .body(image.bytes.clone())
        };
        outcome(self.exchange(request, &format!("{SCREENSHOTS_PATH}/{}", image.sha256)).await)
    }

    pub(crate) async fn revoke_self(&self, token: &AccessToken) -> Outcome {
        let request = |url| self.client.delete(url).bearer_auth(token.expose());
        outcome(self.exchange(request, DEVICE_SELF_PATH).await)
    }

    async fn post_json(&self, path: &str, body: &impl serde::Serialize) -> Outcome {
        let Ok(json) = serde_json::to_vec(body).map(Zeroizing::new) else {
            return Outcome::Fault(TransportFault::Broken);
        };
        let json = Bytes::copy_from_slice(&json);
        let request = |url| self.client.post(url).header(CONTENT_TYPE, JSON).body(json.clone());
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
        let exchange = perform(request(url.clone())).await?;
        match self.redirected(&url, &exchange) {
            Some(elsewhere) => perform(request(elsewhere)).await,
            None => Ok(exchange),
        }
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

async fn perform(request: RequestBuilder) -> Result<Exchange, TransportFault> {
    read(request.send().await.map_err(|error| fault::of(&error))?).await
}

/// What something answered that need not be the server.
pub(crate) async fn answer_in(response: reqwest::Response) -> Outcome {
    outcome(read(response).await)
}

async fn read(mut response: reqwest::Response) -> Result<Exchange, TransportFault> {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut exchange = Exchange {
        etag: text(ETAG),
        location: text(LOCATION),
        certificate: certificate(&response),
        answer: HttpAnswer {
            status: response.status().as_u16(),
            content_type: text(CONTENT_TYPE),
            retry_after: text(RETRY_AFTER),
            date: text(DATE),
            body: Bytes::new(),
        },
    };
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault::of(&error))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(TransportFault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    exchange.answer.body = body.freeze();
    Ok(exchange)
}

/// The certificate (DER) that the connection was made with.
pub(crate) fn certificate(response: &reqwest::Response) -> Option<Vec<u8>> {
    let tls = response.extensions().get::<reqwest::tls::TlsInfo>()?;
    tls.peer_certificate().map(<[u8]>::to_vec)
}

fn outcome(exchange: Result<Exchange, TransportFault>) -> Outcome {
    match exchange {
        Ok(exchange) => Outcome::Http(exchange.answer),
        Err(fault) => Outcome::Fault(fault),
    }
}
