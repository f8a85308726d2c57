//! The ballast: a file of real bytes beside the database. On a disk that others have
//! filled it is let go, so that acknowledging and deleting, which need room themselves,
//! still work. Appending never gets it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Twice the size up to which SQLite lets its log grow.
const BYTES: u64 = 16 * 1024 * 1024;
/// The ballast is taken in only where so much more is free.
const SPARE: u64 = 4 * BYTES;
/// How long to wait between two attempts to take it in.
const AGAIN: Duration = Duration::from_secs(10);

/// The ballast of one database.
#[derive(Clone, Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    looked: Option<Instant>,
    held: bool,
}

impl Ballast {
    pub(super) fn of(database: &Path) -> Self {
        let path = super::beside(database, "-ballast");
        let held = path.metadata().is_ok_and(|metadata| metadata.len() == BYTES);
        // Not at once: a short life needs none, and a start is no time to write so much.
        Self { path, looked: Some(Instant::now()), held }
    }

    /// Lets the ballast go. Returns whether there was any.
    pub(super) fn release(&mut self) -> bool {
        self.looked = Some(Instant::now());
        self.held = false;
        fs::remove_file(&self.path).is_ok()
    }

    /// Takes the ballast in where it is missing and the disk has room for it, unless that
    /// was tried just now.
    pub(super) fn take_in_now_and_then(&mut self) {
        let tried = self.looked.is_some_and(|at| at.elapsed() < AGAIN);
        if !tried {
            self.take_in();
        }
    }

    /// Takes the ballast in where it is missing and the disk has room for it.
    pub(super) fn take_in(&mut self) {
        if self.held {
            return;
        }
        let now = Instant::now();
        self.looked = Some(now);
        if free_bytes(&self.path).is_none_or(|free| free < SPARE) {
            return;
        }
        match write(&self.path) {
            Ok(()) => self.held = true,
            Err(error) => {
                tracing::debug!(%error, "there is no room for the ballast");
                self.release();
            }
        }
    }
}

/// Real bytes that no file system makes smaller.
fn write(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut noise = vec![0_u8; 64 * 1024];
    rand::fill(&mut noise);
    for _ in 0..BYTES / noise.len() as u64 {
        file.write_all(&noise)?;
    }
    file.sync_data()
}

#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let disk = rustix::fs::statvfs(directory.unwrap_or(Path::new("."))).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_path: &Path) -> Option<u64> {
    None
}
