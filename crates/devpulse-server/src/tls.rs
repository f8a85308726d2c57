//! TLS for the public listener: rustls with the ring provider, nothing global.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use crate::options::TlsFiles;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file holds no PEM of the right kind.
    #[error("{path} holds no {what} in PEM")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// The authorities of devices cannot be used.
    #[error("the authorities in {path} cannot be used")]
    ClientCa {
        /// Which file.
        path: PathBuf,
        /// What is wrong with them.
        #[source]
        cause: VerifierBuilderError,
    },
    /// Certificate and key do not belong together, or rustls takes neither.
    #[error("the certificate and the key cannot be used")]
    Pair(#[source] rustls::Error),
}

pub(crate) fn config(files: &TlsFiles) -> Result<RustlsConfig, TlsError> {
    let certificates = read_certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| TlsError::Pem {
        path: files.key.clone(),
        what: "private key",
        cause,
    })?;
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?;
    let config = match &files.client_ca {
        None => config.with_no_client_auth(),
        Some(path) => config.with_client_cert_verifier(devices_of(path, provider)?),
    };
    let mut config = config.with_single_cert(certificates, key).map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

/// Takes devices whose certificate comes from one of the authorities in a file, and no others.
fn devices_of(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in read_certificates(path)? {
        roots.add(authority).map_err(TlsError::Pair)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|cause| TlsError::ClientCa { path: path.to_owned(), cause })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |cause| TlsError::Pem { path: path.to_owned(), what: "certificate", cause };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(fault)?
        .collect::<Result<_, _>>()
        .map_err(fault)?;
    if certificates.is_empty() {
        return Err(fault(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}
