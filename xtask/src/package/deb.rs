//! Packages for Debian and its children, by `dpkg-deb`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
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
    let arch = output(Command::new("dpkg").arg("--print-architecture"))?;
    let mut made = Vec::new();
    for tree in trees {
        let root = build.join("deb").join(tree.package);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::create_dir_all(&root)?;
        let files = format!("{}/.", tree.root.display());
        workspace::run(Command::new("cp").args(["--archive", &files]).arg(&root))?;
        describe(release, tree, &root, &arch)?;
        touch(release, &root)?;
        let file = out.join(format!("{}_{}_{arch}.deb", tree.package, release.version));
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.args(["--root-owner-group", "-Zxz", "--build"]).arg(&root).arg(&file);
        output(dpkg.env("SOURCE_DATE_EPOCH", release.epoch.to_string()))?;
        made.push(file);
    }
    Ok(made)
}

fn describe(release: &Release, tree: &Tree, root: &Path, arch: &str) -> Result<()> {
    let templates = workspace::root()?.join("packaging/deb");
    let sums = sums(root)?;
    let control = root.join("DEBIAN");
    fs::create_dir_all(&control)?;
    let size = output(Command::new("du").args(["--summarize", "--apparent-size"]).arg(&tree.root))?;
    let size = size.split_whitespace().next().context("du says no size")?.to_owned();
    let text = fs::read_to_string(templates.join(format!("control.{}", tree.package)))?;
    let text = text.replace("@ARCH@", arch).replace("@SIZE@", &size);
    let text = text.replace("@DEPENDS@", &libraries(tree, root)?);
    fs::write(control.join("control"), release.fill(&text)?)?;
    fs::write(control.join("md5sums"), sums)?;
    if !tree.settings.is_empty() {
        fs::write(control.join("conffiles"), tree.settings.join("\n") + "\n")?;
    }
    script(&templates, &control, "prerm", tree.program)?;
    if tree.package == "devpulse-client" {
        script(&templates, &control, "postrm", tree.program)?;
    }
    Ok(())
}

/// Puts a maintainer script beside the control file.
fn script(templates: &Path, control: &Path, name: &str, program: &str) -> Result<()> {
    let text = fs::read_to_string(templates.join(name))?;
    let path = control.join(name);
    fs::write(&path, text.replace("@PROGRAM@", &format!("/usr/bin/{program}")))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The packages whose libraries the programs are linked with, as Debian's own tool finds them.
fn libraries(tree: &Tree, root: &Path) -> Result<String> {
    let folder = root.with_extension("shlibs");
    fs::create_dir_all(folder.join("debian"))?;
    let source = format!("Source: devpulse\n\nPackage: {}\nArchitecture: any\n", tree.package);
    fs::write(folder.join("debian/control"), source)?;
    let mut shlibs = Command::new("dpkg-shlibdeps");
    shlibs.arg("-O").current_dir(&folder);
    for program in fs::read_dir(tree.root.join("usr/bin"))? {
        shlibs.arg(program?.path());
    }
    let found = output(&mut shlibs)?;
    let found = found.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    Ok(found.context("dpkg-shlibdeps names no library")?.to_owned())
}

/// The checksums of every file but the settings, by path.
fn sums(root: &Path) -> Result<String> {
    let script =
        "find . -type f -not -path './etc/*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 md5sum";
    Ok(output(Command::new("sh").args(["-c", script]).current_dir(root))? + "\n")
}

/// Gives every file the commit's time.
fn touch(release: &Release, root: &Path) -> Result<()> {
    let date = format!("@{}", release.epoch);
    let mut find = Command::new("find");
    find.arg(root).args(["-exec", "touch", "--no-dereference", "--date", &date, "{}", "+"]);
    output(&mut find).map(drop)
}
