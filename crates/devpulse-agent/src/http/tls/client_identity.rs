//! The certificate with which the device proves itself, where the server asks for one.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::home::access;
use crate::http::HttpSetupError;
use crate::settings::LocalSettings;

/// Where a certificate and its key lie, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The chain, the device's own certificate first.
    pub certificate: PathBuf,
    /// The key, which may be in the same file.
    pub key: PathBuf,
}

/// Shows the certificate to servers that ask. The files are read again when they change, so
/// that a renewed certificate is shown from the next connection on.
#[derive(Debug)]
pub(super) struct Presenter {
    held: Option<Mutex<Held>>,
    provider: Arc<CryptoProvider>,
    was_asked: AtomicBool,
}

#[derive(Debug)]
struct Held {
    files: ClientIdentity,
    state: State,
    key: Arc<CertifiedKey>,
}

/// What tells one version of the files from another.
type State = [Option<(SystemTime, u64)>; 2];

impl ClientIdentity {
    /// What the settings say. A key without a certificate is looked for in the key's file.
    pub(crate) fn of(local: &LocalSettings) -> Option<Self> {
        let certificate = local.client_cert.as_ref().or(local.client_key.as_ref())?;
        let key = local.client_key.as_ref().unwrap_or(certificate);
        Some(Self { certificate: certificate.clone(), key: key.clone() })
    }
}

impl Presenter {
    /// Reads the files, where there are any.
    pub(super) fn of(
        files: Option<&ClientIdentity>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, HttpSetupError> {
        let held = files.map(|files| Held::read(files.clone(), provider)).transpose()?;
        Ok(Self {
            held: held.map(Mutex::new),
            provider: Arc::clone(provider),
            was_asked: AtomicBool::new(false),
        })
    }

    /// Whether a server asked and has answered nothing since.
    pub(super) fn was_asked(&self) -> bool {
        self.was_asked.load(Ordering::Relaxed)
    }

    pub(super) fn answered(&self) {
        self.was_asked.store(false, Ordering::Relaxed);
    }
}

impl ResolvesClientCert for Presenter {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Relaxed);
        let mut held = self.held.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        if state(&held.files) != held.state {
            match Held::read(held.files.clone(), &self.provider) {
                Ok(renewed) => *held = renewed,
                Err(error) => {
                    let hint = error.hint();
                    tracing::warn!(%error, hint, "the client certificate stays as it was");
                }
            }
        }
        Some(Arc::clone(&held.key))
    }

    fn has_certs(&self) -> bool {
        self.held.is_some()
    }
}

impl Held {
    fn read(files: ClientIdentity, provider: &CryptoProvider) -> Result<Self, HttpSetupError> {
        let state = state(&files);
        let unusable = |path: &Path| HttpSetupError::NoClientCertificate(path.to_owned());
        let text = read(&files.certificate, Privacy::Any)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|_| unusable(&files.certificate))?;
        if chain.is_empty() {
            return Err(unusable(&files.certificate));
        }
        let text = read(&files.key, Privacy::OwnerOnly)?;
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|_| HttpSetupError::NoClientKey(files.key.clone()))?;
        let key = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| HttpSetupError::ClientPair(error.to_string()))?;
        Ok(Self { files, state, key: Arc::new(key) })
    }
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Privacy {
    Any,
    OwnerOnly,
}

fn read(path: &Path, privacy: Privacy) -> Result<Zeroizing<Vec<u8>>, HttpSetupError> {
    const LONGEST: u64 = 1024 * 1024;
    let unreadable =
        |source: io::Error| HttpSetupError::ClientFile { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if privacy == Privacy::OwnerOnly && access::is_open_to_others(path, &metadata) {
        return Err(HttpSetupError::ClientKeyExposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LONGEST).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn state(files: &ClientIdentity) -> State {
    [&files.certificate, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}
