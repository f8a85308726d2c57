//! Files that nobody else can read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Takes the rights of others away from a file that they made, or made readable, before:
/// the files beside it get the same. Fails where the file is somebody else's.
pub(super) fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        if path.metadata()?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Makes the file before SQLite does, so that nobody else can ever read it.
///
/// # Errors
/// Fails where it cannot be made.
pub(super) fn create(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        super::create_private_directory(directory)?;
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
