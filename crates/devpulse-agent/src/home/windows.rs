//! Who may read what, by owners and access control lists.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

pub(crate) use devpulse_windows::{create_directory, sync_directory, try_lock};

/// Options for a file of the home, whose list new files inherit.
pub(crate) fn private_file() -> OpenOptions {
    File::options()
}

/// Makes a file that nobody but its owner may read; one that is there is left alone.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    devpulse_windows::create_file(path)
}

/// The command that closes a file or directory to others.
pub(crate) fn closing(path: &Path) -> String {
    let inherited = if path.is_dir() { "(OI)(CI)" } else { "" };
    format!(
        r#"icacls "{path}" /inheritance:r /grant:r "%USERNAME%:{inherited}F""#,
        path = path.display()
    )
}

/// Whether others than the owner, the system and administrators may do anything with it.
pub(crate) fn is_open_to_others(path: &Path, _metadata: &Metadata) -> bool {
    devpulse_windows::is_open_to_others(path)
}

/// Takes every right from others.
pub(crate) fn close_to_others(path: &Path, _metadata: &Metadata) -> io::Result<()> {
    devpulse_windows::close_to_others(path)
}

pub(crate) fn is_mine(path: &Path, _metadata: &Metadata) -> bool {
    devpulse_windows::is_mine(path)
}

pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().readonly() {
        return Err(io::ErrorKind::ReadOnlyFilesystem.into());
    }
    Ok(())
}
