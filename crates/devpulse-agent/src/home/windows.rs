//! A user's profile directory is closed to other users by its access control list,
//! which new files and directories inherit.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Options for a file that nobody but its owner may read.
pub(crate) fn private_file() -> OpenOptions {
    File::options()
}

/// Whether others may do anything with the file or directory, by its mode bits.
pub(crate) fn is_open_to_others(_metadata: &Metadata) -> bool {
    false
}

/// Takes every right from others, by mode bits.
pub(crate) fn close_to_others(_path: &Path, _metadata: &Metadata) -> io::Result<()> {
    Ok(())
}

pub(crate) fn is_mine(_metadata: &Metadata) -> bool {
    true
}

pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().readonly() {
        return Err(io::ErrorKind::ReadOnlyFilesystem.into());
    }
    Ok(())
}

/// The file system keeps renames in its own journal; directories cannot be synced.
pub(crate) fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
