//! An `/etc` of the test's own, as root, in a mount namespace. Where that cannot be had the
//! test says so and passes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::agent::{Device, Finished};

/// An `/etc` with nothing in it but what a process needs and the administrator's folder.
pub(crate) struct Etc(tempfile::TempDir);

impl Etc {
    pub(crate) fn new() -> Option<Self> {
        let etc = Self(tempfile::tempdir().unwrap());
        if !rustix::process::geteuid().is_root()
            || !etc.command("true", &[]).status().is_ok_and(|status| status.success())
        {
            eprintln!("skipped: a mount namespace is root's to make");
            return None;
        }
        std::fs::create_dir(etc.folder()).unwrap();
        for path in [etc.0.path(), &etc.folder()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::copy("/etc/passwd", etc.0.path().join("passwd")).unwrap();
        Some(etc)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("devpulse")
    }

    pub(crate) fn preset(&self, text: &str) -> PathBuf {
        self.put("preset.toml", text)
    }

    pub(crate) fn policy(&self, text: &str) -> PathBuf {
        self.put("policy.toml", text)
    }

    /// Puts a file there in one step, as an administrator's tool does.
    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", "mount --bind \"$1\" /etc && shift && exec \"$@\"", "sh"])
            .arg(self.0.path())
            .arg(program)
            .args(arguments);
        command
    }

    pub(crate) fn run(&self, device: &Device, arguments: &[&str]) -> Finished {
        Finished::of(arguments, self.client(device, arguments).output().unwrap())
    }

    /// A call of the client that sees this `/etc`.
    pub(crate) fn client(&self, device: &Device, arguments: &[&str]) -> Command {
        let client = device.command(arguments);
        let mut command = self.command(client.get_program(), arguments);
        command.env_clear().current_dir(device.directory());
        for (name, value) in client.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }
}
