//! Files that nobody else can read.

use std::io;
use std::path::Path;

/// Takes the rights of others away from a file that they made, or made readable, before:
/// the files beside it get the same. Fails where the file is somebody else's.
pub(super) fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;

        if path.metadata()?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(windows)]
    if devpulse_windows::is_open_to_others(path) {
        devpulse_windows::close_to_others(path)?;
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
    #[cfg(windows)]
    let made = devpulse_windows::create_file(path);
    #[cfg(unix)]
    let made = {
        use std::os::unix::fs::OpenOptionsExt as _;

        std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)
    };
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
