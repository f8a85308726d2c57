//! Images: small ones in a row, others as files that are named by their hash.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use devpulse_protocol::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::ledger::Ledger;
use super::{Store, WalError};
use crate::vault::{DataKey, KeyId, OVERHEAD, Unopened, Vault, key_of};

/// Larger images become files: a row that large would be written twice.
pub const LARGEST_INLINE_IMAGE: usize = 32 * 1024;

pub(super) const PENDING: i64 = 0;
const SENT: i64 = 1;
const REFUSED: i64 = 2;

/// An image that is on disk, if it is large, and waits for its event to be committed.
#[derive(Clone, Debug)]
pub struct NewImage {
    sha256: [u8; 32],
    media_type: String,
    size: u64,
    /// What it is sealed under.
    key: KeyId,
    /// The sealed bytes, where they go into the row.
    inline: Option<Vec<u8>>,
}

/// An image that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingImage {
    /// Its row.
    pub id: i64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The file's media type.
    pub media_type: String,
    /// The file; `None` where it is gone from the disk, or can never be read.
    pub bytes: Option<Bytes>,
}

impl NewImage {
    /// Seals the image, whose SHA-256 is given in hexadecimal, and puts it where it is safe:
    /// written to a temporary file, synced, renamed, and the directory synced. Blocks until
    /// the disk has answered.
    ///
    /// # Errors
    /// Fails where the file system does.
    pub fn stage(
        vault: &Vault,
        directory: &Path,
        sha256: &str,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<Self, WalError> {
        let sha256 = parse_hex(sha256).ok_or_else(|| {
            WalError::Image(std::io::Error::other("an image's name is no SHA-256"))
        })?;
        let (key, inline) = if bytes.len() <= LARGEST_INLINE_IMAGE {
            let key = vault.session().map_err(WalError::Image)?;
            let sealed = seal(&key, &sha256, bytes).map_err(WalError::Image)?;
            (key.id(), Some(sealed))
        } else {
            (write_file(vault, directory, &sha256, bytes).map_err(WalError::Image)?, None)
        };
        let (media_type, size) = (media_type.to_owned(), bytes.len() as u64);
        Ok(Self { sha256, media_type, size, key, inline })
    }
}

impl NewImage {
    /// Bytes of the image.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }
}

impl Store {
    /// The oldest image that waits.
    ///
    /// # Errors
    /// Fails where the database or the image's file does.
    pub fn next_image(&mut self) -> Result<Option<PendingImage>, WalError> {
        if self.ledger().images_pending == 0 {
            return Ok(None);
        }
        let directory = self.images_dir().to_owned();
        let vault = Arc::clone(self.vault());
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT id, sha, media, body, enc FROM image WHERE state = ?1 ORDER BY id LIMIT 1",
            )?;
            let found = statement
                .query_row([PENDING], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, [u8; 32]>(1)?,
                        row.get::<_, String>(2)?,
                        row.get::<_, Option<Vec<u8>>>(3)?,
                        row.get::<_, KeyId>(4)?,
                    ))
                })
                .optional()?;
            let Some((id, sha, media_type, inline, key)) = found else {
                return Ok(None);
            };
            let bytes = content(&vault, &directory, &sha, key, inline)?;
            let sha256 = hexadecimal(&sha);
            Ok(Some(PendingImage { id, sha256, media_type, bytes: bytes.map(Bytes::from) }))
        })
    }

    /// The image with this SHA-256, wherever it lies; `None` where it is gone, or can never
    /// be read.
    ///
    /// # Errors
    /// Fails where the database or the image's file does, and with [`WalError::Locked`]
    /// where it cannot be read now.
    pub fn image(&mut self, sha: &[u8; 32]) -> Result<Option<StoredImage>, WalError> {
        let (vault, directory) = (Arc::clone(self.vault()), self.images_dir().to_owned());
        self.read(|conn| image(conn, &vault, &directory, sha))
    }

    /// The server holds the image. It stays readable as long as its event where
    /// `keep_history`.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn image_sent(
        &mut self,
        id: i64,
        keep_history: bool,
        now: Timestamp,
    ) -> Result<(), WalError> {
        if keep_history { self.settle_image(id, SENT, now) } else { self.remove_image(id) }
    }

    /// The server will never take the image, or its file is gone: its event stays, alone.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn image_refused(&mut self, id: i64, now: Timestamp) -> Result<(), WalError> {
        self.settle_image(id, REFUSED, now)
    }

    /// Removes images that were settled before `before`, a few at a time. Returns whether
    /// there may be more.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn forget_images(&mut self, before: Timestamp) -> Result<bool, WalError> {
        const FEW: usize = 8;

        let due: Vec<i64> = self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT id FROM image WHERE state <> ?1 AND at_ms < ?2 ORDER BY id LIMIT ?3",
            )?;
            let rows =
                statement.query_map(params![PENDING, before.as_millis(), FEW], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        for &id in &due {
            self.remove_image(id)?;
        }
        Ok(due.len() == FEW)
    }

    /// Removes files that no row knows and that are older than an hour: what a crash
    /// left between writing a file and committing its event.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn remove_orphans(&mut self) -> Result<u64, WalError> {
        let directory = self.images_dir().to_owned();
        let mut removed = 0;
        for path in old_files(&directory) {
            let known = match path.file_name().and_then(|name| name.to_str()).and_then(parse_hex) {
                Some(sha) => self.read(|conn| {
                    Ok(conn
                        .prepare_cached("SELECT 1 FROM image WHERE sha = ?1")?
                        .exists([sha.as_slice()])?)
                })?,
                None => false,
            };
            if !known && fs::remove_file(&path).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn settle_image(&mut self, id: i64, state: i64, now: Timestamp) -> Result<(), WalError> {
        self.settle(|tx, ledger| {
            let changed = tx
                .prepare_cached(
                    "UPDATE image SET state = ?2, at_ms = ?3 WHERE id = ?1 AND state = ?4",
                )?
                .execute(params![id, state, now.as_millis(), PENDING])?;
            ledger.images_pending = ledger.images_pending.saturating_sub(changed as u64);
            Ok(())
        })
    }

    /// The row goes first: a file without a row is an orphan, a row without a file a loss.
    pub(super) fn remove_image(&mut self, id: i64) -> Result<(), WalError> {
        let sha: Option<[u8; 32]> = self.settle(|tx, ledger| {
            let found = tx
                .prepare_cached("DELETE FROM image WHERE id = ?1 RETURNING sha, state")?
                .query_row([id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))
                .optional()?;
            if let Some((_, PENDING)) = found {
                ledger.images_pending = ledger.images_pending.saturating_sub(1);
            }
            Ok(found.map(|(sha, _)| sha))
        })?;
        if let Some(sha) = sha {
            match fs::remove_file(image_path(self.images_dir(), &sha)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(WalError::Image(error)),
            }
        }
        Ok(())
    }
}

