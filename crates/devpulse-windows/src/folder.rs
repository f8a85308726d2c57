//! What a folder lists, made durable.

use std::fs::File;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;

use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_INVALID_FUNCTION};
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_BACKUP_SEMANTICS;

/// Has the disk keep what was made, renamed and removed in a folder.
///
/// # Errors
/// Fails where the folder cannot be opened, or the disk fails. File systems that keep it in
/// a journal of their own, and refuse to be told, count as having done so.
pub fn sync_directory(folder: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
    match options.open(folder)?.sync_all() {
        Err(error) if is_refusal(&error) => Ok(()),
        synced => synced,
    }
}

fn is_refusal(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(i32::cast_unsigned);
    matches!(code, Some(ERROR_ACCESS_DENIED | ERROR_INVALID_FUNCTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_can_be_synced() {
        let scratch = tempfile::tempdir().unwrap();
        sync_directory(scratch.path()).unwrap();
        assert!(sync_directory(&scratch.path().join("missing")).is_err());
    }
}
