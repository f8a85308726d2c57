//! Files of the computer's administrator: believed only where nobody else could have
//! written them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Files are read up to here; none of ours is longer.
const LONGEST: u64 = 64 * 1024;

/// Where the administrator's files lie. No variable moves it.
#[must_use]
pub fn directory() -> &'static Path {
    Path::new(if cfg!(windows) {
        r"C:\ProgramData\DevPulse"
    } else if cfg!(target_os = "macos") {
        "/Library/Application Support/DevPulse"
    } else {
        "/etc/devpulse"
    })
}

/// Why a file that is there does not count.
#[derive(Debug, thiserror::Error)]
pub enum Mistrust {
    /// Somebody but root owns it.
    #[error("{path} does not belong to root", path = .0.display())]
    Owner(PathBuf),
    /// Somebody but root may write it.
    #[error("{path} can be written by others than root", path = .0.display())]
    Writable(PathBuf),
    /// It is no plain file, or its directory is none.
    #[error("{path} is not what it has to be", path = .0.display())]
    Kind(PathBuf),
    /// It cannot be read.
    #[error("{path} cannot be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Who owns files cannot be told.
    #[error("{path} does not count yet on this system, where its owner is not checked", path = .0.display())]
    Unchecked(PathBuf),
}

impl Mistrust {
    /// What the administrator has to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Owner(path) => Some(format!("as root: chown {ROOTS} {}", quoted(path))),
            Self::Writable(path) => Some(format!("as root: chmod go-w {}", quoted(path))),
            Self::Kind(path) => Some(format!("as root: replace {} by a plain one", path.display())),
            Self::Unreadable { path, .. } => Some(format!("as root: chmod a+r {}", quoted(path))),
            Self::Unchecked(_) => None,
        }
    }
}

/// To whom the administrator's files belong, as `chown` takes it.
const ROOTS: &str = if cfg!(target_os = "macos") { "root:wheel" } else { "root:root" };

/// A path as a shell takes it; the usual one on macOS has a space in it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(' ') { format!("'{text}'") } else { text }
}

/// The text of a file of the administrator; `None` where there is none.
///
/// # Errors
/// Fails where it is there and does not count: the file and its directory have to be
/// root's, and nobody else's to write.
pub fn read(path: &Path) -> Result<Option<String>, Mistrust> {
    read_owned_by(path, ROOT)
}

/// The user id of the administrator.
pub const ROOT: u32 = 0;

/// As [`read`], with another owner than root.
///
/// # Errors
/// As [`read`].
pub fn read_owned_by(path: &Path, owner: u32) -> Result<Option<String>, Mistrust> {
    let text = |bytes| {
        String::from_utf8(bytes).map_err(|_| Mistrust::Unreadable {
            path: path.to_owned(),
            source: io::Error::other("it is not UTF-8"),
        })
    };
    bytes_owned_by(path, owner)?.map(text).transpose()
}

/// As [`read_owned_by`], of a file that need not be text.
///
/// # Errors
/// As [`read`].
pub fn bytes_owned_by(path: &Path, owner: u32) -> Result<Option<Vec<u8>>, Mistrust> {
    let unreadable = |source| Mistrust::Unreadable { path: path.to_owned(), source };
    let mut file = match open(path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        opened => opened.map_err(unreadable)?,
    };
    check(path, &file, owner)?;
    let mut bytes = Vec::new();
    file.by_ref().take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(unreadable(io::Error::other("it is longer than 64 KiB")));
    }
    Ok(Some(bytes))
}

/// What is opened is what is checked, so that nobody can exchange it in between.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn check(path: &Path, file: &File, owner: u32) -> Result<(), Mistrust> {
    use std::os::unix::fs::MetadataExt as _;

    let unreadable = |source| Mistrust::Unreadable { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("/"));
    let of_directory = std::fs::metadata(directory).map_err(unreadable)?;
    let of_file = file.metadata().map_err(unreadable)?;
    if !of_file.is_file() {
        return Err(Mistrust::Kind(path.to_owned()));
    }
    for (path, metadata) in [(directory, of_directory), (path, of_file)] {
        if metadata.uid() != owner {
            return Err(Mistrust::Owner(path.to_owned()));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(Mistrust::Writable(path.to_owned()));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(path: &Path, _file: &File, _owner: u32) -> Result<(), Mistrust> {
    Err(Mistrust::Unchecked(path.to_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Bench {
        scratch: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let bench = Self { scratch: tempfile::tempdir().unwrap() };
            std::fs::write(bench.file(), "server_url = 'https://pulse.example'").unwrap();
            bench.mode(&bench.file(), 0o644);
            bench
        }

        fn file(&self) -> PathBuf {
            self.scratch.path().join("preset.toml")
        }

        fn mode(&self, path: &Path, mode: u32) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }

        fn read(&self) -> Result<Option<String>, Mistrust> {
            read_owned_by(&self.file(), rustix::process::geteuid().as_raw())
        }
    }

    #[test]
    fn a_file_that_only_its_owner_can_write_counts() {
        let bench = Bench::new();
        assert!(bench.read().unwrap().unwrap().starts_with("server_url"));
        std::fs::remove_file(bench.file()).unwrap();
        assert_eq!(bench.read().unwrap(), None);
        assert_eq!(read_owned_by(&bench.file().join("below"), 0).unwrap(), None);
    }

    #[test]
    fn a_file_of_another_owner_does_not_count() {
        let bench = Bench::new();
        let other = rustix::process::geteuid().as_raw() + 1;
        let refused = read_owned_by(&bench.file(), other).unwrap_err();
        assert!(matches!(refused, Mistrust::Owner(_)), "{refused}");
        assert!(refused.hint().unwrap().contains("chown root:root"));
    }

    #[test]
    fn a_file_or_a_directory_that_others_can_write_does_not_count() {
        for mode in [0o664, 0o646] {
            let bench = Bench::new();
            bench.mode(&bench.file(), mode);
            let refused = bench.read().unwrap_err();
            assert!(matches!(&refused, Mistrust::Writable(path) if *path == bench.file()));
        }
        let bench = Bench::new();
        bench.mode(bench.scratch.path(), 0o777);
        let refused = bench.read().unwrap_err();
        assert!(matches!(&refused, Mistrust::Writable(path) if path == bench.scratch.path()));
        assert!(refused.hint().unwrap().contains("chmod go-w"));
    }

    #[test]
    fn a_link_a_directory_and_what_is_too_long_do_not_count() {
        let bench = Bench::new();
        let target = bench.scratch.path().join("target");
        std::fs::rename(bench.file(), &target).unwrap();
        symlink(&target, bench.file()).unwrap();
        assert!(matches!(bench.read(), Err(Mistrust::Unreadable { .. })));
        std::fs::remove_file(bench.file()).unwrap();
        std::fs::create_dir(bench.file()).unwrap();
        assert!(matches!(bench.read(), Err(Mistrust::Kind(_))));
        std::fs::remove_dir(bench.file()).unwrap();
        std::fs::write(bench.file(), "x".repeat(70_000)).unwrap();
        bench.mode(&bench.file(), 0o600);
        assert!(matches!(bench.read(), Err(Mistrust::Unreadable { .. })));
    }
}
