//! A data key as it is kept: sealed to the device's public key (HPKE in base mode with
//! X25519, HKDF-SHA256 and ChaCha20-Poly1305), with a checksum that tells damage from a
//! key that does not fit.

use std::io;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand::Rng as _;
use zeroize::Zeroizing;

use super::KeyId;
use super::pair::{KeyMark, PrivateKey, PublicKey, X25519};

const INFO: &[u8] = b"devpulse event log data key v1";
const ENCAPSULATED: usize = 32;
const SEALED: usize = 32 + 16;
const FIELDS: usize = 1 + 8 + 8 + ENCAPSULATED + SEALED;
const VERSION: u8 = 1;

/// Bytes of a sealed key.
pub(crate) const LENGTH: usize = FIELDS + 4;

/// A sealed data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedKey {
    id: KeyId,
    recipient: KeyMark,
    encapsulated: [u8; ENCAPSULATED],
    sealed: [u8; SEALED],
}

impl SealedKey {
    /// Makes up a data key, and seals it.
    pub(super) fn make(recipient: &PublicKey) -> io::Result<(Self, Zeroizing<[u8; 32]>)> {
        let mut secret = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(&mut *secret);
        // 47 bits, so that no two runs of a device ever draw the same one.
        let id = (rand::random::<u64>() >> 17).max(1).cast_signed();
        let mark = recipient.mark();
        let (encapsulated, sealed) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519>(
                &OpModeS::Base,
                &recipient.0,
                INFO,
                &*secret,
                &bound_to(id, mark),
                &mut rand::rng(),
            )
            .map_err(|_| io::Error::other("nothing can be sealed to the device's public key"))?;
        let unexpected = || io::Error::other("a sealed key has another length than it should");
        let key = Self {
            id,
            recipient: mark,
            encapsulated: encapsulated
                .to_bytes()
                .as_slice()
                .try_into()
                .map_err(|_| unexpected())?,
            sealed: sealed.as_slice().try_into().map_err(|_| unexpected())?,
        };
        Ok((key, secret))
    }

    /// Opens it; `None` where this private half does not fit, or it was changed.
    pub(super) fn open(&self, private: &PrivateKey) -> Option<Zeroizing<[u8; 32]>> {
        let encapsulated = <X25519 as Kem>::EncappedKey::from_bytes(&self.encapsulated).ok()?;
        let secret = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519>(
            &OpModeR::Base,
            &private.0,
            &encapsulated,
            INFO,
            &self.sealed,
            &bound_to(self.id, self.recipient),
        );
        let secret = Zeroizing::new(secret.ok()?);
        <[u8; 32]>::try_from(secret.as_slice()).ok().map(Zeroizing::new)
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// Which key pair it is sealed to.
    pub(super) const fn recipient(&self) -> KeyMark {
        self.recipient
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.recipient.0);
        bytes.extend_from_slice(&self.encapsulated);
        bytes.extend_from_slice(&self.sealed);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads one; `None` where it is damaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (fields, checksum) = bytes.split_last_chunk::<4>()?;
        if fields.len() != FIELDS || crc32c::crc32c(fields) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (&version, fields) = fields.split_first()?;
        let (id, fields) = fields.split_first_chunk::<8>()?;
        let (mark, fields) = fields.split_first_chunk::<8>()?;
        let (encapsulated, sealed) = fields.split_first_chunk::<ENCAPSULATED>()?;
        let id = KeyId::from_le_bytes(*id);
        (version == VERSION && id > 0).then_some(())?;
        Some(Self {
            id,
            recipient: KeyMark(*mark),
            encapsulated: *encapsulated,
            sealed: sealed.try_into().ok()?,
        })
    }
}

fn bound_to(id: KeyId, recipient: KeyMark) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.to_le_bytes());
    bytes[8..].copy_from_slice(&recipient.0);
    bytes
}
