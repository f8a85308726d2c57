//! Debian's cargo and rustc, whose package of the standard library's source lets them build it
//! for systems that rustup would have to download.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::workspace;

/// Where Debian's packages put them. The ones on `PATH` may be rustup's.
const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";

/// What the core consists of: everything but the tray app, and what measures and checks it.
pub(super) const CORE: [&str; 9] = [
    "devpulse-protocol",
    "devpulse-windows",
    "devpulse-capture",
    "devpulse-pipeline",
    "devpulse-control",
    "devpulse-grpc",
    "devpulse-agent",
    "devpulse-client",
    "devpulse-server",
];

/// `cargo TASK` for a target, with a standard library that is built along with it.
pub(super) fn cargo(task: &str, target: &str) -> Result<Command> {
    let mut command = workspace::command(CARGO)?;
    for name in ["CARGO", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1");
    command.args([task, "--locked", "-Zbuild-std=std,panic_abort", "--target", target]);
    command.arg("--target-dir").arg(folder()?);
    Ok(command)
}

/// Where everything lies that these checks build.
pub(super) fn folder() -> Result<PathBuf> {
    Ok(workspace::target()?.join("platforms"))
}
