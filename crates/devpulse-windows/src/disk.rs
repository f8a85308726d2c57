//! How much room a disk has.

use std::path::Path;
use std::ptr;

use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;

use crate::security::wide;

/// Bytes that this user may still write to the disk of an existing folder; `None` where
/// the system does not say.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = wide(folder);
    let mut free = 0;
    // SAFETY: the path ends with a zero, and there is a place for the figure.
    let told = unsafe {
        GetDiskFreeSpaceExW(folder.as_ptr(), &raw mut free, ptr::null_mut(), ptr::null_mut())
    };
    (told != 0).then_some(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_has_room_and_one_that_is_not_has_none() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(free_bytes(scratch.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free_bytes(&scratch.path().join("missing")), None);
    }
}
