//! Packages for Red Hat's and SUSE's systems, by `rpmbuild`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::Tree;
use super::{Release, output};
use crate::workspace;

pub(super) fn make(
    release: &Release,
    trees: &[Tree],
    build: &Path,
    out: &Path,
) -> Result<Vec<PathBuf>> {
    let top = build.join("rpm");
    if top.exists() {
        fs::remove_dir_all(&top)?;
    }
    let root = top.join("root");
    fs::create_dir_all(&root)?;
    for tree in trees {
        let files = format!("{}/.", tree.root.display());
        workspace::run(Command::new("cp").args(["--archive", &files]).arg(&root))?;
        fs::write(top.join(format!("{}.files", tree.package)), place(&list(tree)?))?;
    }
    let zsh = root.join("usr/share/zsh");
    fs::rename(zsh.join("vendor-completions"), zsh.join("site-functions"))?;
    let spec = fs::read_to_string(workspace::root()?.join("packaging/rpm/devpulse.spec"))?;
    fs::write(top.join("devpulse.spec"), release.fill(&spec)?)?;
    let mut rpm = Command::new("rpmbuild");
    rpm.arg("-bb").arg("--buildroot").arg(&root).arg("--target").arg(release.arch);
    for (name, value) in [
        ("_topdir", top.display().to_string()),
        ("_builddir", top.display().to_string()),
        ("_rpmdir", top.join("out").display().to_string()),
        ("_buildhost", "devpulse".to_owned()),
        ("_binary_payload", "w19.zstdio".to_owned()),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        ("build_mtime_policy", "clamp_to_source_date_epoch".to_owned()),
        ("__os_install_post", "%{nil}".to_owned()),
        ("debug_package", "%{nil}".to_owned()),
        ("_build_id_links", "none".to_owned()),
    ] {
        rpm.args(["--define", &format!("{name} {value}")]);
    }
    rpm.arg("devpulse.spec").current_dir(&top);
    output(rpm.env("SOURCE_DATE_EPOCH", release.epoch.to_string()))?;
    let mut made = Vec::new();
    for entry in
        fs::read_dir(top.join("out").join(release.arch)).context("rpmbuild made nothing")?
    {
        let from = entry?.path();
        let to = out.join(from.file_name().context("a package without a name")?);
        fs::copy(&from, &to)?;
        made.push(to);
    }
    Ok(made)
}

/// Puts the completions for zsh where these systems look for them.
fn place(list: &str) -> String {
    list.replace("/usr/share/zsh/vendor-completions/", "/usr/share/zsh/site-functions/")
}

/// Every file of a package, as a spec lists them.
fn list(tree: &Tree) -> Result<String> {
    let mut find = Command::new("find");
    find.args([".", "-type", "f", "-printf", "/%P\\n"]).current_dir(&tree.root);
    let found = output(&mut find)?;
    let mut files: Vec<&str> = found.lines().collect();
    files.sort_unstable();
    let mut list = String::from("%defattr(-,root,root,-)\n");
    for file in files {
        let kind = if tree.settings.contains(&file) {
            "%config(noreplace) "
        } else if file.starts_with("/usr/share/doc/") {
            "%doc "
        } else {
            ""
        };
        writeln!(list, "{kind}\"{file}\"")?;
    }
    Ok(list)
}
