//! A lock on a file that leaves its content to be read. The lock of the standard library
//! covers the content, which Windows then gives to nobody else.

use std::fs::{File, TryLockError};
use std::io;
use std::os::windows::io::AsRawHandle as _;

use windows_sys::Win32::Foundation::ERROR_LOCK_VIOLATION;
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx,
};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0};

/// The one byte that is locked lies far beyond the end of every file, as its upper half says.
const BEYOND: u32 = 0x4000_0000;

/// Takes the lock without waiting. It ends with the handle, however the process ends.
///
/// # Errors
/// As [`File::try_lock`].
pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    let place = OVERLAPPED_0_0 { Offset: 0, OffsetHigh: BEYOND };
    let mut at = OVERLAPPED { Anonymous: OVERLAPPED_0 { Anonymous: place }, ..Default::default() };
    // SAFETY: the handle is open, and the call does not return before it is done.
    let locked = unsafe {
        let flags = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
        LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &raw mut at)
    };
    if locked != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(ERROR_LOCK_VIOLATION.cast_signed()) {
        Err(TryLockError::WouldBlock)
    } else {
        Err(TryLockError::Error(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_file_can_be_read_and_its_lock_not_be_taken() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lock");
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let held = open().unwrap();
        try_lock(&held).unwrap();
        std::fs::write(&path, "who holds it").unwrap();
        assert!(matches!(try_lock(&open().unwrap()), Err(TryLockError::WouldBlock)));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "who holds it");
        drop(held);
        try_lock(&open().unwrap()).unwrap();
    }
}
