//! Rules for source files: short, described, finished.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Longer files hold more than one thing.
const MAX_LINES: usize = 500;

/// Where the project's own files lie; everything else is built or fetched.
const FOLDERS: [&str; 9] =
    [".ci", ".config", ".github", "crates", "docs", "packaging", "src-tauri", "tests", "xtask"];

/// Written in two halves, because this file is checked too.
const UNFINISHED: [&str; 3] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimplemented", "!(")];

/// Every fault in the files below `root`.
pub(super) fn faults(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files)?;
    }
    files.sort();
    let mut faults = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let name = file.strip_prefix(root).unwrap_or(&file);
        faults.extend(faults_in(name, &text));
    }
    Ok(faults)
}

fn faults_in(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: String| {
        faults.push(format!("{}:{line}: {what}", file.display()));
    };
    for (index, line) in text.lines().enumerate() {
        if let Some(marker) = UNFINISHED.iter().find(|marker| line.contains(**marker)) {
            fault(index + 1, format!("`{marker}`: finish it, or open an issue"));
        }
    }
    if file.extension().is_some_and(|extension| extension == "rs") {
        let lines = text.lines().count();
        if lines > MAX_LINES {
            fault(lines, format!("{lines} lines; split what is longer than {MAX_LINES}"));
        }
        if file.ends_with("mod.rs") {
            fault(1, "name the file after its module, beside the module's folder".to_owned());
        }
        if is_crate_root(file) && !text.starts_with("//!") {
            fault(1, "say with `//!` what this crate is".to_owned());
        }
    }
    faults
}

fn is_crate_root(file: &Path) -> bool {
    file.ends_with("src/lib.rs") || file.ends_with("src/main.rs")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            files.push(path);
        } else if !["node_modules", "ui/dist", "src/generated"].iter().any(|it| path.ends_with(it))
        {
            collect(&path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(file: &str, text: &str) -> usize {
        faults_in(Path::new(file), text).len()
    }

    #[test]
    fn a_file_of_five_hundred_lines_passes_and_one_more_does_not() {
        assert_eq!(faults_of("crates/a/src/b.rs", &"x\n".repeat(500)), 0);
        assert_eq!(faults_of("crates/a/src/b.rs", &"x\n".repeat(501)), 1);
        assert_eq!(faults_of("docs/long.md", &"x\n".repeat(501)), 0);
    }

    #[test]
    fn unfinished_work_is_found_in_every_kind_of_file() {
        let text = format!("fine\n# {}: later\n", UNFINISHED[0]);
        assert_eq!(
            faults_in(Path::new("docs/a.md"), &text),
            [format!("docs/a.md:2: `{}`: finish it, or open an issue", UNFINISHED[0])]
        );
    }

    #[test]
    fn a_module_is_a_file_of_its_own_name() {
        assert_eq!(faults_of("crates/a/src/b/mod.rs", ""), 1);
        assert_eq!(faults_of("crates/a/src/b/some_mod.rs", ""), 0);
    }

    #[test]
    fn a_crate_says_what_it_is() {
        assert_eq!(faults_of("crates/a/src/lib.rs", "mod b;\n"), 1);
        assert_eq!(faults_of("crates/a/src/lib.rs", "//! It is this.\nmod b;\n"), 0);
    }
}
