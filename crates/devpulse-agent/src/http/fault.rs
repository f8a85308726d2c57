//! What a failed request says about the network.

mod hint;

use std::error::Error;
use std::io;

use devpulse_pipeline::{ProxyFault, TlsFault, TransportFault};
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::resolver::NameNotFound;
use super::tls::Mismatch;

pub use hint::fault_hint;

/// Sorts a failed request; what is not known to have failed before the request left
/// counts as broken, so that its outcome is unknown.
pub(super) fn of(error: &reqwest::Error) -> TransportFault {
    let causes = causes(error);
    let tls = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(tls_fault);
    let tls = tls.or_else(|| causes.iter().find_map(|cause| alert_in(&cause.to_string())));
    if error.is_connect()
        && let Some(fault) = causes.iter().find_map(|cause| proxy_fault(&cause.to_string()))
    {
        return TransportFault::Proxy(match fault {
            ProxyFault::Unreachable if tls.is_some() => ProxyFault::Tls,
            fault => fault,
        });
    }
    if let Some(tls) = tls {
        return TransportFault::Tls(tls);
    }
    if !error.is_connect() {
        return if error.is_timeout() {
            TransportFault::AnswerTimeout
        } else {
            TransportFault::Broken
        };
    }
    if error.is_timeout() {
        return TransportFault::ConnectTimeout;
    }
    if causes.iter().any(|cause| cause.is::<NameNotFound>()) {
        return TransportFault::NameNotFound;
    }
    let is_cut = |cause: &&(dyn Error + 'static)| {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(BrokenPipe | ConnectionReset | UnexpectedEof))
    };
    if causes.iter().any(is_cut) {
        TransportFault::Tls(TlsFault::Handshake)
    } else {
        TransportFault::Unreachable
    }
}

/// The error, its causes, and what I/O errors wrap, which their `source` leaves out.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    const DEEPEST: usize = 32;
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next.filter(|_| causes.len() < DEEPEST) {
        causes.push(error);
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &'a (dyn Error + 'static));
        next = wrapped.or_else(|| error.source());
    }
    causes
}

fn tls_fault(error: &rustls::Error) -> TlsFault {
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::AlertReceived(alert) => return alert_fault(*alert),
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => return TlsFault::NotTls,
        _ => return TlsFault::Handshake,
    };
    match certificate {
        // Another authority of the same name is unknown all the same.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::WrongName
        }
        CertificateError::Other(other) if other.0.is::<Mismatch>() => TlsFault::PinMismatch,
        _ => TlsFault::NotForServers,
    }
}

/// What the server says about the device's certificate: alerts about certificates can be
/// about nothing else.
const fn alert_fault(alert: AlertDescription) -> TlsFault {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            TlsFault::ClientCertificateRequired
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => TlsFault::ClientCertificateRefused,
        _ => TlsFault::Handshake,
    }
}

/// Of an alert that comes once the handshake is over, as TLS 1.3 has it, HTTP/2 keeps the text
/// only.
fn alert_in(text: &str) -> Option<TlsFault> {
    const SAID: [AlertDescription; 8] = [
        AlertDescription::CertificateRequired,
        AlertDescription::BadCertificate,
        AlertDescription::UnsupportedCertificate,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateUnknown,
        AlertDescription::UnknownCA,
        AlertDescription::AccessDenied,
    ];
    let says = |alert: &AlertDescription| {
        text.ends_with(&rustls::Error::AlertReceived(*alert).to_string())
    };
    SAID.into_iter().find(says).map(alert_fault)
}

/// The proxies' own error types are private: only their texts tell them apart.
fn proxy_fault(text: &str) -> Option<ProxyFault> {
    if text == "Invalid Server Name" {
        return Some(ProxyFault::ServerByIpv6);
    }
    if let Some(what) = text.strip_prefix("tunnel error: ") {
        return Some(match what {
            "proxy authorization required" => ProxyFault::LoginRequired,
            "unsuccessful" => ProxyFault::Refused,
            "failed to create underlying connection" => ProxyFault::Unreachable,
            _ => ProxyFault::NotAProxy,
        });
    }
    Some(match text.strip_prefix("SOCKS error: ")? {
        "failed to create underlying connection" => ProxyFault::Unreachable,
        "server does not support user/pass authentication" => ProxyFault::LoginRequired,
        "credentials not accepted" => ProxyFault::LoginRefused,
        "connection not allowed" => ProxyFault::Refused,
        "general server failure"
        | "network unreachable"
        | "host unreachable"
        | "connection refused"
        | "ttl expired" => ProxyFault::ServerUnreachable,
        _ => ProxyFault::NotAProxy,
    })
}
