//! What to do about a fault.

use devpulse_pipeline::{ProxyFault, TlsFault, TransportFault};

/// What to do about a fault.
#[must_use]
pub const fn fault_hint(fault: &TransportFault) -> &'static str {
    match fault {
        TransportFault::NameNotFound => "check the server's name and the network",
        TransportFault::Unreachable | TransportFault::ConnectTimeout => {
            "check the server's address and the network, and whether the server runs"
        }
        TransportFault::Proxy(fault) => of_proxy(*fault),
        TransportFault::Tls(fault) => of_tls(*fault),
        TransportFault::AnswerTimeout | TransportFault::Broken | TransportFault::TooLong => {
            "try again; if it stays so, tell your administrator"
        }
    }
}

const fn of_tls(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::UnknownIssuer => {
            "if the organisation has an authority of its own, name its certificate file with \
             DEVPULSE_CA_CERT"
        }
        TlsFault::Expired | TlsFault::NotYetValid => {
            "check this computer's clock; if it is right, tell your administrator"
        }
        TlsFault::WrongName => "use the name that the server's certificate is for",
        TlsFault::NotForServers => {
            "have your administrator issue one for a server; that of an authority, as `openssl req \
             -x509` makes it, is none"
        }
        TlsFault::PinMismatch => {
            "ask your administrator whether the server has a new key: then its pin belongs in \
             server_pin; if it has none, somebody stands in between"
        }
        TlsFault::ClientCertificateRequired => {
            "name its file with DEVPULSE_CLIENT_CERT, and that of its key with DEVPULSE_CLIENT_KEY"
        }
        TlsFault::ClientCertificateRefused => {
            "see whether it has expired, and ask your administrator which authority the server \
             accepts"
        }
        TlsFault::NotTls => {
            "check the address and the port; plain http and grpc are for this machine only"
        }
        TlsFault::Handshake => {
            "check that the server speaks https, or gRPC where it is grpcs, at this address and port"
        }
    }
}

const fn of_proxy(fault: ProxyFault) -> &'static str {
    match fault {
        ProxyFault::Unreachable => {
            "check the proxy's address (DEVPULSE_PROXY, or HTTPS_PROXY), and whether it runs"
        }
        ProxyFault::LoginRequired => {
            "store them with: devpulse-client proxy login --username NAME --password-file FILE"
        }
        ProxyFault::LoginRefused => {
            "correct them where they are: in DEVPULSE_PROXY or HTTPS_PROXY, or with \
             devpulse-client proxy login"
        }
        ProxyFault::Refused => {
            "have whoever runs the proxy allow the server's name and port, and check the name and \
             the password for it; or, if the server is reached without it, name the server in NO_PROXY"
        }
        ProxyFault::ServerUnreachable => {
            "check the server's address, and whether the server can be reached from the proxy"
        }
        ProxyFault::TimedOut => {
            "check the proxy's address and kind, and whether the server can be reached from it"
        }
        ProxyFault::Tls => {
            "check that the proxy speaks https; if its certificate is from an authority of the \
             organisation's own, name that with DEVPULSE_CA_CERT"
        }
        ProxyFault::NotAProxy => {
            "check the proxy's kind and port: http://, https://, socks5:// or socks5h://"
        }
        ProxyFault::ServerByIpv6 => {
            "enroll at the server's name; or, if it is reached without the proxy, put its address \
             into NO_PROXY"
        }
    }
}
