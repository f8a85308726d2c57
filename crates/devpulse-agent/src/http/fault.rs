//! What a failed request says about the network.

use std::error::Error;
use std::io;

use devpulse_pipeline::{TlsFault, TransportFault};
use rustls::CertificateError;

use super::resolver::NameNotFound;

/// Sorts a failed request; what is not known to have failed before the request left
/// counts as broken, so that its outcome is unknown.
pub(crate) fn of(error: &reqwest::Error) -> TransportFault {
    let causes = causes(error);
    if let Some(tls) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return TransportFault::Tls(tls_fault(tls));
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
    // The proxies' own error types are private: only their texts tell them apart.
    let is_proxy = |cause: &&(dyn Error + 'static)| {
        let text = cause.to_string();
        text.starts_with("tunnel error") || text.to_ascii_lowercase().starts_with("socks")
    };
    let kinds: Vec<_> = causes
        .iter()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .collect();
    let is_cut = |kind: &io::ErrorKind| {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        matches!(kind, BrokenPipe | ConnectionReset | UnexpectedEof)
    };
    if kinds.is_empty() && causes.iter().any(is_proxy) {
        TransportFault::Proxy
    } else if kinds.iter().any(is_cut) {
        TransportFault::Tls(TlsFault::Handshake)
    } else {
        TransportFault::Unreachable
    }
}

/// What to do about a fault.
#[must_use]
pub const fn fault_hint(fault: &TransportFault) -> &'static str {
    match fault {
        TransportFault::NameNotFound => "check the server's name and the network",
        TransportFault::Unreachable | TransportFault::ConnectTimeout => {
            "check the server's address and the network, and whether the server runs"
        }
        TransportFault::Proxy => "check DEVPULSE_PROXY, or HTTPS_PROXY and NO_PROXY",
        TransportFault::Tls(TlsFault::UnknownIssuer) => {
            "if the organisation has an authority of its own, name its certificate file with \
             DEVPULSE_CA_CERT"
        }
        TransportFault::Tls(TlsFault::Expired | TlsFault::NotYetValid) => {
            "check this computer's clock; if it is right, tell your administrator"
        }
        TransportFault::Tls(TlsFault::WrongName) => {
            "use the name that the server's certificate is for"
        }
        TransportFault::Tls(TlsFault::Handshake) => {
            "check that the server speaks https, or gRPC where it is grpcs, at this address and port"
        }
        TransportFault::AnswerTimeout | TransportFault::Broken | TransportFault::TooLong => {
            "try again; if it stays so, tell your administrator"
        }
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
    let rustls::Error::InvalidCertificate(certificate) = error else { return TlsFault::Handshake };
    match certificate {
        CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsFault::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            TlsFault::WrongName
        }
        _ => TlsFault::Handshake,
    }
}
