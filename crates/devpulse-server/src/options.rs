//! What the server is told when it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::store::Database;

/// What the server is told when it starts. The default suits tests: a free port of
/// loopback, a temporary database, no TLS, no admin listener.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where devices reach it; port 0 takes a free one. Beyond loopback it needs `tls`.
    pub listen: SocketAddr,
    /// With it, gRPC is served here as well, and nothing else is. Beyond loopback it needs
    /// `tls`.
    pub grpc: Option<SocketAddr>,
    /// Where it keeps its data.
    pub database: Database,
    /// With it, devices are served over TLS only.
    pub tls: Option<TlsFiles>,
    /// With it, the admin interface is served as well.
    pub admin: Option<AdminListener>,
    /// Life of access tokens, told in whole seconds, at least one.
    pub token_lifetime: Duration,
    /// How devices are taken in.
    pub enrollment: EnrollmentPolicy,
}

/// The server's certificate and key.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// With it, devices have to prove themselves with a certificate from one of its
    /// authorities (PEM).
    pub client_ca: Option<PathBuf>,
}

/// Where administrators reach the server.
#[derive(Clone, Debug)]
pub struct AdminListener {
    /// An address of loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file that holds the admin token; made where there is none.
    pub token_file: PathBuf,
}

/// How devices are taken in.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnrollmentPolicy {
    /// What happens to a machine that is enrolled already.
    pub reenrollment: Reenrollment,
    /// Life of API keys; without end where absent.
    pub key_lifetime: Option<Duration>,
}

/// What happens when a machine enrolls that is enrolled already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reenrollment {
    /// It gets a new key under its former device id; the former key ends.
    #[default]
    ReplaceKey,
    /// It is answered 409 until an administrator revokes the device.
    Refuse,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            grpc: None,
            database: Database::Temporary,
            tls: None,
            admin: None,
            token_lifetime: Duration::from_secs(3600),
            enrollment: EnrollmentPolicy::default(),
        }
    }
}
