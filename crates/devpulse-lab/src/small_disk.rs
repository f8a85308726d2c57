//! A small disk of its own, which somebody else fills.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Where it is set, a disk that cannot be mounted is a failure and no reason to skip.
const REQUIRED: &str = "DEVPULSE_REQUIRE_SMALL_DISK";

/// A file system in memory; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one. `None` where this user may not; that is said on stderr.
    ///
    /// # Panics
    /// Where it cannot be mounted although `DEVPULSE_REQUIRE_SMALL_DISK` is set.
    #[must_use]
    #[allow(clippy::print_stderr, reason = "a test that was skipped has to say so")]
    pub fn of_mib(size: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}m,mode=0700");
        let mounted = mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path());
        if mounted {
            return Some(Self(folder));
        }
        assert!(std::env::var_os(REQUIRED).is_none(), "no small disk can be mounted here");
        eprintln!("skipped: no small disk can be mounted here; it takes the rights of root");
        None
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Another program takes everything that is left, and again what becomes free later.
    pub fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).unwrap();
        for size in [1024 * 1024, 4096, 1] {
            let piece = vec![7; size];
            while filler.write_all(&piece).is_ok() {}
        }
    }

    /// Bytes that are free.
    #[must_use]
    pub fn free(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// The other program takes its file away.
    pub fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// Lets nobody write any more. Fails, and says so, while a file is open for writing.
    #[must_use]
    pub fn set_read_only(&self) -> bool {
        mount(&["-o", "remount,ro"], self.path())
    }

    /// Lets everybody write again.
    #[must_use]
    pub fn set_writable(&self) -> bool {
        mount(&["-o", "remount,rw"], self.path())
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let output = Command::new("mount").args(arguments).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}
