//! HTTPS to the organisation's server: single calls, unjudged.
//!
//! What an answer means is decided in `devpulse_pipeline::verdict`; here it is only
//! carried. [`HttpUplink`] adds tokens and content encodings.

mod encoding;
mod fault;
mod refused;
mod resolver;
mod tls;
mod token;
mod uplink;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use devpulse_pipeline::{HttpAnswer, Outcome, OutgoingImage, TransportFault};
use devpulse_protocol::{
    AccessToken, ApiKey, BATCH_PATH, BatchId, CONFIG_PATH, DEVICE_SELF_PATH, DeviceId, ENROLL_PATH,
    EnrollRequest, HEALTH_PATH, IDEMPOTENCY_KEY, PROTOCOL_HEADER, PROTOCOL_VERSION,
    SCREENSHOTS_PATH, TOKEN_PATH, TokenRequest,
};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH,
    LOCATION, RETRY_AFTER,
};
use reqwest::{NoProxy, Proxy, RequestBuilder, Url, redirect};
use zeroize::Zeroizing;

pub use fault::fault_hint;
pub use refused::RefusedCall;
pub use uplink::{ConfigFetch, HttpUplink, KeySource, OtherOrigin};

use encoding::Encoding;

use crate::origin::{ProxyUrl, Scheme, ServerOrigin, ServerUrl};
use crate::settings::LocalSettings;

const USER_AGENT: &str = concat!("devpulse-client/", env!("CARGO_PKG_VERSION"));
const LONGEST_ANSWER: usize = 1024 * 1024;
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
}

impl HttpOptions {
    /// What the settings say.
    #[must_use]
    pub fn of(local: &LocalSettings) -> Self {
        Self { ca_cert: local.ca_cert.clone(), proxy: local.proxy.clone(), ..Self::default() }
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_cert: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
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
}

/// An answer with the headers that only some calls need.
struct Exchange {
    answer: HttpAnswer,
    etag: Option<String>,
    location: Option<String>,
    certificate: Option<Vec<u8>>,
}

impl HttpApi {
    /// Prepares calls to a server; nothing is sent yet.
    ///
    /// # Errors
    /// Fails where the certificates that are to be trusted cannot be read.
    pub fn new(server: ServerUrl, options: &HttpOptions) -> Result<Self, HttpSetupError> {
        let setup = |error: reqwest::Error| HttpSetupError::Client(error.to_string());
        // A far server in the clear may still have a proxy that speaks TLS in between.
        let needs_tls = server.origin().scheme() == Scheme::Https || !server.is_loopback();
        let mut client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(
                HeaderName::from_static(PROTOCOL_HEADER),
                HeaderValue::from_static(PROTOCOL_VERSION),
            )]))
            .tls_backend_preconfigured(tls::config(options.ca_cert.as_deref(), needs_tls)?)
            .dns_resolver(resolver::Resolver)
            .redirect(redirect::Policy::none())
            .referer(false)
            .tls_info(true)
            .retry(reqwest::retry::never())
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout);
        if server.is_loopback() {
            client = client.no_proxy();
        } else if let Some(proxy) = &options.proxy {
            let proxy = Proxy::all(proxy.expose()).map_err(setup)?;
            client = client.proxy(proxy.no_proxy(NoProxy::from_env()));
        }
        Ok(Self { client: client.build().map_err(setup)?, server })
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
    async fn token(&self, api_key: &ApiKey, client_id: &DeviceId) -> Outcome {
        let request = TokenRequest { api_key: api_key.clone(), client_id: client_id.clone() };
        self.post_json(TOKEN_PATH, &request).await
    }

    async fn config(
        &self,
        token: &AccessToken,
        etag: Option<&str>,
    ) -> Result<Exchange, TransportFault> {
        let request = |url| {
            let request = self.client.get(url).bearer_auth(token.expose());
            match etag {
                Some(etag) => request.header(IF_NONE_MATCH, etag),
                None => request,
            }
        };
        self.exchange(request, CONFIG_PATH).await
    }

    async fn batch(
        &self,
        token: &AccessToken,
        batch_id: BatchId,
        encoding: Encoding,
        body: Bytes,
    ) -> Result<Exchange, TransportFault> {
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
        self.exchange(request, BATCH_PATH).await
    }

    async fn image(
        &self,
        token: &AccessToken,
        image: &OutgoingImage,
    ) -> Result<Exchange, TransportFault> {
        let request = |url| {
            self.client
                .put(url)
                .bearer_auth(token.expose())
                .header(CONTENT_TYPE, image.media_type.as_str())
                .body(image.bytes.clone())
        };
        self.exchange(request, &format!("{SCREENSHOTS_PATH}/{}", image.sha256)).await
    }

    async fn revoke_self(&self, token: &AccessToken) -> Result<Exchange, TransportFault> {
        let request = |url| self.client.delete(url).bearer_auth(token.expose());
        self.exchange(request, DEVICE_SELF_PATH).await
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
    let mut response = request.send().await.map_err(|error| fault::of(&error))?;
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

/// The certificate that the connection was made with.
fn certificate(response: &reqwest::Response) -> Option<Vec<u8>> {
    let tls = response.extensions().get::<reqwest::tls::TlsInfo>()?;
    tls.peer_certificate().map(<[u8]>::to_vec)
}

fn outcome(exchange: Result<Exchange, TransportFault>) -> Outcome {
    match exchange {
        Ok(exchange) => Outcome::Http(exchange.answer),
        Err(fault) => Outcome::Fault(fault),
    }
}
