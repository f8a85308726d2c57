//! A SQLite VFS that lies over the operating system's, and tells the recording what
//! SQLite writes, syncs, truncates and removes.
//!
//! It is of version 1 of the interface: it offers neither shared memory nor memory
//! mapping, so it also shows that the log needs neither.

#![allow(unsafe_code, reason = "SQLite's interface for file systems is one of C")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::Once;

use rusqlite::ffi;

use crate::recording;

/// The name under which [`register`] makes it known.
pub(crate) const NAME: &str = "recorded";
const C_NAME: &CStr = c"recorded";

/// An open file; the operating system's lies right behind it in memory.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    /// `usize::MAX` for a temporary file, which is not recorded.
    inode: usize,
}

const NOT_RECORDED: usize = usize::MAX;

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Makes the VFS known to SQLite, once.
pub(crate) fn register() {
    static ONCE: Once = Once::new();

    ONCE.call_once(|| {
        // SAFETY: the operating system's VFS is found by a null name and lives forever. The
        // copy keeps its functions; it lives forever, too, and is registered once.
        unsafe {
            let real = ffi::sqlite3_vfs_find(ptr::null());
            let mut vfs = ptr::read(real);
            vfs.iVersion = 1;
            vfs.szOsFile += size_of::<File>() as c_int;
            vfs.pNext = ptr::null_mut();
            vfs.zName = C_NAME.as_ptr();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            let registered = ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0);
            assert_eq!(registered, ffi::SQLITE_OK);
        }
    });
}

/// The operating system's VFS.
fn real() -> *mut ffi::sqlite3_vfs {
    // SAFETY: a null name finds the default, which this test does not replace.
    unsafe { ffi::sqlite3_vfs_find(ptr::null()) }
}

/// # Safety
/// `file` was opened by [`open`].
unsafe fn behind(file: *mut ffi::sqlite3_file) -> (*mut ffi::sqlite3_file, usize) {
    let ours = file.cast::<File>();
    // SAFETY: SQLite allocated `szOsFile` bytes, of which ours are the first.
    unsafe { (ours.add(1).cast(), (*ours).inode) }
}

/// Calls the operating system's method of the same file.
macro_rules! forward {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: SQLite calls the methods of files that `open` opened, and keeps to their
        // contract; the operating system's file has every method of version 1.
        unsafe {
            let (file, _) = behind($file);
            match (*(*file).pMethods).$method {
                Some(method) => recording::within_sqlite(|| method(file $(, $argument)*)),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let path = path(name);
    let existed = path.is_some_and(Path::exists);
    // SAFETY: `file` has room for ours and for the operating system's behind it.
    unsafe {
        let ours = file.cast::<File>();
        ptr::write(
            ours,
            File { base: ffi::sqlite3_file { pMethods: ptr::null() }, inode: NOT_RECORDED },
        );
        let theirs = ours.add(1).cast();
        let Some(open) = (*real()).xOpen else { return ffi::SQLITE_CANTOPEN };
        let result = recording::within_sqlite(|| open(real(), name, theirs, flags, out_flags));
        if result != ffi::SQLITE_OK {
            return result;
        }
        if let Some(path) = path {
            let inode = recording::with(|recording| {
                let relative = recording.relative(path)?;
                Some(recording.opened(relative, existed))
            });
            (*ours).inode = inode.flatten().unwrap_or(NOT_RECORDED);
        }
        (*ours).base.pMethods = &raw const METHODS;
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_directory: c_int,
) -> c_int {
    if let Some(path) = path(name).filter(|path| path.exists()) {
        recording::with(|recording| {
            if let Some(relative) = recording.relative(path) {
                recording.removed(relative);
            }
        });
    }
    // SAFETY: the arguments are passed on as they came.
    unsafe {
        match (*real()).xDelete {
            Some(delete) => recording::within_sqlite(|| delete(real(), name, sync_directory)),
            None => ffi::SQLITE_IOERR,
        }
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xClose)
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    forward!(file, xRead, buffer, amount, offset)
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    amount: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let result = forward!(file, xWrite, buffer, amount, offset);
    if let (ffi::SQLITE_OK, Ok(amount), Ok(offset)) =
        (result, usize::try_from(amount), usize::try_from(offset))
    {
        // SAFETY: SQLite passes a buffer of `amount` bytes.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), amount) };
        record(file, |recording, inode| recording.wrote(inode, offset, bytes));
    }
    result
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let result = forward!(file, xTruncate, size);
    if let (ffi::SQLITE_OK, Ok(length)) = (result, usize::try_from(size)) {
        record(file, |recording, inode| recording.truncated(inode, length));
    }
    result
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    let result = forward!(file, xSync, flags);
    if result == ffi::SQLITE_OK {
        record(file, |recording, inode| recording.synced(inode));
    }
    result
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    forward!(file, xFileSize, size)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    forward!(file, xUnlock, level)
}

unsafe extern "C" fn check_reserved_lock(
    file: *mut ffi::sqlite3_file,
    result: *mut c_int,
) -> c_int {
    forward!(file, xCheckReservedLock, result)
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    forward!(file, xFileControl, operation, argument)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xSectorSize)
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    forward!(file, xDeviceCharacteristics)
}

fn record(file: *mut ffi::sqlite3_file, work: impl FnOnce(&mut recording::Recording, usize)) {
    // SAFETY: only the methods above call this, with their own file.
    let (_, inode) = unsafe { behind(file) };
    if inode != NOT_RECORDED {
        recording::with(|recording| work(recording, inode));
    }
}

fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: SQLite passes a C string that outlives the file.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}
