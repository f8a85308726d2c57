//! How connections to the server are made, whatever is said over them: TLS, names,
//! proxies, deadlines.

use std::time::Duration;

use devpulse_protocol::{PROTOCOL_HEADER, PROTOCOL_VERSION};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{NoProxy, Proxy, redirect};

use super::resolver::Resolver;
use super::{HttpOptions, HttpSetupError, tls};
use crate::origin::ServerUrl;

const USER_AGENT: &str = concat!("devpulse-client/", env!("CARGO_PKG_VERSION"));
/// While a request is under way on HTTP/2, the other side is asked so often whether it is
/// there. At rest nothing is asked, so that the machine sleeps.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// A connection whose other side does not answer that within this time is given up.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// A client for requests to `server`; nothing is sent yet. Over TLS it speaks HTTP/2 where
/// the server does; for gRPC it speaks HTTP/2 from the first byte.
pub(crate) fn client(
    server: &ServerUrl,
    options: &HttpOptions,
) -> Result<reqwest::Client, HttpSetupError> {
    let setup = |error: reqwest::Error| HttpSetupError::Client(error.to_string());
    let scheme = server.origin().scheme();
    // A far server in the clear may still have a proxy that speaks TLS in between.
    let needs_tls = scheme.is_secure() || !server.is_loopback();
    let mut tls = tls::config(options.ca_cert.as_deref(), needs_tls)?;
    if scheme.is_grpc() {
        tls.alpn_protocols = vec![b"h2".to_vec()];
    }
    let mut client = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([(
            HeaderName::from_static(PROTOCOL_HEADER),
            HeaderValue::from_static(PROTOCOL_VERSION),
        )]))
        .tls_backend_preconfigured(tls)
        .dns_resolver(Resolver)
        .redirect(redirect::Policy::none())
        .referer(false)
        .tls_info(true)
        .retry(reqwest::retry::never())
        .http2_keep_alive_interval(ALIVE_EVERY)
        .http2_keep_alive_timeout(ALIVE_WITHIN)
        .http2_keep_alive_while_idle(false)
        .connect_timeout(options.connect_timeout)
        .timeout(options.timeout);
    if scheme.is_grpc() {
        client = client.http2_prior_knowledge();
    }
    if server.is_loopback() {
        client = client.no_proxy();
    } else if let Some(proxy) = &options.proxy {
        let proxy = Proxy::all(proxy.expose()).map_err(setup)?;
        client = client.proxy(proxy.no_proxy(NoProxy::from_env()));
    }
    client.build().map_err(setup)
}
