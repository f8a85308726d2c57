//! Reads `.env` with line numbers, without touching the process's environment.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::SettingsError;

/// One assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// Reads all assignments, in the order of the file.
pub(super) fn parse(text: &str) -> Result<Vec<Assignment>, SettingsError> {
    let text = text.trim_start_matches('\u{feff}');
    let taken = Rc::new(Cell::new(0));
    let mut entries =
        dotenvy::Iter::new(LineByLine { rest: text.as_bytes(), taken: Rc::clone(&taken) });
    let mut assignments = Vec::new();
    loop {
        let before = taken.get();
        let Some(entry) = entries.next() else { return Ok(assignments) };
        let line = first_meaningful_line(text, before);
        let (name, value) = entry.map_err(|_| SettingsError::BrokenDotEnv { line })?;
        assignments.push(Assignment { line, name, value });
    }
}

/// Gives out at most one line at a time, so that the lines taken can be counted.
struct LineByLine<'a> {
    rest: &'a [u8],
    taken: Rc<Cell<usize>>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let newline = self.rest.iter().position(|&byte| byte == b'\n');
        let line_length = newline.map_or(self.rest.len(), |at| at + 1);
        let length = line_length.min(buffer.len());
        let (given, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(given);
        self.rest = rest;
        if length == line_length && length > 0 {
            self.taken.set(self.taken.get() + 1);
        }
        Ok(length)
    }
}

fn first_meaningful_line(text: &str, skip: usize) -> usize {
    let meaningful = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let found = text.lines().skip(skip).position(meaningful);
    skip + found.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(line: usize, name: &str, value: &str) -> Assignment {
        Assignment { line, name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn every_assignment_knows_its_line() {
        let text = "\u{feff}# a comment\n\nA=1\nexport B='two # 2'\n  # more\n\nC=\"x\ny\"\nD=\n";
        assert_eq!(
            parse(text).unwrap(),
            [
                assignment(3, "A", "1"),
                assignment(4, "B", "two # 2"),
                assignment(7, "C", "x\ny"),
                assignment(9, "D", ""),
            ]
        );
    }

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        for (text, line) in [
            ("A=1\n\nthis is nonsense\n", 3),
            ("A=1\nDEVPULSE_API_KEY=\"hunter2\n", 2),
            ("A=hunter2 hunter2\n", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!(".env line {line} is not NAME=value"));
        }
    }

    #[test]
    fn a_line_longer_than_any_buffer_counts_once() {
        let long = "ü".repeat(40_000);
        let text = format!("A={long}\nB=2\nC\n");
        assert_eq!(parse(&text).unwrap_err().to_string(), ".env line 3 is not NAME=value");
    }
}
