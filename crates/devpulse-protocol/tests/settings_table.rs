//! `docs/protocol.md` is the contract in prose; its table of settings may not
//! say anything else than [`Key`] does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;

use devpulse_protocol::{Config, Key};
use serde_json::Value;

/// One row: the setting's name, its default as JSON, and what it allows.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    default: Value,
    allowed: String,
}

#[test]
fn the_documented_settings_are_those_of_the_code() {
    let defaults = Config::default();
    let expected: Vec<Row> = Key::ALL
        .into_iter()
        .map(|key| Row {
            name: key.name().to_owned(),
            default: defaults.get(key),
            allowed: key.allowed().to_string(),
        })
        .collect();
    let documented = rows(&read());
    for (documented, expected) in documented.iter().zip(&expected) {
        assert_eq!(documented, expected, "a row of docs/protocol.md differs from the code");
    }
    assert_eq!(documented.len(), expected.len(), "docs/protocol.md lacks settings or has more");
}

#[test]
fn every_setting_has_a_meaning() {
    for line in table(&read()) {
        let meaning = line.trim_end_matches('|').rsplit('|').next().unwrap();
        assert!(!meaning.trim().is_empty(), "{line}");
    }
}

fn rows(document: &str) -> Vec<Row> {
    table(document)
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            Row {
                name: cells[0].trim_matches('`').to_owned(),
                default: serde_json::from_str(cells[1].trim_matches('`')).unwrap(),
                allowed: cells[2].to_owned(),
            }
        })
        .collect()
}

/// The lines below the heading of the table.
fn table(document: &str) -> impl Iterator<Item = &str> {
    document
        .lines()
        .skip_while(|line| !line.starts_with("| setting | default | allowed |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
}

fn read() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}
