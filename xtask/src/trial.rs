//! `cargo xtask trial`: the packages in a clean Debian, from the installation to the purge.
//!
//! Each step of `packaging/trial` runs in that root with processes, mounts and names of its own,
//! and ends as a power cut would end it. All but the installation and the tools have no network
//! but their own loopback.

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{packages, workspace};

/// Debian's release that the packages are tried on.
const RELEASE: &str = "bookworm";
const MIRROR: &str = "http://deb.debian.org/debian";

/// What a person's desktop and an administrator's tools are made of, and nothing that the packages need.
const TOOLS: &str = "xvfb openbox xterm xdotool x11-utils dex dbus jq sqlite3 procps rpm \
                     ansible-core python3-apt systemd dbus-user-session";

/// Which packages are tried.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder with the packages, in place of target/package/out
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// The reference server, in place of building it
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Begin with this step, in the root that the last trial left
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
}

/// Where the network of a step ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Network {
    OfTheMachine,
    Loopback,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    packages::ensure_trial()?;
    let target = workspace::target()?.join("package");
    let given = arguments.packages.clone().unwrap_or_else(|| target.join("out"));
    let folder = target.join("trial");
    let root = folder.join("root");
    if arguments.from.is_none() {
        furnish(&folder, &root)?;
    }
    fill(&root, &given, &server(arguments)?)?;
    let mut log = File::create(folder.join("log"))?;
    for step in steps()? {
        let name = step.file_stem().context("a step without a name")?.to_string_lossy();
        if arguments.from.as_ref().is_some_and(|first| *name < **first) {
            continue;
        }
        try_step(&root, &name, &mut log)?;
    }
    println!("all of it is in {}", folder.join("log").display());
    Ok(())
}

/// The steps, in their order.
fn steps() -> Result<Vec<PathBuf>> {
    let mut steps = Vec::new();
    for entry in fs::read_dir(workspace::root()?.join("packaging/trial"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            steps.push(path);
        }
    }
    steps.sort();
    Ok(steps)
}

/// Runs a step. It has to succeed, and to have seen something.
fn try_step(root: &Path, name: &str, log: &mut File) -> Result<()> {
    let network =
        if name.ends_with("-install") { Network::OfTheMachine } else { Network::Loopback };
    writeln!(log, "== {name}")?;
    let begin = log.stream_position()?;
    let started = Instant::now();
    let script = format!("/trial/steps/{name}.sh");
    let mut command = inside(root, network, &["sh", &script]);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    let status = command.status().context("unshare does not start")?;
    let text = fs::read(root.with_file_name("log"))?;
    let text = String::from_utf8_lossy(&text[usize::try_from(begin)?..]).into_owned();
    let seen: Vec<_> = text.lines().filter(|line| line.starts_with("seen: ")).collect();
    println!("{name} ({:.0} s)", started.elapsed().as_secs_f64());
    for line in &seen {
        println!("  {line}");
    }
    if !status.success() || seen.is_empty() {
        println!("{text}");
        bail!("the step {name} failed: {status}");
    }
    Ok(())
}

/// A clean root: made once, with the tools, and copied for each trial.
fn furnish(folder: &Path, root: &Path) -> Result<()> {
    let base = folder.join("base");
    let made = folder.join("base-is-made");
    if !fs::read_to_string(&made).is_ok_and(|tools| tools == TOOLS) {
        remove(&base)?;
        fs::create_dir_all(folder)?;
        println!("making a clean {RELEASE}");
        let mut debootstrap = Command::new("debootstrap");
        workspace::run(debootstrap.args(["--variant=minbase", RELEASE]).arg(&base).arg(MIRROR))?;
        // It leaves its mount of /proc behind.
        Command::new("umount").arg(base.join("proc")).stderr(Stdio::null()).status()?;
        fs::copy("/etc/resolv.conf", base.join("etc/resolv.conf"))?;
        let install = format!(
            "export DEBIAN_FRONTEND=noninteractive; apt-get update --quiet=2 && \
             apt-get install --yes --quiet=2 --no-install-recommends {TOOLS}"
        );
        workspace::run(&mut inside(&base, Network::OfTheMachine, &["sh", "-c", &install]))?;
        fs::write(made, TOOLS)?;
    }
    remove(root)?;
    workspace::run(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&base).arg(root))
}

