//! The event log from outside: the first bytes of its file, and how large it is.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::settings::Settings;

/// Length of the header of a database of SQLite, in bytes.
const HEADER: usize = 100;

pub(super) fn facts(settings: &Settings) -> Value {
    let path = &settings.local().wal_db_path;
    let beside = |ending: &str| {
        let mut name = path.clone().into_os_string();
        name.push(ending);
        bytes(&PathBuf::from(name))
    };
    json!({
        "file": header(path),
        "bytes": bytes(path),
        "log_bytes": beside("-wal"),
        "reserve_bytes": beside("-ballast"),
        "image_files": fs::read_dir(&settings.local().screenshot_dir)
            .map(|entries| entries.flatten().filter(|entry| entry.path().is_file()).count())
            .ok(),
    })
}

/// What the header says, as of when the log was last moved into the database.
fn header(path: &Path) -> Option<Value> {
    let mut header = [0; HEADER];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    read(&header)
}

fn read(header: &[u8; HEADER]) -> Option<Value> {
    if !header.starts_with(b"SQLite format 3\0") {
        return None;
    }
    let number = |at: usize| {
        header[at..at + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    let page_bytes = match header[16..18] {
        // As the format has it, where two bytes cannot say so much.
        [0, 1] => 65_536,
        _ => u32::from(header[16]) << 8 | u32::from(header[17]),
    };
    Some(json!({
        "schema_version": number(60),
        "application_id": format!("{:08x}", number(68)),
        "page_bytes": page_bytes,
        "pages": number(28),
        "free_pages": number(36),
        "sqlite_version": number(96),
    }))
}

fn bytes(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.len())
}
