//! Addresses: which server, whether a key may go there, and through which proxy.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The base address of a server: `https` or `grpcs`, or `http` or `grpc` where that is
/// permitted; without a query, a fragment, a name or password, and without a trailing slash.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    text: Box<str>,
    origin: ServerOrigin,
    is_loopback: bool,
}

/// What a key or a token belongs to: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerOrigin {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
    /// gRPC in the clear.
    Grpc,
    /// gRPC over TLS.
    Grpcs,
}

/// Whether `http` and `grpc` may leave this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// They are for this machine only.
    #[default]
    LoopbackOnly,
    /// They may go anywhere (`DEVPULSE_ALLOW_HTTP=1`).
    Anywhere,
}

/// Why a text is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// It is no URL, or none with a host.
    #[error("a URL such as https://devpulse.example.org")]
    NotAUrl,
    /// Its scheme is none that a server is spoken to in.
    #[error("a URL that begins with https:// or grpcs://")]
    Scheme,
    /// It is `http` to another machine.
    #[error("https, or http to this machine only")]
    PlainHttp,
    /// It is `grpc` to another machine.
    #[error("grpcs, or grpc to this machine only")]
    PlainGrpc,
    /// It is gRPC, and has a path, which gRPC knows nothing of.
    #[error("a gRPC URL without a path")]
    GrpcPath,
    /// It bears a name, a password, a query or a fragment.
    #[error("a URL without name, password, query and fragment")]
    Extras,
}

impl ServerUrl {
    /// Reads and normalises an address.
    ///
    /// # Errors
    /// Says, as what would be allowed, why it is refused.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, ServerUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| ServerUrlError::NotAUrl)?;
        let scheme = Scheme::named(url.scheme()).ok_or(ServerUrlError::Scheme)?;
        // Only of http and https does the parser know how a host is written.
        let rest = url.as_str().split_at(url.scheme().len()).1;
        let url = Url::parse(&format!("{}{rest}", scheme.below().name()))
            .map_err(|_| ServerUrlError::NotAUrl)?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(ServerUrlError::Extras);
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(ServerUrlError::NotAUrl)?.to_ascii_lowercase();
        let port = url.port_or_known_default().ok_or(ServerUrlError::NotAUrl)?;
        let is_loopback = is_loopback(&host);
        if !scheme.is_secure() && !is_loopback && plain_http == PlainHttp::LoopbackOnly {
            return Err(match scheme {
                Scheme::Grpc => ServerUrlError::PlainGrpc,
                _ => ServerUrlError::PlainHttp,
            });
        }
        let below = url.as_str().trim_end_matches('/');
        if scheme.is_grpc() && !url.path().chars().all(|c| c == '/') {
            return Err(ServerUrlError::GrpcPath);
        }
        Ok(Self {
            text: format!("{}{}", scheme.name(), &below[url.scheme().len()..]).into(),
            origin: ServerOrigin { scheme, host: host.into(), port },
            is_loopback,
        })
    }

    /// The address, without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What a key that this server issues belongs to.
    #[must_use]
    pub const fn origin(&self) -> &ServerOrigin {
        &self.origin
    }

    /// Whether requests leave this machine in the clear, so that
    /// [`PlainHttp::Anywhere`] is needed.
    #[must_use]
    pub fn is_plain_to_a_far_host(&self) -> bool {
        !self.origin.scheme.is_secure() && !self.is_loopback
    }

    /// Whether it is on this machine, so that no proxy may stand in between.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The same place as HTTP names it: gRPC goes over `http` or `https`.
    #[must_use]
    pub fn over_http(&self) -> Self {
        let (scheme, below) = (self.origin.scheme, self.origin.scheme.below());
        Self {
            text: format!("{}{}", below.name(), &self.text[scheme.name().len()..]).into(),
            origin: ServerOrigin { scheme: below, ..self.origin.clone() },
            is_loopback: self.is_loopback,
        }
    }

    /// The address of a route below this one; `path` begins with a slash.
    #[must_use]
    pub fn route(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Grpc, Self::Grpcs];

    /// As it stands in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
        }
    }

    /// Whether nobody in between can read what is said.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Grpcs)
    }

    /// Whether it is gRPC.
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::Grpcs)
    }

    /// The scheme of the requests that it is made of.
    const fn below(self) -> Self {
        if self.is_secure() { Self::Https } else { Self::Http }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

impl ServerOrigin {
    /// The origin of any `http` or `https` URL.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = Scheme::named(url.scheme()).filter(|scheme| !scheme.is_grpc())?;
        Some(Self {
            scheme,
            host: url.host_str()?.to_ascii_lowercase().into(),
            port: url.port_or_known_default()?,
        })
    }

    /// How it is spoken to.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({})", self.text)
    }
}

impl fmt::Display for ServerOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

/// The address of a proxy, which may bear a password and is therefore shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