/// Removes a root, and nothing that is mounted in it.
fn remove(root: &Path) -> Result<()> {
    let mut rm = Command::new("rm");
    workspace::run(rm.args(["--recursive", "--force", "--one-file-system"]).arg(root))
}

/// Puts the steps, the examples and the packages into the root, and packages of a later version.
fn fill(root: &Path, packages: &Path, server: &Path) -> Result<()> {
    let trial = root.join("trial");
    remove(&trial)?;
    for folder in ["steps", "examples", "packages", "next"] {
        fs::create_dir_all(trial.join(folder))?;
    }
    let sources = workspace::root()?.join("packaging");
    copy(&sources.join("trial"), &trial.join("steps"))?;
    fs::rename(trial.join("steps/lib.sh"), trial.join("lib.sh"))?;
    copy(&sources.join("examples"), &trial.join("examples"))?;
    copy(packages, &trial.join("packages"))?;
    let to = root.join("usr/local/bin/devpulse-server");
    fs::copy(server, to).with_context(|| format!("{} is gone", server.display()))?;
    let mut debs = 0;
    for entry in fs::read_dir(packages)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "deb") {
            raise(&path, &trial.join("next"))?;
            debs += 1;
        }
    }
    if debs != 2 {
        bail!(
            "{debs} Debian packages lie in {}\nhint: make them with `cargo xtask package`",
            packages.display()
        );
    }
    Ok(())
}

/// The files of a folder, and none below it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("{} is gone", from.display()))? {
        let path = entry?.path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().context("a file without a name")?))?;
        }
    }
    Ok(())
}

/// Makes the same package under a later version, not compressed.
fn raise(deb: &Path, folder: &Path) -> Result<()> {
    let unpacked = folder.join("unpacked");
    remove(&unpacked)?;
    workspace::run(Command::new("dpkg-deb").arg("--raw-extract").arg(deb).arg(&unpacked))?;
    let control = unpacked.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let version = text.lines().find_map(|line| line.strip_prefix("Version: "));
    let version = version.context("a package without a version")?.to_owned();
    let later = format!("{version}+later");
    let text = text.replace(&format!("Version: {version}"), &format!("Version: {later}"));
    fs::write(&control, text.replace(&format!("(= {version})"), &format!("(= {later})")))?;
    fs::write(folder.join("version"), later)?;
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]).arg(&unpacked).arg(folder);
    workspace::run(build.stdout(Stdio::null()))?;
    remove(&unpacked)
}

/// A command in the root, with processes, mounts and names of its own.
fn inside(root: &Path, network: Network, arguments: &[&str]) -> Command {
    const ENTER: &str = "mount -t proc proc \"$1/proc\" && mount --rbind /dev \"$1/dev\" && \
                         mount -t tmpfs tmpfs \"$1/run\" && mount -t tmpfs tmpfs \"$1/tmp\" && \
                         { [ \"$2\" = any ] || ip link set lo up; } && \
                         root=$1 && shift 2 && exec chroot \"$root\" \"$@\"";

    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]);
    let word = match network {
        Network::OfTheMachine => "any",
        Network::Loopback => {
            command.arg("--net");
            "loopback"
        }
    };
    command.args(["sh", "-c", ENTER, "sh"]).arg(root).arg(word).args(arguments);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", "/root");
    command
}

fn server(arguments: &Arguments) -> Result<PathBuf> {
    if let Some(server) = &arguments.server {
        return Ok(server.clone());
    }
    workspace::run(workspace::cargo()?.args([
        "build",
        "--locked",
        "--package",
        "devpulse-server",
    ]))?;
    Ok(workspace::target()?.join("debug/devpulse-server"))
}
