//! Damaged files are put aside under another name, where a person can look at them; the
//! last two are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use devpulse_protocol::Timestamp;

use super::{beside, sync_directory};

/// Damaged databases that are kept.
const KEPT: usize = 2;

/// Puts the database and its log aside, those of them that are there, and removes older
/// ones. What is in its place afterwards is nothing, durably.
pub(super) fn put_aside(path: &Path) -> io::Result<()> {
    // Newer than those before, also where the clock was set back.
    let newest = names(path).last().map_or(0, |path| put_aside_at(path) + 1);
    let now = u64::try_from(Timestamp::now().as_millis()).unwrap_or(0);
    let aside = beside(path, &format!(".corrupt-{}", newest.max(now)));
    // The log goes first: beside another database it would be taken for that one's.
    for suffix in ["-wal", "-journal", ""] {
        rename_if_there(&beside(path, suffix), &beside(&aside, suffix))?;
    }
    sync_directory(path)?;
    for old in names(path).iter().rev().skip(KEPT) {
        for suffix in ["-wal", "-journal", ""] {
            remove(&beside(old, suffix))?;
        }
    }
    Ok(())
}

/// Removes directories that lie where the log's files have to be; one in the place of the
/// database itself is put aside.
pub(super) fn clear_the_way(path: &Path) -> io::Result<()> {
    let suffixes = [
        "-wal",
        "-journal",
        "-seq",
        "-seq.new",
        "-keys",
        "-keys.new",
        ".salvaging",
        ".salvaged",
        "-ballast",
    ];
    for place in suffixes.map(|suffix| beside(path, suffix)) {
        if place.is_dir() {
            remove(&place)?;
        }
    }
    if path.is_dir() { put_aside(path) } else { Ok(()) }
}

/// When a damaged database was put aside, as its name says.
fn put_aside_at(path: &Path) -> u64 {
    let name = path.to_string_lossy();
    name.rsplit('-').next().and_then(|time| time.parse().ok()).unwrap_or(0)
}

/// The damaged databases that were put aside, oldest first.
fn names(path: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let prefix = format!("{}.corrupt-", name.to_string_lossy());
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let time = |name: &str| -> Option<String> {
        let rest = name.strip_prefix(&prefix)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| format!("{prefix}{}", &rest[..digits]))
    };
    let mut names: Vec<PathBuf> = entries
        .filter_map(|entry| time(entry.file_name().to_str()?))
        .map(|name| directory.join(name))
        .collect();
    names.sort_by_key(|path| put_aside_at(path));
    names.dedup();
    names
}

/// Removes a file or, where a directory lies in its place, that one.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
