//! How connections to the server are made, whatever is said over them: TLS, names,
//! proxies, deadlines.

use std::time::Duration;

use devpulse_pipeline::{ProxyFault, TlsFault, TransportFault};
use devpulse_protocol::{PROTOCOL_HEADER, PROTOCOL_VERSION};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, redirect};

use super::resolver::Resolver;
use super::route::Route;
use super::tls::Tls;
use super::{HttpOptions, HttpSetupError, fault};
use crate::origin::ServerUrl;

const USER_AGENT: &str = concat!("devpulse-client/", env!("CARGO_PKG_VERSION"));
/// While a request is under way on HTTP/2, the other side is asked so often whether it is
/// there. At rest nothing is asked, so that the machine sleeps.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// A connection whose other side does not answer that within this time is given up.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// Connections to one server, and what is learnt by making them.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    client: reqwest::Client,
    tls: Tls,
    route: Route,
}

impl Connections {
    /// Prepares connections; nothing is sent yet. Over TLS they speak HTTP/2 where the server
    /// does; for gRPC they speak HTTP/2 from the first byte.
    pub(crate) fn to(
        server: &ServerUrl,
        options: &HttpOptions,
        route: Route,
    ) -> Result<Self, HttpSetupError> {
        let setup = |error: reqwest::Error| HttpSetupError::Client(error.to_string());
        let (config, tls) = Tls::to(server, options, &route)?;
        let mut client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(
                HeaderName::from_static(PROTOCOL_HEADER),
                HeaderValue::from_static(PROTOCOL_VERSION),
            )]))
            .tls_backend_preconfigured(config)
            .dns_resolver(Resolver)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .http2_keep_alive_interval(ALIVE_EVERY)
            .http2_keep_alive_timeout(ALIVE_WITHIN)
            .http2_keep_alive_while_idle(false)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout);
        if server.origin().scheme().is_grpc() {
            client = client.http2_prior_knowledge();
        }
        if let Some(proxy) = route.proxy() {
            client = client.proxy(proxy);
        }
        Ok(Self { client: client.build().map_err(setup)?, tls, route })
    }

    pub(crate) const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The certificate (DER) that the server last proved to be with.
    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        self.tls.certificate()
    }

    /// Something answered, so the connection stands; the fault where it was the proxy.
    pub(crate) fn answered(&self, status: StatusCode) -> Result<(), TransportFault> {
        self.tls.answered();
        // A request in the clear is the proxy's own to answer.
        match (&self.route, status) {
            (Route::Through(_), StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
                Err(TransportFault::Proxy(self.login_fault()))
            }
            _ => Ok(()),
        }
    }

    /// Sorts a failed request.
    pub(crate) fn fault(&self, error: &reqwest::Error) -> TransportFault {
        match fault::of(error) {
            // Of TLS 1.2 there is no alert that says it; of TLS 1.3 it may be lost on the way.
            TransportFault::Tls(TlsFault::Handshake) | TransportFault::Broken
                if self.tls.awaits_judgement() =>
            {
                TransportFault::Tls(match self.tls.has_client_certificate() {
                    true => TlsFault::ClientCertificateRefused,
                    false => TlsFault::ClientCertificateRequired,
                })
            }
            TransportFault::ConnectTimeout if self.route.is_through() => {
                TransportFault::Proxy(ProxyFault::TimedOut)
            }
            TransportFault::Proxy(ProxyFault::LoginRequired) => {
                TransportFault::Proxy(self.login_fault())
            }
            fault => fault,
        }
    }

    fn login_fault(&self) -> ProxyFault {
        if self.route.has_login() { ProxyFault::LoginRefused } else { ProxyFault::LoginRequired }
    }
}
