//! The tables in the document, between marks, so that the prose around them stays.
//!
//! `<!-- bench NAME -->` begins one and `<!-- end -->` ends it. `NAME` is `targets`,
//! `machine`, the name of a measurement, which gives all of its figures, or that of a table.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::figure::Number;
use crate::results::{Measured, Results};
use crate::targets;

const BEGIN: &str = "<!-- bench ";
const END: &str = "<!-- end -->";

/// Writes what is known into the document; a table of which nothing is known stays.
pub(crate) fn fill(path: &Path, results: &Results) -> Result<()> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let filled = filled(&text, |name| table(name, results))
        .with_context(|| format!("{} has a table without an end", path.display()))?;
    if filled != text {
        std::fs::write(path, filled)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn filled(text: &str, table: impl Fn(&str) -> Option<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(name) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let mut old = String::new();
        loop {
            match lines.next() {
                Some(END) => break,
                Some(line) => {
                    old.push_str(line);
                    old.push('\n');
                }
                None => bail!("`{name}` has no end"),
            }
        }
        out.push_str(&table(name).unwrap_or(old));
        out.push_str(END);
        out.push('\n');
    }
    Ok(out)
}

/// The table of this name, where anything is known of it.
fn table(name: &str, results: &Results) -> Option<String> {
    if name == "targets" {
        return Some(framed(&rows_in_markdown(&targets::rows(results))));
    }
    if let Some(table) = results.table(name) {
        let owner = results.measured.values().find(|one| one.tables.contains(table))?;
        return Some(framed(&format!("{}\n{}", rows_in_markdown(&table.rows), when(owner))));
    }
    let measured = results.measured.get(name)?;
    let mut rows = vec![["", "median", "spread", "repeats"].map(str::to_owned).to_vec()];
    rows.extend(measured.figures.iter().map(|figure| {
        let spread = format!("{} to {}", Number(figure.least), Number(figure.most));
        vec![figure.what.clone(), figure.told(), spread, figure.repeats.to_string()]
    }));
    Some(framed(&format!("{}\n{}", rows_in_markdown(&rows), when(measured))))
}

fn framed(text: &str) -> String {
    format!("\n{text}\n")
}

fn when(measured: &Measured) -> String {
    let [before, after] = measured.load;
    format!("Taken on {}; load {before:.1} before and {after:.1} after.\n", measured.day)
}

fn rows_in_markdown(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        // Writing to a string does not fail.
        writeln!(out, "| {} |", row.join(" | ")).ok();
        if index == 0 {
            writeln!(out, "|{}", "---|".repeat(row.len())).ok();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "before\n<!-- bench a -->\nold\n<!-- end -->\nafter\n";

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let new = filled(TEXT, |name| (name == "a").then(|| "new\n".to_owned())).unwrap();
        assert_eq!(new, TEXT.replace("old", "new"));
    }

    #[test]
    fn a_table_of_which_nothing_is_known_stays() {
        assert_eq!(filled(TEXT, |_| None).unwrap(), TEXT);
    }

    #[test]
    fn a_table_without_an_end_is_an_error() {
        assert!(filled("<!-- bench a -->\nold\n", |_| None).is_err());
    }
}
