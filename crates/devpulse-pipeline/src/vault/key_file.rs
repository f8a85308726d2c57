//! The second place of the sealed data keys: a file beside the database, a key a line in
//! hexadecimal, so that no damaged page of the database takes a key away. It is replaced in
//! one step, and synced before anything is sealed under its newest key.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::SealedKey;
use super::sealed_key::LENGTH;

/// The keys that are legible; a damaged line is passed over.
pub(super) fn read(database: &Path) -> Vec<SealedKey> {
    let bytes = match fs::read(path(database)) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "the key file of the event log cannot be read");
            }
            return Vec::new();
        }
    };
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let keys: Vec<_> = lines.map(parse).collect();
    let damaged = keys.iter().filter(|key| key.is_none()).count();
    if damaged > 0 {
        tracing::warn!(damaged, "the key file of the event log is damaged");
    }
    keys.into_iter().flatten().collect()
}

/// Puts the file in place and returns once it is synced.
pub(super) fn write<'a>(
    database: &Path,
    keys: impl IntoIterator<Item = &'a SealedKey>,
) -> io::Result<()> {
    let mut text = String::new();
    for key in keys {
        for byte in key.to_bytes() {
            text.push_str(&format!("{byte:02x}"));
        }
        text.push('\n');
    }
    let path = path(database);
    let temporary = crate::wal::beside(database, "-keys.new");
    if let Some(directory) = path.parent() {
        crate::wal::create_private_directory(directory)?;
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&temporary, &path)?;
    crate::wal::sync_directory(&path)
}

/// A key from its line.
pub(super) fn parse(line: &[u8]) -> Option<SealedKey> {
    if line.len() != 2 * LENGTH {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Option<Vec<u8>> = line
        .chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect();
    SealedKey::parse(&bytes?)
}

fn path(database: &Path) -> PathBuf {
    crate::wal::beside(database, "-keys")
}
