//! Whom a connection trusts, and who the device proves to be. The one place where TLS is set
//! up, for HTTPS and for gRPC.

mod client_identity;
mod server_identity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{ResolvesClientCert as _, Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

pub use client_identity::ClientIdentity;
pub(super) use server_identity::Mismatch;

use super::route::Route;
use super::{HttpOptions, HttpSetupError};
use crate::origin::ServerUrl;
use client_identity::Presenter;
use server_identity::ServerIdentity;

/// What is learnt from handshakes with the server.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    server: Arc<ServerIdentity>,
    presenter: Arc<Presenter>,
}

impl Tls {
    /// TLS 1.2 and 1.3, to a server that the system's authorities or those of the person's
    /// file vouch for, and that has a pinned key where any is pinned. Where TLS is not needed,
    /// the system's authorities are not read, and may be missing.
    pub(super) fn to(
        server: &ServerUrl,
        options: &HttpOptions,
        route: &Route,
    ) -> Result<(ClientConfig, Self), HttpSetupError> {
        let scheme = server.origin().scheme();
        if !scheme.is_secure() && !options.pins.is_empty() {
            return Err(HttpSetupError::PinWithoutTls(server.clone()));
        }
        // A far server in the clear may still have a proxy that speaks TLS in between.
        let is_needed = scheme.is_secure() || !server.is_loopback();
        let setup = |error: rustls::Error| HttpSetupError::Client(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let roots = Arc::new(roots(options.ca_cert.as_deref(), is_needed)?);
        let presenter = Arc::new(Presenter::of(options.client_identity.as_ref(), &provider)?);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(setup)?;
        let chain = if roots.is_empty() {
            None
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
            Some(verifier.build().map_err(|error| HttpSetupError::Client(error.to_string()))?)
        };
        let proxy = route.secure_host().filter(|host| *host != server.origin().host());
        let proxy = proxy.and_then(|host| ServerName::try_from(host.to_owned()).ok());
        let server = Arc::new(ServerIdentity::new(chain, proxy, options.pins.clone()));
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&server) as _)
            .with_client_cert_resolver(Arc::clone(&presenter) as _);
        config.alpn_protocols = if scheme.is_grpc() {
            vec![b"h2".to_vec()]
        } else {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        };
        if !options.pins.is_empty() || options.client_identity.is_some() {
            // A session that is taken up again proves neither key.
            config.resumption = Resumption::disabled();
        }
        Ok((config, Self { server, presenter }))
    }

    /// The certificate (DER) that the server last proved to be with.
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        self.server.certificate()
    }

    /// Whether a server asked for a certificate and has answered nothing since.
    pub(super) fn awaits_judgement(&self) -> bool {
        self.presenter.was_asked()
    }

    /// Whether there is a certificate to show.
    pub(super) fn has_client_certificate(&self) -> bool {
        self.presenter.has_certs()
    }

    /// The server answered, so it is content with what it was shown.
    pub(super) fn answered(&self) {
        self.presenter.answered();
    }
}

fn roots(ca_cert: Option<&Path>, is_needed: bool) -> Result<RootCertStore, HttpSetupError> {
    let mut roots = RootCertStore::empty();
    if is_needed {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "a certificate of the system cannot be read");
        }
        roots.add_parsable_certificates(system.certs);
    }
    if let Some(path) = ca_cert {
        add_file(&mut roots, path)?;
    }
    if is_needed && roots.is_empty() {
        return Err(HttpSetupError::NoAuthorities);
    }
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), HttpSetupError> {
    let no_certificate = || HttpSetupError::NoCertificate(PathBuf::from(path));
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| match error {
        pem::Error::Io(source) => HttpSetupError::CaCert { path: path.to_owned(), source },
        _ => no_certificate(),
    })?;
    let mut count = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|_| no_certificate())?;
        roots.add(certificate).map_err(|_| no_certificate())?;
        count += 1;
    }
    if count == 0 { Err(no_certificate()) } else { Ok(()) }
}
