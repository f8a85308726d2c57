//! Why nothing answered.

/// Why nothing answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportFault {
    /// The server's name has no address.
    #[error("the server's name could not be resolved")]
    NameNotFound,
    /// Its address refuses connections, or cannot be reached.
    #[error("the server could not be reached")]
    Unreachable,
    /// It was not reached in time.
    #[error("the server could not be reached in time")]
    ConnectTimeout,
    /// A proxy stood in the way.
    #[error("{0}")]
    Proxy(ProxyFault),
    /// No trust.
    #[error("{0}")]
    Tls(TlsFault),
    /// The request was sent and no answer came in time: what became of it is unknown.
    #[error("the server did not answer in time")]
    AnswerTimeout,
    /// The connection broke after the request was begun: what became of it is unknown.
    #[error("the connection broke before the answer was complete")]
    Broken,
    /// The answer is longer than any answer may be.
    #[error("the server's answer is too long")]
    TooLong,
}

/// Why there was no trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsFault {
    /// No known authority vouches for the certificate.
    #[error("the server's certificate comes from an unknown authority")]
    UnknownIssuer,
    /// The certificate has ended.
    #[error("the server's certificate has expired")]
    Expired,
    /// The certificate has not begun, or the clock here is wrong.
    #[error("the server's certificate is not valid yet; this computer's clock may be wrong")]
    NotYetValid,
    /// The certificate is another server's.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// It is no certificate that a server can use, such as one of an authority.
    #[error("the server's certificate is not made for a server")]
    NotForServers,
    /// The certificate is trusted, but its key is not one that the administrator pinned.
    #[error("the server's key is none of those that are pinned")]
    PinMismatch,
    /// The server asks who the device is, and there is no certificate to say it with.
    #[error("the server asks this device for a client certificate, and there is none")]
    ClientCertificateRequired,
    /// The server does not take the device's certificate.
    #[error("the server does not accept this device's client certificate")]
    ClientCertificateRefused,
    /// What answers speaks something else, such as plain HTTP.
    #[error("what answers at the server's address does not speak TLS")]
    NotTls,
    /// The handshake failed in another way.
    #[error("no secure connection to the server could be made")]
    Handshake,
}

/// What a proxy did in place of leading to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ProxyFault {
    /// Its name has no address, or nothing answers there.
    #[error("the proxy could not be reached")]
    Unreachable,
    /// It wants to know who asks, and there is no name and password to say it with.
    #[error("the proxy asks for a name and a password, and there are none")]
    LoginRequired,
    /// It does not take the name and the password.
    #[error("the proxy does not accept the name and the password")]
    LoginRefused,
    /// It may not lead there, or failed to.
    #[error("the proxy refused to connect to the server")]
    Refused,
    /// It tried, and the server did not answer it.
    #[error("the proxy could not reach the server")]
    ServerUnreachable,
    /// No connection came about through it in time.
    #[error("nothing came through the proxy in time")]
    TimedOut,
    /// It is an `https` proxy that proves to be nobody who is trusted.
    #[error("no secure connection to the proxy could be made")]
    Tls,
    /// It does not answer as such a proxy does.
    #[error("what answers at the proxy's address does not speak its protocol")]
    NotAProxy,
    /// The server is named by an IPv6 address, which no proxy is asked for.
    #[error("a server that is named by an IPv6 address cannot be reached through a proxy")]
    ServerByIpv6,
}

impl TransportFault {
    /// Whether it lasts until somebody changes a setting, a certificate or a password, so
    /// that it helps nobody to try again soon.
    #[must_use]
    pub const fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::Tls(
                TlsFault::PinMismatch
                    | TlsFault::ClientCertificateRequired
                    | TlsFault::ClientCertificateRefused
            ) | Self::Proxy(
                ProxyFault::LoginRequired | ProxyFault::LoginRefused | ProxyFault::ServerByIpv6
            )
        )
    }
}
