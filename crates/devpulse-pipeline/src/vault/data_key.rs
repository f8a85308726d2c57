//! The key of one run, under which everything is sealed that the run keeps.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::KeyId;

const COUNTER: usize = 8;

/// Bytes that sealing adds: the tag, and the counter that the nonce is made of.
pub(crate) const OVERHEAD: usize = 16 + COUNTER;

/// A data key. Only the run that made it seals with it.
#[derive(Debug)]
pub(crate) struct DataKey {
    id: KeyId,
    key: LessSafeKey,
    next: AtomicU64,
}

impl DataKey {
    /// `None` where the secret is no key.
    pub(super) fn new(id: KeyId, secret: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, secret).ok()?;
        Some(Self { id, key: LessSafeKey::new(key), next: AtomicU64::new(0) })
    }

    pub(crate) const fn id(&self) -> KeyId {
        self.id
    }

    /// Seals in place: what is sealed is followed by its tag and its counter.
    ///
    /// # Errors
    /// Fails where it is longer than anything that is ever kept.
    pub(crate) fn seal(&self, purpose: &[u8], body: &mut Vec<u8>) -> io::Result<()> {
        let counter = self.next.fetch_add(1, Ordering::Relaxed);
        self.key
            .seal_in_place_append_tag(nonce(counter), Aad::from(purpose), body)
            .map_err(|_| io::Error::other("this is too long to be sealed"))?;
        body.extend_from_slice(&counter.to_le_bytes());
        Ok(())
    }

    /// Opens in place; says whether it is what was sealed, for the same purpose.
    pub(super) fn open(&self, purpose: &[u8], body: &mut Vec<u8>) -> bool {
        let Some((_, counter)) = body.split_last_chunk::<COUNTER>() else { return false };
        let counter = u64::from_le_bytes(*counter);
        body.truncate(body.len() - COUNTER);
        let opened = self.key.open_in_place(nonce(counter), Aad::from(purpose), body);
        let Ok(length) = opened.map(|plain| plain.len()) else { return false };
        body.truncate(length);
        true
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}
