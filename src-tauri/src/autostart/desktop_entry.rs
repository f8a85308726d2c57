//! A desktop entry, as far as start at login needs it.

use std::path::{Path, PathBuf};

use super::NAME;
use crate::text;

/// What an entry says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    is_hidden: bool,
    is_switched_off: bool,
    exec: Option<String>,
}

impl Entry {
    /// Reads the group `Desktop Entry`; what it does not know it passes over.
    pub(super) fn parse(text: &str) -> Self {
        let mut entry = Self::default();
        let mut is_inside = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                is_inside = line == "[Desktop Entry]";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| is_inside) else {
                continue;
            };
            let value = value.trim_start();
            match key.trim_end() {
                "Hidden" => entry.is_hidden = value == "true",
                "X-GNOME-Autostart-enabled" => entry.is_switched_off = value == "false",
                "Exec" => entry.exec = Some(value.to_owned()),
                _ => {}
            }
        }
        entry
    }

    /// Whether a session starts it.
    pub(super) const fn is_on(&self) -> bool {
        !self.is_hidden && !self.is_switched_off && self.exec.is_some()
    }

    /// The program that is started; `None` where there is none.
    pub(super) fn program(&self) -> Option<PathBuf> {
        let words = words(&unescape(self.exec.as_deref()?));
        words.into_iter().next().map(PathBuf::from)
    }
}

/// The entry that starts `program`; `None` for a path that no entry can hold.
pub(super) fn text(program: &Path, argument: &str) -> Option<String> {
    let program = program.to_str().filter(|path| !path.contains(['\n', '\r']))?;
    let exec = escape(&format!("{} {argument}", quote(program)));
    Some(format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Version=1.0\n\
         Name={}\n\
         Comment={}\n\
         Exec={exec}\n\
         Icon={NAME}\n\
         Terminal=false\n\
         StartupNotify=false\n\
         X-GNOME-Autostart-enabled=true\n",
        text::APP,
        text::AUTOSTART_COMMENT
    ))
}

/// An entry that keeps the system's from being started.
pub(super) fn hidden() -> String {
    format!("[Desktop Entry]\nType=Application\nName={}\nHidden=true\n", text::APP)
}

/// A word between quotes: four characters keep a backslash before them, and a percent sign
/// would be a field code.
fn quote(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for character in word.chars() {
        match character {
            '"' | '`' | '$' | '\\' => quoted.extend(['\\', character]),
            '%' => quoted.push_str("%%"),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A value of the type string: backslashes are doubled.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\")
}

fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('s') => plain.push(' '),
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(other) => plain.push(other),
            None => plain.push('\\'),
        }
    }
    plain
}

/// The words of a command line, without their quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut characters = command.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '\\' if is_quoted => word.get_or_insert_default().extend(characters.next()),
            '%' if characters.peek() == Some(&'%') => {
                word.get_or_insert_default().extend(characters.next());
            }
            ' ' | '\t' if !is_quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back_as_it_was_written() {
        for path in [
            "/usr/bin/devpulse-desktop",
            "/home/anna/My Programs/DevPulse/devpulse-desktop",
            "/opt/100% sure/a\\b/$HOME/`x`/\"y\"",
            "/opt/größer/東京",
        ] {
            let text = text(Path::new(path), "--hidden").unwrap();
            let entry = Entry::parse(&text);
            assert_eq!(entry.program().unwrap(), Path::new(path), "{text}");
            assert_eq!(words(&unescape(entry.exec.as_deref().unwrap()))[1..], ["--hidden"]);
            assert!(entry.is_on());
        }
    }

    #[test]
    fn a_path_with_a_space_is_quoted() {
        let text = text(Path::new("/opt/Dev Pulse/app"), "--hidden").unwrap();
        assert!(text.lines().any(|line| line == "Exec=\"/opt/Dev Pulse/app\" --hidden"), "{text}");
        let unquoted = Entry::parse("[Desktop Entry]\nExec=/opt/Dev Pulse/app --hidden\n");
        assert_eq!(unquoted.program().unwrap(), Path::new("/opt/Dev"));
    }

    #[test]
    fn an_entry_can_be_switched_off_in_two_ways() {
        let on = "[Desktop Entry]\nExec=app\n";
        assert!(Entry::parse(on).is_on());
        assert!(!Entry::parse(&format!("{on}Hidden=true\n")).is_on());
        assert!(!Entry::parse(&format!("{on}X-GNOME-Autostart-enabled = false\n")).is_on());
        assert!(Entry::parse(&format!("{on}[Another]\nHidden=true\n")).is_on());
        assert!(!Entry::parse(&hidden()).is_on());
    }

    #[test]
    fn no_entry_is_made_of_a_path_that_would_break_it() {
        assert_eq!(text(Path::new("/opt/a\nExec=evil"), "--hidden"), None);
    }
}