impl ProxyUrl {
    /// What [`ProxyUrl::parse`] accepts.
    pub const ALLOWED: &str = "a URL that begins with http://, https://, socks5:// or socks5h://";

    /// Reads an address; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        let known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
        (known && url.has_host()).then_some(Self(url))
    }

    /// Its password, where it has one.
    pub(crate) fn password(&self) -> Option<String> {
        self.0.password().map(ToOwned::to_owned)
    }

    /// Whether it bears a name.
    #[must_use]
    pub fn has_login(&self) -> bool {
        !self.0.username().is_empty()
    }

    /// The address with its password, for the one place that connects.
    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        let has_password = shown.password().is_some();
        if has_password && shown.set_password(Some("***")).is_err() {
            return f.write_str("(not shown)");
        }
        f.write_str(shown.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ServerUrl, ServerUrlError> {
        ServerUrl::parse(text, PlainHttp::LoopbackOnly)
    }

    #[test]
    fn an_address_is_normalised() {
        for text in ["https://Example.ORG", " https://example.org:443/ ", "HTTPS://example.org//"] {
            assert_eq!(parse(text).unwrap().as_str(), "https://example.org", "{text}");
        }
        let below = parse("https://example.org/devpulse/").unwrap();
        assert_eq!(below.route("/health"), "https://example.org/devpulse/health");
    }

    #[test]
    fn a_grpc_address_is_normalised_as_the_one_below_it() {
        for text in ["grpcs://Example.ORG", " GRPCS://example.org:443/ "] {
            let server = parse(text).unwrap();
            assert_eq!(server.as_str(), "grpcs://example.org", "{text}");
            assert_eq!(server.origin().to_string(), "grpcs://example.org:443");
            assert_eq!(server.over_http(), parse("https://example.org").unwrap());
        }
        let local = parse("grpc://[::1]:8420").unwrap();
        assert!(local.is_loopback() && !local.is_plain_to_a_far_host());
        assert_eq!(local.over_http(), parse("http://[::1]:8420").unwrap());
        assert_eq!(parse("grpc://localhost").unwrap().origin().port(), 80);
        let far = ServerUrl::parse("grpc://example.org", PlainHttp::Anywhere).unwrap();
        assert!(far.is_plain_to_a_far_host());
        assert_ne!(
            parse("grpcs://a.org").unwrap().origin(),
            parse("https://a.org").unwrap().origin()
        );
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text| parse(text).unwrap().origin().clone();
        assert_eq!(origin("https://example.org"), origin("https://EXAMPLE.org:443/elsewhere"));
        assert_ne!(origin("https://example.org"), origin("https://example.org:8443"));
        assert_ne!(origin("https://example.org"), origin("https://example.org.evil.net"));
        assert_ne!(origin("https://localhost:80"), origin("http://localhost"));
        assert_eq!(origin("https://example.org").to_string(), "https://example.org:443");
    }

    #[test]
    fn plain_http_is_for_this_machine_unless_permitted() {
        for text in
            ["http://localhost:8080", "http://127.0.0.1", "http://127.8.8.8", "http://[::1]:1"]
        {
            assert!(!parse(text).unwrap().is_plain_to_a_far_host(), "{text}");
        }
        for text in
            ["http://10.0.0.1", "http://localhost.evil.net", "http://[::2]", "http://0.0.0.0"]
        {
            assert_eq!(parse(text), Err(ServerUrlError::PlainHttp), "{text}");
            let permitted = ServerUrl::parse(text, PlainHttp::Anywhere).unwrap();
            assert!(permitted.is_plain_to_a_far_host());
        }
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        for (text, allowed) in [
            ("example.org", "a URL such as https://devpulse.example.org"),
            ("https://", "a URL such as https://devpulse.example.org"),
            ("ftp://example.org", "a URL that begins with https:// or grpcs://"),
            ("grpc://example.org", "grpcs, or grpc to this machine only"),
            ("grpcs://example.org/devpulse", "a gRPC URL without a path"),
            ("grpcs://", "a URL such as https://devpulse.example.org"),
            ("grpcs://me:pw@example.org", "a URL without name, password, query and fragment"),
            ("http://example.org", "https, or http to this machine only"),
            ("https://me:pw@example.org", "a URL without name, password, query and fragment"),
            ("https://example.org?x=1", "a URL without name, password, query and fragment"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), allowed, "{text}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_not_shown() {
        let proxy = ProxyUrl::parse("http://me:hunter2@proxy:3128").unwrap();
        assert_eq!(proxy.to_string(), "http://me:***@proxy:3128");
        assert!(!format!("{proxy:?}").contains("hunter2"));
        assert!(proxy.url().as_str().contains("hunter2") && proxy.has_login());
        assert_eq!(ProxyUrl::parse("ftp://proxy"), None);
        assert_eq!(ProxyUrl::parse("proxy:3128"), None);
    }
}
