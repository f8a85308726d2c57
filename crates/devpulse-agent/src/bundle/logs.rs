//! Recent log lines: DevPulse's own, from the level of information up.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::Part;
use super::scrub::Scrubber;
use crate::home::Home;

/// So much of the end of each file, in bytes.
const LAST: u64 = 512 * 1024;

pub(super) fn parts(home: &Home, scrubber: &Scrubber) -> Vec<Part> {
    let Ok(entries) = fs::read_dir(home.logs()) else { return Vec::new() };
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let part = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        let text = end(path).ok()?;
        Some(Part {
            name: format!("logs/{name}"),
            about: "log lines from the level of information up",
            bytes: kept(&text, scrubber).into_bytes(),
        })
    };
    files.iter().filter_map(|path| part(path)).collect()
}

fn end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST)))?;
    let mut bytes = Vec::new();
    file.take(LAST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn kept(text: &str, scrubber: &Scrubber) -> String {
    let mut kept = String::new();
    let mut left_out = 0_usize;
    for line in text.lines() {
        if is_ours(line) {
            kept.push_str(&scrubber.text(line));
            kept.push('\n');
        } else {
            left_out += 1;
        }
    }
    kept.push_str(&format!("({left_out} lines are left out)\n"));
    kept
}

/// Whether a line is whole, of DevPulse itself, and not for debugging only: `TIME LEVEL
/// devpulse_...: ...`.
fn is_ours(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let time = words.next().is_some_and(|word| word.ends_with('Z') && word.contains('T'));
    let level = words.next().is_some_and(|word| matches!(word, "ERROR" | "WARN" | "INFO"));
    let target = words.next().is_some_and(|word| word.starts_with("devpulse"));
    time && level && target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_devpulse_from_information_up_are_kept() {
        let text = "half of a line\n\
            2026-11-22T09:30:00.1Z  INFO devpulse_agent::agent: started\n\
            2026-11-22T09:30:00.2Z DEBUG devpulse_agent::agent: detail\n\
            2026-11-22T09:30:00.3Z  WARN hyper::client: other\n\
            2026-11-22T09:30:00.4Z ERROR devpulse_pipeline::wal: the server answered a batch \
            with 400 invalid: 'Salaries.ods' is too long\n";
        let kept = kept(text, &Scrubber::of(None));
        assert_eq!(
            kept,
            "2026-11-22T09:30:00.1Z  INFO devpulse_agent::agent: started\n\
            2026-11-22T09:30:00.4Z ERROR devpulse_pipeline::wal: the server answered a batch \
            with 400 invalid: (its words)\n(3 lines are left out)\n"
        );
    }
}
