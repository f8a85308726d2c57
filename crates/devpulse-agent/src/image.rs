//! The images on this device, for the person whose screen they show.

use std::fs;
use std::io;

use devpulse_pipeline::wal;
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
    /// What lies there is something else.
    #[error("the image on the disk is damaged")]
    Damaged,
}

/// Reads the image with this SHA-256, in hexadecimal.
///
/// # Errors
/// Says why there is nothing to show.
pub fn read(settings: &Settings, sha256: &str) -> Result<Image, ImageError> {
    let sha = parse(sha256).ok_or(ImageError::Name)?;
    let path = wal::image_path(&settings.local().screenshot_dir, &sha);
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ImageError::Gone,
        _ => ImageError::Unreadable(error),
    })?;
    if Sha256::digest(&bytes)[..] != sha {
        return Err(ImageError::Damaged);
    }
    let media_type = media_type(&bytes).ok_or(ImageError::Damaged)?;
    Ok(Image { bytes, media_type })
}

/// Whether the image with this SHA-256 lies on this device.
#[must_use]
pub fn is_here(settings: &Settings, sha256: &str) -> bool {
    parse(sha256)
        .is_some_and(|sha| wal::image_path(&settings.local().screenshot_dir, &sha).exists())
}

fn parse(sha256: &str) -> Option<[u8; 32]> {
    if sha256.len() != 64 || !sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut sha = [0; 32];
    for (byte, digits) in sha.iter_mut().zip(sha256.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(sha)
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
        assert!(is_here(&settings, &name(bytes)));
        assert!(matches!(read(&settings, &name(b"another")), Err(ImageError::Gone)));
    }

    #[test]
    fn nothing_but_images_can_be_read() {
        let (_folder, settings) = kept(b"a secret", &name(b"a secret"));
        assert!(matches!(read(&settings, &name(b"a secret")), Err(ImageError::Damaged)));
        for other in ["", "../../credentials.json", &"g".repeat(64), &"é".repeat(32)] {
            assert!(matches!(read(&settings, other), Err(ImageError::Name)), "{other}");
            assert!(!is_here(&settings, other));
        }
        let (_folder, settings) = kept(b"\xff\xd8\xff changed", &name(b"\xff\xd8\xff"));
        assert!(matches!(read(&settings, &name(b"\xff\xd8\xff")), Err(ImageError::Damaged)));
    }
}