/// How many of the images that wait lie under each key.
pub(super) fn waiting_by_key(conn: &Connection) -> Result<Vec<(KeyId, u64)>, WalError> {
    let mut statement =
        conn.prepare_cached("SELECT enc, count(*) FROM image WHERE state = ?1 GROUP BY enc")?;
    let found = statement.query_map([PENDING], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Inserts the row of an image beside its event. An image that is known already is
/// not sent again.
pub(super) fn insert(
    conn: &Connection,
    ledger: &mut Ledger,
    image: &NewImage,
    seq: i64,
    wall_ms: i64,
) -> Result<(), WalError> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO image(sha, seq, media, size, state, at_ms, enc, body)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(sha) DO NOTHING",
        )?
        .execute(params![
            image.sha256,
            seq,
            image.media_type,
            image.size,
            PENDING,
            wall_ms,
            image.key,
            image.inline.as_deref(),
        ])?;
    ledger.images_pending += inserted as u64;
    if inserted == 0 {
        conn.prepare_cached("UPDATE image SET enc = ?2, body = ?3 WHERE sha = ?1")?
            .execute(params![image.sha256, image.key, image.inline.as_deref()])?;
    }
    Ok(())
}

/// Writes the sealed file, unless it is there and can be opened; says under which key it is.
fn write_file(
    vault: &Vault,
    directory: &Path,
    sha: &[u8; 32],
    bytes: &[u8],
) -> std::io::Result<KeyId> {
    let path = image_path(directory, sha);
    if let Some(key) = key_of_file(&path).filter(|&key| vault.knows(key)) {
        return Ok(key);
    }
    let sealed = vault.seal_alone(&bound_to(sha), bytes)?;
    let folder = path.parent().unwrap_or(directory);
    let staging = directory.join(".tmp");
    let is_first = !directory.exists();
    for folder in [&staging, folder] {
        super::create_private_directory(folder)?;
    }
    let temporary = staging.join(hexadecimal(sha));
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(&sealed)?;
    file.sync_data()?;
    fs::rename(&temporary, &path)?;
    // The folder may be new, too, and so may the one that it lies in.
    for folder in [folder, directory] {
        super::sync_listing(folder)?;
    }
    if is_first {
        super::sync_directory(directory)?;
    }
    key_of(&sealed).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

fn key_of_file(path: &Path) -> Option<KeyId> {
    let mut beginning = Vec::new();
    fs::File::open(path).ok()?.take(64).read_to_end(&mut beginning).ok()?;
    key_of(&beginning)
}

/// What a sealed image is bound to.
fn bound_to(sha: &[u8; 32]) -> Vec<u8> {
    [b"image".as_slice(), sha].concat()
}

fn seal(key: &DataKey, sha: &[u8; 32], bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut sealed = Vec::with_capacity(bytes.len() + OVERHEAD);
    sealed.extend_from_slice(bytes);
    key.seal(&bound_to(sha), &mut sealed)?;
    Ok(sealed)
}

/// An image out of its row or its file; `None` where it is gone or can never be opened.
fn content(
    vault: &Vault,
    directory: &Path,
    sha: &[u8; 32],
    key: KeyId,
    inline: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, WalError> {
    let opened = match inline {
        Some(plain) if key == 0 => Ok(plain),
        Some(mut body) => vault.open(key, &bound_to(sha), &mut body).map(|()| body),
        None => match read_file(directory, sha).map_err(WalError::Image)? {
            Some(file) => vault.open_alone(&bound_to(sha), file),
            None => return Ok(None),
        },
    };
    match opened {
        Ok(plain) => Ok(Some(plain)),
        Err(Unopened::Lost) => Ok(None),
        Err(Unopened::Locked(locked)) => Err(WalError::Locked(locked)),
    }
}

/// An image that lies on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// What it is, such as `image/webp`.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

pub(super) fn image(
    conn: &Connection,
    vault: &Vault,
    directory: &Path,
    sha: &[u8; 32],
) -> Result<Option<StoredImage>, WalError> {
    let mut statement =
        conn.prepare_cached("SELECT media, body, enc FROM image WHERE sha = ?1 LIMIT 1")?;
    let found = statement.query_row([sha], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<Vec<u8>>>(1)?, row.get::<_, KeyId>(2)?))
    });
    let Some((media_type, inline, key)) = found.optional()? else { return Ok(None) };
    let bytes = content(vault, directory, sha, key, inline)?;
    Ok(bytes.map(|bytes| StoredImage { media_type, bytes }))
}

fn read_file(directory: &Path, sha: &[u8; 32]) -> std::io::Result<Option<Vec<u8>>> {
    match fs::read(image_path(directory, sha)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where an image lies below the directory of images.
#[must_use]
pub fn image_path(directory: &Path, sha: &[u8; 32]) -> PathBuf {
    let name = hexadecimal(sha);
    directory.join(&name[..2]).join(name)
}

fn old_files(directory: &Path) -> Vec<PathBuf> {
    const OLD: std::time::Duration = std::time::Duration::from_secs(60 * 60);

    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    entries(directory)
        .flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>())
        .filter(|entry| {
            let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            age.and_then(|modified| modified.elapsed().ok()).is_some_and(|age| age > OLD)
        })
        .map(|entry| entry.path())
        .collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
