//! The device's key pair: what is kept is sealed to one half and opened with the other.

use std::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, Serializable as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(super) type X25519 = X25519HkdfSha256;

/// The public half. It is no secret.
#[derive(Clone)]
pub struct PublicKey(pub(super) <X25519 as Kem>::PublicKey);

/// The private half. Wiped when dropped, and never printed.
#[derive(Clone)]
pub struct PrivateKey(pub(super) <X25519 as Kem>::PrivateKey);

/// By what a key pair is known: the first bytes of the public half's SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyMark(pub(super) [u8; 8]);

impl PublicKey {
    /// The public half from its 32 bytes; `None` where they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        <X25519 as Kem>::PublicKey::from_bytes(bytes).ok().map(Self)
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// By what the pair is known.
    #[must_use]
    pub fn mark(&self) -> KeyMark {
        let digest = Sha256::digest(self.0.to_bytes());
        let mut mark = [0; 8];
        mark.copy_from_slice(&digest[..8]);
        KeyMark(mark)
    }
}

impl PrivateKey {
    /// A new pair.
    #[must_use]
    pub fn generate() -> Self {
        Self(X25519::gen_keypair_with_rng(&mut rand::rng()).0)
    }

    /// The private half from its 32 bytes; `None` where they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        <X25519 as Kem>::PrivateKey::from_bytes(bytes).ok().map(Self)
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_bytes().to_vec())
    }

    /// The other half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(X25519::sk_to_pk(&self.0))
    }

    /// By what the pair is known.
    #[must_use]
    pub fn mark(&self) -> KeyMark {
        self.public().mark()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.mark()).finish()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}
