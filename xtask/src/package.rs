//! `cargo xtask package`: what an administrator rolls out and a person installs.
//!
//! Two packages for Debian and its children, two for Red Hat's and SUSE's, and an archive for
//! everything else. Two runs on one commit give the same bytes: times are the commit's, paths
//! of the build machine are replaced, and every list is sorted.

mod archive;
mod build;
mod deb;
#[cfg(test)]
mod facts;
mod licences;
mod rpm;
mod sbom;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{packages, ui, workspace};
use build::Programs;

/// What to make, and where.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only this kind of package; may be given more than once
    #[arg(long, value_enum)]
    only: Vec<Kind>,
    /// Where the packages are put, in place of target/package
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take the programs from this folder, in place of building them
    #[arg(long, value_name = "DIR", conflicts_with = "twice")]
    programs: Option<PathBuf>,
    /// Build everything a second time, elsewhere, and compare the bytes
    #[arg(long)]
    twice: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Deb,
    Rpm,
    Archive,
}

/// What every package says of itself.
struct Release {
    version: String,
    /// The commit's time, in seconds since 1970.
    epoch: u64,
    /// The architecture, as Rust calls it.
    arch: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    packages::ensure_packaging()?;
    // The app takes the pages in, and the licences of what they are made of belong to it.
    ui::build()?;
    let release = Release::of_this_commit()?;
    let target = workspace::target()?.join("package");
    let out = arguments.out.clone().unwrap_or_else(|| target.join("out"));
    let kinds = [Kind::Deb, Kind::Rpm, Kind::Archive];
    let wanted = |kind: &Kind| arguments.only.is_empty() || arguments.only.contains(kind);
    let kinds: Vec<Kind> = kinds.into_iter().filter(wanted).collect();
    let build = target.join("build");
    let programs = match &arguments.programs {
        Some(folder) => Programs::in_folder(folder),
        None => build::programs(&release, &build)?,
    };
    let made = make(&release, &programs, &build, &out, &kinds)?;
    for file in &made {
        let size = file.metadata()?.len();
        println!("{:>9} {}", size, file.display());
    }
    if arguments.twice {
        let again = target.join("again");
        let build = again.join("build");
        let programs = build::programs(&release, &build)?;
        let second = make(&release, &programs, &build, &again.join("out"), &kinds)?;
        compare(&made, &second)?;
    }
    Ok(())
}

fn make(
    release: &Release,
    programs: &Programs,
    build: &Path,
    out: &Path,
    kinds: &[Kind],
) -> Result<Vec<PathBuf>> {
    if out.exists() {
        fs::remove_dir_all(out).context("the last packages cannot be removed")?;
    }
    fs::create_dir_all(out)?;
    let stage = build.join("stage");
    let trees = tree::stage(release, programs, &stage)?;
    let mut made = Vec::new();
    for kind in kinds {
        match kind {
            Kind::Deb => made.extend(deb::make(release, &trees, build, out)?),
            Kind::Rpm => made.extend(rpm::make(release, &trees, build, out)?),
            Kind::Archive => made.push(archive::make(release, &trees, build, out)?),
        }
    }
    made.extend(sbom::write(release, out)?);
    made.sort();
    Ok(made)
}

fn compare(first: &[PathBuf], second: &[PathBuf]) -> Result<()> {
    if first.len() != second.len() {
        bail!("the second build made {} files, the first {}", second.len(), first.len());
    }
    let mut differ = Vec::new();
    for (one, other) in first.iter().zip(second) {
        if fs::read(one)? != fs::read(other)? {
            differ.push(one.display().to_string());
        }
    }
    if !differ.is_empty() {
        bail!("two builds of one commit differ in {}", differ.join(", "));
    }
    println!("two builds gave the same bytes");
    Ok(())
}

impl Release {
    fn of_this_commit() -> Result<Self> {
        let metadata = workspace::metadata()?;
        let packages = metadata["packages"].as_array().context("cargo names no packages")?;
        let client = packages.iter().find(|package| package["name"] == "devpulse-client");
        let version = client.and_then(|package| package["version"].as_str());
        let version = version.context("cargo does not know the client's version")?.to_owned();
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => output(workspace::command("git")?.args(["log", "-1", "--format=%ct"]))
                .context("the time of the packages is the commit's: there is no git here\nhint: set SOURCE_DATE_EPOCH")?,
        };
        let epoch = epoch.trim().parse().context("SOURCE_DATE_EPOCH is no number of seconds")?;
        Ok(Self { version, epoch, arch: std::env::consts::ARCH })
    }

    /// The day of the commit, as in 2026-11-22.
    fn day(&self) -> Result<String> {
        let at = format!("@{}", self.epoch);
        output(Command::new("date").args(["--utc", "--date", &at, "+%Y-%m-%d"]))
    }

    /// Puts what is known into a template.
    fn fill(&self, template: &str) -> Result<String> {
        Ok(template.replace("@VERSION@", &self.version).replace("@DATE@", &self.day()?))
    }
}

/// What a command prints, without the end of the line.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} does not start"))?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
