//! The licences of everything that is linked into a program, and their texts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::output;
use crate::workspace;

/// A crate that is linked in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Linked {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) licence: String,
}

/// The crates of others that are linked into a program of the workspace, sorted.
pub(super) fn linked(program: &str) -> Result<BTreeSet<Linked>> {
    let mut cargo = workspace::cargo()?;
    cargo.args(["tree", "--locked", "--package", program, "--edges", "normal"]);
    cargo.args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"]);
    let mut crates = BTreeSet::new();
    for line in output(&mut cargo)?.lines() {
        let (package, licence) = line.rsplit_once('|').context("cargo tree prints no licence")?;
        let mut words = package.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        // The workspace's own crates bear their path.
        if package.contains("(/") || name.starts_with("devpulse") {
            continue;
        }
        crates.insert(Linked {
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
            licence: licence.to_owned(),
        });
    }
    Ok(crates)
}

/// Every licence text of what is linked into `program`, with those whom it belongs to.
pub(super) fn of(program: &str) -> Result<String> {
    let crates = linked(program)?;
    let metadata = metadata()?;
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut without = BTreeSet::new();
    for linked in &crates {
        let title = format!("{} {} ({})", linked.name, linked.version, linked.licence);
        let found = texts_of(&folder(&metadata, linked)?)?;
        if found.is_empty() {
            without.insert(title.clone());
        }
        for text in found {
            texts.entry(text).or_default().insert(title.clone());
        }
    }
    if program == "devpulse-desktop" {
        let modules = workspace::root()?.join("ui/node_modules");
        for name in ["preact", "@tauri-apps/api"] {
            for text in texts_of(&modules.join(name))? {
                texts.entry(text).or_default().insert(format!("{name} (in the window's pages)"));
            }
        }
    }
    let mut all = String::from("What is linked into this program, and its licences.\n");
    let mut groups: Vec<_> = texts.iter().collect();
    groups.sort_by(|one, other| one.1.cmp(other.1));
    for (text, owners) in groups {
        let rule = "-".repeat(78);
        let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
        write!(all, "\n{rule}\n{}\n{rule}\n\n{text}\n", owners.join("\n"))?;
    }
    if !without.is_empty() {
        let rule = "-".repeat(78);
        let names: Vec<&str> = without.iter().map(String::as_str).collect();
        write!(
            all,
            "\n{rule}\nUnder the licences that they name, without a text of their own:\n\n{}\n",
            names.join("\n")
        )?;
    }
    Ok(all)
}

fn metadata() -> Result<Value> {
    let mut cargo = workspace::cargo()?;
    let text = output(cargo.args(["metadata", "--format-version", "1", "--locked"]))?;
    serde_json::from_str(&text).context("cargo metadata wrote no JSON")
}

/// Where the sources of a crate lie.
fn folder(metadata: &Value, linked: &Linked) -> Result<std::path::PathBuf> {
    let packages = metadata["packages"].as_array().context("cargo names no packages")?;
    let found = packages.iter().find(|package| {
        package["name"] == linked.name.as_str() && package["version"] == linked.version.as_str()
    });
    let manifest = found.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.with_context(|| format!("{} has no sources here", linked.name))?;
    Ok(Path::new(manifest).parent().context("a manifest without a folder")?.to_owned())
}

fn texts_of(folder: &Path) -> Result<Vec<String>> {
    const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT"];

    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} is gone", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_uppercase();
        if path.is_file() && NAMES.iter().any(|prefix| name.starts_with(prefix)) {
            let text = String::from_utf8_lossy(&fs::read(&path)?).replace("\r\n", "\n");
            texts.push(text.trim().to_owned());
        }
    }
    texts.sort();
    Ok(texts)
}
