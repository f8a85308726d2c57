//! Waiting for what has to happen, with a deadline.

use std::io::{BufRead as _, BufReader, Read};
use std::time::{Duration, Instant};

/// Nothing here may take longer.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until there is something.
///
/// # Panics
/// At the deadline.
#[track_caller]
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Reads the first line that a process prints.
pub fn first_line(source: impl Read) -> String {
    let mut line = String::new();
    BufReader::new(source).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
