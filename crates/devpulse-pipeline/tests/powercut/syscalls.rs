//! The system calls of the recorded thread that do not go through SQLite: those for the
//! sidecar, for images, and for putting files in their places.
//!
//! A definition in a program comes before the one in the C library, so these functions
//! are what the standard library calls in this test. Each does what it replaces and tells
//! the recording. The product needs no seam for it, and nothing that it does is missed.

#![allow(unsafe_code, reason = "a C function cannot be replaced otherwise")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use libc::{mode_t, off64_t, size_t, ssize_t};

use crate::recording;

/// # Safety
/// As `open(2)`: `path` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's contract is this function's.
    unsafe { open_and_record(path, flags, mode) }
}

/// # Safety
/// As `open(2)`: `path` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's contract is this function's.
    unsafe { open_and_record(path, flags, mode) }
}

/// # Safety
/// As `write(2)`: `bytes` points to `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: the arguments are passed on as they came.
    let written = unsafe { libc::syscall(libc::SYS_write, descriptor, bytes, count) } as ssize_t;
    if let Ok(length) = usize::try_from(written) {
        recording::with(|recording| {
            if !recording.is_within_sqlite() {
                // SAFETY: the call succeeded, so `length` bytes could be read there.
                let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
                recording.wrote_to_descriptor(descriptor, bytes);
            }
        });
    }
    written
}

/// # Safety
/// As `fsync(2)`, which is safe.
#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    // SAFETY: takes a number and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_fsync, descriptor) } as c_int;
    record_sync(descriptor, result);
    result
}

/// # Safety
/// As `fdatasync(2)`, which is safe.
#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    // SAFETY: takes a number and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_fdatasync, descriptor) } as c_int;
    record_sync(descriptor, result);
    result
}

/// # Safety
/// As `ftruncate(2)`, which is safe.
#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(descriptor: c_int, length: off64_t) -> c_int {
    // SAFETY: takes numbers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, length) } as c_int;
    if result == 0 {
        recording::with(|recording| {
            if let (false, Ok(length)) = (recording.is_within_sqlite(), usize::try_from(length)) {
                recording.resized_descriptor(descriptor, length);
            }
        });
    }
    result
}

/// # Safety
/// As `rename(2)`: both are C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let here = libc::AT_FDCWD;
    // SAFETY: the arguments are passed on as they came.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, here, from, here, to, 0) } as c_int;
    if result == 0 {
        // SAFETY: the caller promised C strings.
        let (from, to) = unsafe { (path_of(from), path_of(to)) };
        recording::with(|recording| {
            if let (Some(from), Some(to)) = (recording.relative(from), recording.relative(to)) {
                recording.renamed(from, to);
            }
        });
    }
    result
}

/// # Safety
/// As `unlink(2)`: `path` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the arguments are passed on as they came.
    let result = unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) } as c_int;
    if result == 0 {
        // SAFETY: the caller promised a C string.
        let path = unsafe { path_of(path) };
        recording::with(|recording| {
            let relative = recording.relative(path);
            if let Some(relative) = relative.filter(|_| !recording.is_within_sqlite()) {
                recording.removed(relative);
            }
        });
    }
    result
}

/// # Safety
/// As `mkdir(2)`: `path` is a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the arguments are passed on as they came.
    let result = unsafe { libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode) } as c_int;
    if result == 0 {
        // SAFETY: the caller promised a C string.
        let path = unsafe { path_of(path) };
        recording::with(|recording| {
            if let Some(relative) = recording.relative(path) {
                recording.created_directory(relative);
            }
        });
    }
    result
}

/// # Safety
/// As `open(2)`: `path` is a C string.
unsafe fn open_and_record(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller promised a C string.
    let name = unsafe { path_of(path) };
    let is_recorded = recording::with(|recording| recording.relative(name)).flatten();
    let existed = is_recorded.is_some() && name.exists();
    let here = libc::AT_FDCWD;
    // SAFETY: the arguments are passed on as they came.
    let descriptor = unsafe { libc::syscall(libc::SYS_openat, here, path, flags, mode) } as c_int;
    if descriptor < 0 {
        return descriptor;
    }
    recording::with(|recording| match is_recorded {
        None => recording.forget_descriptor(descriptor),
        Some(relative) if name.is_dir() => recording.descriptor_of_directory(descriptor, relative),
        Some(_) if recording.is_within_sqlite() => recording.forget_descriptor(descriptor),
        Some(relative) => {
            let inode = recording.opened(relative, existed);
            if existed && flags & libc::O_TRUNC != 0 {
                recording.truncated(inode, 0);
            }
            recording.descriptor_of_file(descriptor, inode);
        }
    });
    descriptor
}

/// SQLite syncs directories without telling its VFS, so those count whoever syncs them.
fn record_sync(descriptor: c_int, result: c_int) {
    if result == 0 {
        recording::with(|recording| recording.synced_descriptor(descriptor));
    }
}

/// # Safety
/// `path` is a C string that lives as long as the result.
unsafe fn path_of<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: the caller's contract is this function's.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    Path::new(OsStr::from_bytes(bytes))
}
