//! The images on this device, for the person whose screen they show.

use std::fs;
use std::io;

use devpulse_pipeline::wal::{self, Snapshot, WalError};
use sha2::{Digest, Sha256};

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
    /// It cannot be read.
    #[error("the image cannot be read")]
    Unreadable(#[source] io::Error),
    /// The log cannot be read.
    #[error("the event log cannot be read")]
    Log(#[from] WalError),
    /// What lies there is something else.
    #[error("the image on the disk is damaged")]
    Damaged,
}

/// Reads the image with this SHA-256, in hexadecimal, where it lies in a file of its own.
/// Small ones lie in the log: the agent hands them out, and [`read_from_log`] does where none
/// runs.
///
/// # Errors
/// Says why there is nothing to show.
pub fn read(settings: &Settings, sha256: &str) -> Result<Image, ImageError> {
    let sha = parse(sha256)?;
    let path = wal::image_path(&settings.local().screenshot_dir, &sha);
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ImageError::Gone,
        _ => ImageError::Unreadable(error),
    })?;
    checked(bytes, &sha)
}

/// Reads a small image from the log of an agent that does not run.
///
/// # Errors
/// As [`read`].
pub fn read_from_log(settings: &Settings, sha256: &str) -> Result<Image, ImageError> {
    let sha = parse(sha256)?;
    let snapshot = Snapshot::open(&settings.local().wal_db_path)?.ok_or(ImageError::Gone)?;
    let found = snapshot.inline_image(&sha)?.ok_or(ImageError::Gone)?;
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
    use super::*;
    use crate::home::Home;
    use crate::settings::Sources;

    fn kept(bytes: &[u8], name: &str) -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::load(&Sources::none(Home::at(folder.path()))).unwrap();
        let path = wal::image_path(&settings.local().screenshot_dir, &parse(name).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        (folder, settings)
    }

    fn name(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn an_image_is_read_by_its_hash() {
        let bytes = b"\xff\xd8\xff and so on";
        let (_folder, settings) = kept(bytes, &name(bytes));
        let image = read(&settings, &name(bytes)).unwrap();
        assert_eq!((image.bytes.as_slice(), image.media_type), (&bytes[..], "image/jpeg"));
        assert!(is_here(&settings, &name(bytes), 1 << 20));
        assert!(matches!(read(&settings, &name(b"another")), Err(ImageError::Gone)));
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
