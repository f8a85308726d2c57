//! The images on this device, for the person whose screen they show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devpulse_control::{ClientError, ControlClient};
use devpulse_pipeline::wal::{self, Snapshot, WalError};
use sha2::{Digest, Sha256};

use crate::credentials::log_key;
use crate::settings::Settings;

/// An image as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// What they are.
    pub media_type: &'static str,
}

/// Why an image cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No image has such a name.
    #[error("this is no SHA-256 of an image")]
    Name,
    /// It was given up, or delivered and forgotten.
    #[error("the image does not lie on this computer any more")]
    Gone,
    /// The agent does not hand it out.
    #[error("the agent does not hand out the image")]
    Agent(#[from] ClientError),
    /// It cannot be read.
    #[error("the image cannot be read")]
    Log(#[from] WalError),
    /// What lies there is something else.
    #[error("the image on the disk is damaged")]
    Damaged,
}

/// Asks the agent for the image with this SHA-256, in hexadecimal: what lies on the disk is
/// sealed.
///
/// # Errors
/// Says why there is nothing to show.
pub async fn ask(client: &ControlClient, sha256: &str) -> Result<Image, ImageError> {
    let sha = parse(sha256)?;
    let mut bytes = Vec::new();
    loop {
        let part = client.image(sha256, bytes.len() as u64).await?.ok_or(ImageError::Gone)?;
        let more = STANDARD.decode(part.base64).map_err(|_| ImageError::Damaged)?;
        bytes.extend_from_slice(&more);
        if bytes.len() as u64 >= part.size || more.is_empty() {
            return checked(bytes, &sha);
        }
    }
}

/// Reads the image from the files of an agent that does not run. May wait for the keychain
/// for 5 s.
///
/// # Errors
/// As [`ask`].
pub fn read(settings: &Settings, sha256: &str) -> Result<Image, ImageError> {
    let sha = parse(sha256)?;
    let local = settings.local();
    let snapshot = Snapshot::open(&local.wal_db_path)?.ok_or(ImageError::Gone)?;
    let vault = log_key::reading_vault(settings);
    snapshot.show_keys(&vault)?;
    // What stays closed says so itself.
    vault.unlock().ok();
    let found = snapshot.image(&vault, &local.screenshot_dir, &sha)?.ok_or(ImageError::Gone)?;
    checked(found.bytes, &sha)
}

fn checked(bytes: Vec<u8>, sha: &[u8; 32]) -> Result<Image, ImageError> {
    if Sha256::digest(&bytes)[..] != *sha {
        return Err(ImageError::Damaged);
    }
    let media_type = media_type(&bytes).ok_or(ImageError::Damaged)?;
    Ok(Image { bytes, media_type })
}

/// Whether the image with this SHA-256 and of so many bytes lies on this device. A small one
/// lies in the log for as long as its event.
#[must_use]
pub fn is_here(settings: &Settings, sha256: &str, size_bytes: u64) -> bool {
    let directory = &settings.local().screenshot_dir;
    size_bytes <= wal::LARGEST_INLINE_IMAGE as u64
        || parse(sha256).is_ok_and(|sha| wal::image_path(directory, &sha).exists())
}

/// The bytes of a SHA-256 in hexadecimal.
pub(crate) fn parse(sha256: &str) -> Result<[u8; 32], ImageError> {
    let digits = sha256.as_bytes();
    let mut sha = [0; 32];
    if digits.len() != 64 {
        return Err(ImageError::Name);
    }
    for (byte, pair) in sha.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(ImageError::Name);
        let value = digit(pair[0])? * 16 + digit(pair[1])?;
        *byte = u8::try_from(value).map_err(|_| ImageError::Name)?;
    }
    Ok(sha)
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use devpulse_pipeline::wal::{Identity, NewEvent, NewImage, Store, WalOptions};
    use devpulse_protocol::{
        Custom, DeviceId, EventBody, EventDraft, EventId, Timestamp, Username,
    };

    use super::*;
    use crate::home::Home;
    use crate::settings::Sources;

    /// A home whose log holds an image under this name.
    fn kept(bytes: &[u8], name: &str) -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(&Sources::none(Home::at(folder.path()))).unwrap();
        let (local, vault) = (settings.local(), log_key::vault(&settings).unwrap());
        let identity =
            Identity { username: Username::new("ada"), device_id: DeviceId::new("device-1") };
        let draft = EventDraft {
            event_id: EventId::new(),
            timestamp: Timestamp::now(),
            username: identity.username.clone(),
            client_id: identity.device_id.clone(),
            body: EventBody::Custom(Custom::new("n".to_owned(), Default::default()).unwrap()),
        };
        let mut event = NewEvent::from_draft(&draft).unwrap();
        let (path, images) = (local.wal_db_path.clone(), local.screenshot_dir.clone());
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        event.image = Some(NewImage::stage(&vault, &images, name, "image/jpeg", &bytes).unwrap());
        let options = WalOptions { path, images, identity, vault: Arc::clone(&vault) };
        Store::open(options).unwrap().append(&[event]).unwrap();
        (folder, settings)
    }

    fn name(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn an_image_is_read_by_its_hash_wherever_it_lies() {
        for size in [100, 100_000] {
            let bytes = [b"\xff\xd8\xff".to_vec(), vec![7; size]].concat();
            let (_folder, settings) = kept(&bytes, &name(&bytes));
            let image = read(&settings, &name(&bytes)).unwrap();
            assert_eq!((image.bytes.as_slice(), image.media_type), (&bytes[..], "image/jpeg"));
            assert!(is_here(&settings, &name(&bytes), bytes.len() as u64));
            assert!(matches!(read(&settings, &name(b"another")), Err(ImageError::Gone)));
        }
    }

    #[test]
    fn an_image_whose_key_is_gone_is_not_read_and_not_taken_for_damaged() {
        let bytes = [b"\xff\xd8\xff".to_vec(), vec![7; 100_000]].concat();
        let (folder, settings) = kept(&bytes, &name(&bytes));
        fs::rename(folder.path().join("log-key"), folder.path().join("elsewhere")).unwrap();
        let error = read(&settings, &name(&bytes)).unwrap_err();
        assert!(matches!(error, ImageError::Log(WalError::Locked(_))), "{error:?}");
    }

    #[test]
    fn nothing_but_images_can_be_read() {
        let (_folder, settings) = kept(b"a secret", &name(b"a secret"));
        assert!(matches!(read(&settings, &name(b"a secret")), Err(ImageError::Damaged)));
        for other in ["", "../../credentials.json", &"g".repeat(64), &"é".repeat(32)] {
            assert!(matches!(read(&settings, other), Err(ImageError::Name)), "{other}");
            assert!(!is_here(&settings, other, 1 << 20));
        }
        let (_folder, settings) = kept(b"\xff\xd8\xff changed", &name(b"\xff\xd8\xff"));
        assert!(matches!(read(&settings, &name(b"\xff\xd8\xff")), Err(ImageError::Damaged)));
    }
}
