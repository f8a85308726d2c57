//! Promises are shown by tests: every test that `docs/reliability.md` names has to exist.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Where the promises are written, each with its tests as `path/to/file.rs::name`.
const PAGE: &str = "docs/reliability.md";

/// Every test named there that does not exist below `root`.
pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let page =
        fs::read_to_string(root.join(PAGE)).with_context(|| format!("{PAGE} cannot be read"))?;
    let mut sources = HashMap::new();
    Ok(faults_in(&page, |file| {
        let source: &mut String = sources
            .entry(file.to_owned())
            .or_insert_with(|| fs::read_to_string(root.join(file)).unwrap_or_default());
        source.clone()
    }))
}

fn faults_in(page: &str, mut source: impl FnMut(&str) -> String) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, line) in page.lines().enumerate() {
        for (file, test) in tests_named_in(line) {
            let source = source(file);
            let what = if source.is_empty() {
                format!("there is no file {file}")
            } else if !is_test(&source, test) {
                format!("{file} has no test {test}")
            } else {
                continue;
            };
            faults.push(format!("{PAGE}:{}: {what}", index + 1));
        }
    }
    faults
}

/// What stands between backticks and looks like `file.rs::name`.
fn tests_named_in(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|code| {
        let (file, test) = code.split_once(".rs::")?;
        Some((&code[..file.len() + 3], test))
    })
}

/// Whether the source has a function of that name right below a test attribute.
fn is_test(source: &str, name: &str) -> bool {
    let signature = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(index, line)| {
        line.contains(&signature)
            && lines[..index]
                .iter()
                .rev()
                .take_while(|above| above.starts_with('#') || above.starts_with("//"))
                .any(|above| above.starts_with("#[") && above.contains("test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
#[test]
fn it_holds() {}

#[tokio::test(start_paused = true)]
#[ignore = \"long\"]
async fn it_holds_in_time() {}

fn it_helps() {}
";

    fn faults(line: &str) -> Vec<String> {
        faults_in(line, |file| if file == "a/b.rs" { SOURCE.to_owned() } else { String::new() })
    }

    #[test]
    fn a_named_test_has_to_exist() {
        assert!(
            faults("| x | `a/b.rs::it_holds`, `a/b.rs::it_holds_in_time`, `other` |").is_empty()
        );
        let fault = "docs/reliability.md:1: a/b.rs has no test it_held";
        assert_eq!(faults("| x | `a/b.rs::it_held` |"), [fault]);
        let fault = "docs/reliability.md:1: there is no file a/c.rs";
        assert_eq!(faults("| x | `a/c.rs::it_holds` |"), [fault]);
    }

    #[test]
    fn a_function_that_is_no_test_shows_nothing() {
        assert_eq!(faults("`a/b.rs::it_helps`").len(), 1);
    }
}
