//! How the server is reached, and why it cannot be reached at all.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::ClientIdentity;
use crate::origin::{ProxyUrl, ServerUrl};
use crate::pin::KeyPins;
use crate::settings::{GrpcFallback, LocalSettings};

/// How the server is reached.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// A PEM file of certificates that are trusted besides the system's.
    pub ca_cert: Option<PathBuf>,
    /// The keys of which the server has to have one, besides a certificate that is trusted.
    pub pins: KeyPins,
    /// What the device proves itself with, where the server asks.
    pub client_identity: Option<ClientIdentity>,
    /// The proxy; where absent, what the usual variables say. A server on this machine
    /// is always reached directly.
    pub proxy: Option<ProxyUrl>,
    /// The servers that are reached without one; where absent, what the usual variable says.
    pub no_proxy: Option<String>,
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
            pins: local.server_pins.clone(),
            client_identity: ClientIdentity::of(local),
            proxy: local.proxy.clone(),
            no_proxy: local.no_proxy.clone(),
            grpc_fallback: local.grpc_fallback,
            ..Self::default()
        }
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            ca_cert: None,
            pins: KeyPins::default(),
            client_identity: None,
            proxy: None,
            no_proxy: None,
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
    /// A key is pinned, and the server has none.
    #[error("a key of the server is pinned, but {0} does not speak TLS")]
    PinWithoutTls(ServerUrl),
    /// A file of the client certificate cannot be read.
    #[error("the client certificate's file {path} cannot be read", path = .path.display())]
    ClientFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file of the client certificate holds none.
    #[error("the file {path} holds no certificate that can be used", path = .0.display())]
    NoClientCertificate(PathBuf),
    /// The file of the client certificate's key holds none.
    #[error("the file {path} holds no private key", path = .0.display())]
    NoClientKey(PathBuf),
    /// Others can read the key.
    #[error("the client certificate's key {path} can be read by other users", path = .0.display())]
    ClientKeyExposed(PathBuf),
    /// Certificate and key do not belong together, or are of an unknown kind.
    #[error("the client certificate and its key cannot be used: {0}")]
    ClientPair(String),
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
            Self::PinWithoutTls(_) => Some("use the server's https or grpcs address"),
            Self::ClientFile { .. } => {
                Some("correct DEVPULSE_CLIENT_CERT and DEVPULSE_CLIENT_KEY, or unset them")
            }
            Self::NoClientCertificate(_) => {
                Some("DEVPULSE_CLIENT_CERT needs a PEM file: -----BEGIN CERTIFICATE-----")
            }
            Self::NoClientKey(_) => Some(
                "DEVPULSE_CLIENT_KEY needs a PEM file: -----BEGIN PRIVATE KEY-----, without a \
                 password",
            ),
            Self::ClientKeyExposed(_) => Some("close it to them with: chmod 600"),
            Self::ClientPair(_) => Some("check that the key belongs to the certificate"),
            Self::Client(_) => None,
        }
    }
}
