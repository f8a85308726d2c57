//! Wiping a log that nobody has open: afterwards no file holds what was captured.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

/// Removes the database at `path` with everything that lies beside it under its name
/// (its `-wal` file, sidecars, damaged ones that were kept), and every image in `images`.
/// Other files in the two directories stay, because a setting may have put the log among
/// them. What is not there is no error. The caller holds the home's lock.
///
/// # Errors
/// Fails where something cannot be removed; what came before it is gone. Calling it
/// again goes on.
pub fn wipe(path: &Path, images: &Path) -> io::Result<()> {
    // The images go first: while the database is there, it says that there is something to wipe.
    wipe_images(images)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let Some(name) = path.file_name() else { return Ok(()) };
    let mut database = None;
    for entry in entries(directory)? {
        let file = entry.file_name();
        if file == name {
            database = Some(entry.path());
        } else if is_beside(&file, name) {
            remove(&entry.path())?;
        }
    }
    if let Some(database) = database {
        remove(&database)?;
    }
    sync(directory)
}

/// Whether `file` is `name` followed by `-` or `.` and something.
fn is_beside(file: &OsStr, name: &OsStr) -> bool {
    let rest = file.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    rest.is_some_and(|rest| matches!(rest.first(), Some(b'-' | b'.')))
}

/// Removes the directories that images are put in, with what is in them: `.tmp`, and one
/// for each first byte of a hash.
fn wipe_images(directory: &Path) -> io::Result<()> {
    for folder in entries(directory)? {
        let name = folder.file_name();
        let is_ours = name == ".tmp" || is_hexadecimal(&name, 2);
        if !is_ours || !folder.file_type()?.is_dir() {
            continue;
        }
        for image in entries(&folder.path())? {
            if is_hexadecimal(&image.file_name(), 64) {
                remove(&image.path())?;
            }
        }
        remove_if_empty(&folder.path())?;
    }
    remove_if_empty(directory)
}

fn is_hexadecimal(name: &OsString, digits: usize) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == digits && name.iter().all(u8::is_ascii_hexdigit)
}

fn entries(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_if_empty(directory: &Path) -> io::Result<()> {
    match fs::remove_dir(directory) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// What was removed is gone for good only once its directory is synced.
fn sync(directory: &Path) -> io::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    super::sync_listing(directory)
}
