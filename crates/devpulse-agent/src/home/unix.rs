//! Who may read what, by mode bits and owners.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Access;

const OTHERS: u32 = 0o077;

pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Options for a file that nobody but its owner may read.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.mode(0o600);
    options
}

/// Makes a file that nobody but its owner may read; one that is there is left alone.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    private_file().write(true).create_new(true).open(path)
}

/// Takes the lock of a file without waiting; its content can be read all the same.
pub(crate) fn try_lock(file: &File) -> Result<(), TryLockError> {
    file.try_lock()
}

/// The command that closes a file or directory to others.
pub(crate) fn closing(path: &Path) -> String {
    let mode = if path.is_dir() { 700 } else { 600 };
    format!("chmod {mode} {path}", path = path.display())
}

/// Whether the group or others may do anything with the file or directory.
pub(crate) fn is_open_to_others(_path: &Path, metadata: &Metadata) -> bool {
    metadata.mode() & OTHERS != 0
}

/// Takes every right from the group and others.
pub(crate) fn close_to_others(path: &Path, metadata: &Metadata) -> io::Result<()> {
    let mode = metadata.mode() & 0o7777 & !OTHERS;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

pub(crate) fn is_mine(_path: &Path, metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(())
}

pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
