//! Whether the other side is the server: what the usual verification says, and then its key.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use crate::pin::{KeyPin, KeyPins};

/// A trusted certificate bears another key than the pinned ones.
#[derive(Debug, thiserror::Error)]
#[error("the key {0} is not pinned")]
pub(in crate::http) struct Mismatch(KeyPin);

/// Verifies the server, and any proxy on the way, which no pin is for.
#[derive(Debug)]
pub(super) struct ServerIdentity {
    /// `None` where nothing is trusted, because nothing has to be.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// A proxy that speaks TLS itself.
    proxy: Option<ServerName<'static>>,
    pins: KeyPins,
    algorithms: WebPkiSupportedAlgorithms,
    certificate: Mutex<Option<Vec<u8>>>,
}

impl ServerIdentity {
    pub(super) fn new(
        chain: Option<Arc<WebPkiServerVerifier>>,
        proxy: Option<ServerName<'static>>,
        pins: KeyPins,
    ) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self { chain, proxy, pins, algorithms, certificate: Mutex::default() }
    }

    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        self.certificate.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for ServerIdentity {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let verified = self.chain.as_ref().ok_or(unknown)?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        if self.proxy.as_ref() == Some(server_name) {
            return Ok(verified);
        }
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let key = KeyPin::of(&key);
        if !self.pins.permit(key) {
            let mismatch = OtherError(Arc::new(Mismatch(key)));
            return Err(Error::InvalidCertificate(CertificateError::Other(mismatch)));
        }
        *self.certificate.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(end_entity.to_vec());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
