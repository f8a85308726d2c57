//! Whom a connection trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

use super::HttpSetupError;

/// TLS 1.2 and 1.3 with the system's authorities and those of a file of the person's.
/// Where TLS is not needed, the system's are not read, and may be missing.
pub(super) fn config(
    ca_cert: Option<&Path>,
    is_needed: bool,
) -> Result<ClientConfig, HttpSetupError> {
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
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpSetupError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
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
