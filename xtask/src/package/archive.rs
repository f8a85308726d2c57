//! An archive for every other system: the same files, to be unpacked below `/` or anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::tree::Tree;
use super::{Release, output};
use crate::workspace;

pub(super) fn make(release: &Release, trees: &[Tree], build: &Path, out: &Path) -> Result<PathBuf> {
    let name = format!("devpulse-{}-{}-linux", release.version, release.arch);
    let folder = build.join("archive");
    let root = folder.join(&name);
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::create_dir_all(&root)?;
    for tree in trees {
        let files = format!("{}/.", tree.root.display());
        workspace::run(Command::new("cp").args(["--archive", &files]).arg(&root))?;
    }
    let file = out.join(format!("{name}.tar.gz"));
    let mtime = format!("--mtime=@{}", release.epoch);
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", &mtime]);
    tar.args(["--format=gnu", "--use-compress-program=gzip --best --no-name", "--create"]);
    output(tar.arg("--file").arg(&file).arg("--directory").arg(&folder).arg(&name))?;
    Ok(file)
}
