//! Files and folders that belong to one user.

use std::fs::{self, File};
use std::io;
use std::os::windows::io::{FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_DELETE,
    FILE_SHARE_READ, FILE_SHARE_WRITE,
};

use crate::security::wide;
use crate::{Audience, OwnerOnly, Security};

/// Makes a folder, and those that it lies in. Those that are made, and what is made in them
/// later, are this user's alone; one that is there stays as it is.
///
/// # Errors
/// Fails where one cannot be made.
pub fn create_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_directory(parent)?;
    }
    let owner = OwnerOnly::folder()?;
    let name = wide(path);
    // SAFETY: the path ends with a zero, and the attributes are valid during the call.
    if unsafe { CreateDirectoryW(name.as_ptr(), &owner.attributes()) } != 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        error => Err(error),
    }
}

/// Makes a file that is this user's alone, to read and to write.
///
/// # Errors
/// Fails where it cannot be made, or is there already.
pub fn create_file(path: &Path) -> io::Result<File> {
    let owner = OwnerOnly::thing()?;
    let name = wide(path);
    // SAFETY: the path ends with a zero, and the attributes are valid during the call.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &owner.attributes(),
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle was opened just now, and nobody else has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) }.into())
}

/// Takes every right from others. For a folder, this reaches what is made in it later, and
/// what lies in it and has no list of its own.
///
/// # Errors
/// Fails where its list may not be written.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        OwnerOnly::folder()?.apply_to_folder(path)
    } else {
        OwnerOnly::thing()?.apply_to_file(path)
    }
}

/// Whether others may do anything with the file or folder; what cannot be read counts as open.
#[must_use]
pub fn is_open_to_others(path: &Path) -> bool {
    !Security::of_path(path).is_ok_and(|found| found.audience() == Audience::Owner)
}

/// Whether this user owns the file or folder, or it is of a group for which this process acts.
#[must_use]
pub fn is_mine(path: &Path) -> bool {
    Security::of_path(path).is_ok_and(|found| found.owner().is_of_this_process())
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsHandle as _;

    use super::*;

    #[test]
    fn folders_that_are_made_are_their_owners_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a").join("b");
        create_directory(&folder).unwrap();
        create_directory(&folder).unwrap();
        for path in [&scratch.path().join("a"), &folder] {
            assert!(!is_open_to_others(path), "{:?}", Security::of_path(path));
            assert!(is_mine(path));
        }
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_never_made_over_another() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        let file = create_file(&path).unwrap();
        let found = Security::of_file(file.as_handle()).unwrap();
        assert_eq!(found.audience(), Audience::Owner, "{found:?}");
        assert_eq!(create_file(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_is_open_is_seen_and_can_be_closed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        fs::write(&path, "anybody's").unwrap();
        crate::security::set_list(&path, "D:P(A;;FA;;;WD)").unwrap();
        assert!(is_open_to_others(&path), "{:?}", Security::of_path(&path));
        close_to_others(&path).unwrap();
        assert!(!is_open_to_others(&path), "{:?}", Security::of_path(&path));
        assert_eq!(fs::read_to_string(&path).unwrap(), "anybody's");
        assert!(is_open_to_others(&scratch.path().join("missing")));
    }
}
