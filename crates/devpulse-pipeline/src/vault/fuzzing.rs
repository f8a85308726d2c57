//! What must be true of any bytes that lie where something sealed should.

use std::path::Path;
use std::sync::Arc;

use super::data_key::DataKey;
use super::sealed_key::SealedKey;
use super::{KeyId, KeysAtHand, Known, State, Unopened, key_file, key_of};

/// A data key that is read is what its bytes say, and opens as a whole or not at all.
///
/// The bytes are taken as they are, as a line of the key file, and with a checksum that fits,
/// so that what lies behind the checksum is reached.
pub fn sealed_key(bytes: &[u8]) {
    let forged = [bytes, &crc32c::crc32c(bytes).to_le_bytes()].concat();
    let line = key_file::parse(bytes);
    let read = [SealedKey::parse(bytes), SealedKey::parse(&forged), line];
    for sealed in read.into_iter().flatten() {
        let written = sealed.to_bytes();
        assert_eq!(SealedKey::parse(&written), Some(sealed.clone()));
        let keys = KeysAtHand::default().0;
        let opened = keys.iter().find_map(|private| sealed.open(private));
        if let Some(secret) = opened {
            assert!(DataKey::new(sealed.id(), &*secret).is_some());
            assert_no_change_opens(&written[..written.len() - 4], |changed| {
                let forged = [changed, &crc32c::crc32c(changed).to_le_bytes()].concat();
                let read = SealedKey::parse(&forged);
                read.is_some_and(|read| keys.iter().any(|private| read.open(private).is_some()))
            });
        }
    }
}

/// A body opens for its purpose as a whole or not at all; what is not sealed is handed back
/// as it is. The first byte says how many of those that follow are the purpose.
pub fn sealed_body(bytes: &[u8]) {
    let Some((&length, rest)) = bytes.split_first() else { return };
    let (purpose, body) = rest.split_at(usize::from(length).min(rest.len()));
    let (sealed, secret) = SEALED_UNDER;
    let Some(key) = DataKey::new(sealed, &secret).map(Arc::new) else { return };
    let mut opened = body.to_vec();
    if key.open(purpose, &mut opened) {
        assert!(opened.len() < body.len());
        assert_no_change_opens(body, |changed| key.open(purpose, &mut changed.to_vec()));
    }
    let vault = KeysAtHand::default().vault(Path::new("wal.db"));
    if let Ok((known, _)) = SealedKey::make(&vault.recipient) {
        vault.keys().known.insert(sealed, Known { sealed: known, state: State::Open(key) });
    }
    match vault.open_alone(purpose, body.to_vec()) {
        Ok(plain) if key_of(body).is_some() => assert!(plain.len() < body.len()),
        Ok(plain) => assert_eq!(plain, body),
        Err(unopened) => assert_eq!(unopened, Unopened::Lost),
    }
}

/// The data key of [`sealed_body`].
const SEALED_UNDER: (KeyId, [u8; 32]) = (1, [9; 32]);

fn assert_no_change_opens(sealed: &[u8], opens: impl Fn(&[u8]) -> bool) {
    let mut changed = sealed.to_vec();
    // Each place of what is short, and as many of what is long.
    for index in (0..sealed.len()).step_by(sealed.len() / 128 + 1) {
        changed[index] ^= 1;
        assert!(!opens(&changed), "a change at {index} passes");
        changed[index] ^= 1;
    }
}
