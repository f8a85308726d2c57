//! Room that is set aside while there is some, for a disk that others fill.
//!
//! The ballast is a file of real bytes beside the database. On a full disk it is let go, so
//! that acknowledging and deleting, which need room themselves, still work. Appending never
//! gets it. Whoever fills the disk may take its room, too; therefore the log is given its
//! full length from the start, in which hundreds of acknowledgements find room whatever
//! others do.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ballast: twice the size up to which SQLite lets its log grow, less on a small disk.
const BYTES: u64 = 16 * 1024 * 1024;
/// Less is of no use.
const LEAST_BYTES: u64 = 1024 * 1024;
/// The ballast takes one of so many parts of what is free.
const PART: u64 = 5;
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
        let held = path.metadata().is_ok_and(|metadata| metadata.len() >= LEAST_BYTES);
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
        let bytes = free_bytes(&self.path).map_or(0, |free| BYTES.min(free / PART));
        if bytes < LEAST_BYTES {
            return;
        }
        match write(&self.path, bytes) {
            Ok(()) => self.held = true,
            Err(error) => {
                tracing::debug!(%error, "there is no room for the ballast");
                self.release();
            }
        }
    }
}

/// Whether the disk has no room for so many more bytes. What is left in the log then
/// belongs to acknowledgements.
pub(super) fn is_full(database: &Path, bytes: u64) -> bool {
    const LITTLE: u64 = 64 * 1024;

    free_bytes(database).is_some_and(|free| free < bytes.saturating_mul(2) + LITTLE)
}

/// Gives the log of an open database its full length of `wanted` bytes, where the disk has
/// room for it: what SQLite writes next goes into room that is there. Zeros behind the last
/// commit are no part of the log to it, nor to those who carve commits out of it. Returns how
/// long it is at least from now on, for as long as it is in use.
pub(super) fn reserve_log(database: &Path, wanted: u64) -> u64 {
    let log = super::beside(database, "-wal");
    let Ok(known) = log.metadata().map(|metadata| metadata.len()) else { return 0 };
    let bytes = free_bytes(database).map_or(0, |free| wanted.min(free / 2));
    if bytes < wanted.min(LEAST_BYTES) || known >= bytes {
        return known.min(wanted);
    }
    match extend(&log, bytes) {
        Ok(()) => bytes,
        Err(error) => {
            tracing::debug!(%error, "the log gets no room in advance");
            known.min(wanted)
        }
    }
}

/// Makes a file longer, durably.
fn extend(path: &Path, bytes: u64) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    allocate(&file, bytes)?;
    file.set_len(bytes)?;
    file.sync_all()
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;

    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        // Then its length is all that the log gets in advance.
        Err(Errno::OPNOTSUPP) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
}

/// Real bytes that no file system makes smaller.
fn write(path: &Path, bytes: u64) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut noise = vec![0_u8; 64 * 1024];
    rand::fill(&mut noise);
    for _ in 0..bytes.div_ceil(noise.len() as u64) {
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

#[cfg(windows)]
fn free_bytes(path: &Path) -> Option<u64> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    devpulse_windows::free_bytes(directory.unwrap_or(Path::new(".")))
}
