//! Secrets that are read from a file or from standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;

/// Longest secret that is read from a file; a wrong file is not read to its end.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads `what` from a file, or from standard input where the file is `-`.
pub(super) fn read(file: &Path, what: &str) -> Result<String, Failure> {
    let (name, read) = if file == Path::new("-") {
        ("standard input".to_owned(), read_bounded(io::stdin().lock()))
    } else {
        (file.display().to_string(), File::open(file).and_then(read_bounded))
    };
    read.map_err(|error| {
        Failure::new(Exit::Failed, format!("{what} cannot be read from {name}: {error}"))
    })
}

fn read_bounded(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is too long to be one"));
    }
    Ok(text)
}
