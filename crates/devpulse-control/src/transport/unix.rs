//! Unix domain sockets: a file of mode 0600, and the user id of whoever is at the other end.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use super::{Arrival, BindError, BoxedStream, ConnectError};

/// Longest path that every system takes in a socket's address.
const MAX_ADDRESS_BYTES: usize = 100;

/// Time between two tries where more connections wait than the system keeps.
const CROWDED_RETRY: Duration = Duration::from_millis(10);

/// The socket; its file is removed when this is dropped.
pub(crate) struct SocketListener {
    listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
}

pub(super) fn bind(path: &Path) -> Result<SocketListener, BindError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    prepare_folder(folder)?;
    listen(path).map_err(|source| BindError::Socket { path: path.to_owned(), source })
}

pub(super) async fn connect(path: &Path) -> Result<BoxedStream, ConnectError> {
    let address = Address::of(path).map_err(classify)?;
    let stream = loop {
        match UnixStream::connect(address.path()).await {
            Ok(stream) => break stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(CROWDED_RETRY).await;
            }
            Err(error) => return Err(classify(error)),
        }
    };
    let owner = stream.peer_cred().map_err(ConnectError::Io)?.uid();
    if is_trusted(owner, own_uid()) || own_uid() == 0 {
        Ok(Box::new(stream))
    } else {
        Err(ConnectError::WrongOwner)
    }
}

impl SocketListener {
    pub(super) async fn accept(&self) -> io::Result<Arrival> {
        let (stream, _) = self.listener.accept().await?;
        let uid = stream.peer_cred()?.uid();
        if is_trusted(uid, own_uid()) {
            Ok(Arrival::Accepted(Box::new(stream)))
        } else {
            Ok(Arrival::Stranger { uid })
        }
    }
}

impl Drop for SocketListener {
    fn drop(&mut self) {
        let still_ours =
            self.path.symlink_metadata().is_ok_and(|found| identity(&found) == self.file);
        if still_ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket was not removed");
        }
    }
}

fn prepare_folder(folder: &Path) -> Result<(), BindError> {
    let unusable = |source| BindError::Folder { path: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let found = folder.metadata().map_err(unusable)?;
    if !is_trusted(found.uid(), own_uid()) || found.mode() & 0o022 != 0 {
        return Err(BindError::OpenFolder { path: folder.to_owned() });
    }
    Ok(())
}

/// Listens under a passing name and moves the socket into place, so that it is never
/// there with other permissions, and a stale one is replaced in one step.
fn listen(path: &Path) -> io::Result<SocketListener> {
    let passing = path.with_extension("new");
    match std::fs::remove_file(&passing) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let address = Address::of(&passing)?;
    let listener = std::os::unix::net::UnixListener::bind(address.path())?;
    std::fs::set_permissions(&passing, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    let file = identity(&passing.symlink_metadata()?);
    std::fs::rename(&passing, path)?;
    Ok(SocketListener { listener: UnixListener::from_std(listener)?, path: path.to_owned(), file })
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The owner may speak to the agent, and so may root, who could read its memory anyway.
const fn is_trusted(uid: u32, own: u32) -> bool {
    uid == own || uid == 0
}

fn classify(error: io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ConnectionRefused => ConnectError::NobodyListens,
        io::ErrorKind::PermissionDenied => ConnectError::WrongOwner,
        _ => ConnectError::Io(error),
    }
}

/// What a socket is bound at or connected to. An address holds about a hundred bytes, so
/// Linux is shown a long path through an open handle of its folder, and other systems through
/// a symbolic link to it.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Self { path: path.to_owned(), _folder: None });
        };
        if path.as_os_str().len() <= MAX_ADDRESS_BYTES {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        if !cfg!(target_os = "linux") {
            let link = short_link(folder, &std::env::temp_dir())?;
            return Ok(Self { path: link.join(name), _folder: None });
        }
        let folder = File::open(folder)?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// A link to `folder` with a short name in `short`, which on macOS is a folder of the user's
/// own. Whoever is at the other end is asked for its user id all the same.
fn short_link(folder: &Path, short: &Path) -> io::Result<PathBuf> {
    let folder = folder.canonicalize()?;
    let name = crc32c::crc32c(folder.as_os_str().as_bytes());
    let link = short.join(format!("devpulse-{name:08x}"));
    if std::fs::read_link(&link).is_ok_and(|target| target == folder) {
        return Ok(link);
    }
    // Made under a passing name, so that another process never finds it missing.
    let passing = link.with_extension(std::process::id().to_string());
    match std::fs::remove_file(&passing) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(&folder, &passing)?;
    std::fs::rename(&passing, &link)?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_in_a_folder_with_a_long_path_is_reached_through_a_short_link() {
        let long = tempfile::tempdir().unwrap();
        let folder = long.path().join("x".repeat(120));
        std::fs::create_dir(&folder).unwrap();
        let short = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/nowhere", short.path().join("devpulse-other")).unwrap();
        let link = short_link(&folder, short.path()).unwrap();
        assert!(link.join("agent.sock").as_os_str().len() <= MAX_ADDRESS_BYTES);
        let _listener = UnixListener::bind(link.join("agent.sock")).unwrap();
        assert!(folder.join("agent.sock").exists());
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/nowhere", &link).unwrap();
        let mended = short_link(&folder, short.path()).unwrap();
        assert_eq!(mended, link);
        assert!(UnixStream::connect(mended.join("agent.sock")).await.is_ok());
        assert_eq!(std::fs::read_dir(short.path()).unwrap().count(), 2);
    }

    #[test]
    fn only_the_owner_and_root_are_trusted() {
        assert!(is_trusted(1000, 1000));
        assert!(is_trusted(0, 1000));
        assert!(!is_trusted(1001, 1000));
        assert!(!is_trusted(1000, 0));
    }
}
