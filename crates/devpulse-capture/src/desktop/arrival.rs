//! Tells when the desktop comes back after it went away, without asking for it again and again.

use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use super::Desktop;

/// A server that has made its socket needs a moment until it answers on it.
const SETTLES: Duration = Duration::from_millis(300);

/// Watches the folder of the display's socket.
pub(crate) struct Arrival(Option<Watched>);

struct Watched {
    folder: AsyncFd<OwnedFd>,
    socket: OsString,
}

impl Arrival {
    /// Never tells of anything where there is no display, or where its folder cannot be watched.
    pub(crate) fn of(desktop: &Desktop) -> Self {
        let watched = socket(desktop).and_then(|socket| {
            let (folder, name) = (socket.parent()?, socket.file_name()?);
            let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            let comes = WatchFlags::CREATE | WatchFlags::MOVED_TO;
            inotify::add_watch(&inotify, folder, comes).ok()?;
            // SAFETY: the descriptor is owned, and never exchanged for another one.
            let folder = unsafe { AsyncFd::register(inotify) }.ok()?;
            Some(Watched { folder, socket: name.to_owned() })
        });
        Self(watched)
    }

    /// Returns once the socket was made anew since the last call.
    pub(crate) async fn next(&mut self) {
        let Some(watched) = &self.0 else { return std::future::pending().await };
        loop {
            let Ok(mut ready) = watched.folder.readable().await else {
                return std::future::pending().await;
            };
            ready.clear_ready();
            if watched.came() {
                tokio::time::sleep(SETTLES).await;
                return;
            }
        }
    }
}

impl Watched {
    /// Whether the socket is among what was made; reads everything.
    fn came(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut made = inotify::Reader::new(self.folder.get_ref(), &mut buffer);
        let mut came = false;
        while let Ok(event) = made.next() {
            let overflow = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let named = event.file_name().map(std::ffi::CStr::to_bytes);
            came |= overflow || named == Some(self.socket.as_bytes());
        }
        came
    }
}

/// The display's socket: of Wayland, else of X11.
fn socket(desktop: &Desktop) -> Option<PathBuf> {
    if desktop.wayland_display.is_some() {
        return desktop.wayland_socket();
    }
    let display = desktop.display.as_deref()?.rsplit_once(':')?.1;
    let number = display.split('.').next()?;
    Some(PathBuf::from(format!("/tmp/.X11-unix/X{number}")))
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_display_that_comes_back_is_noticed_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let desktop = Desktop {
            wayland_display: Some("wayland-7".to_owned()),
            runtime_dir: Some(folder.path().to_owned()),
            ..Desktop::default()
        };
        let mut arrival = Arrival::of(&desktop);
        std::fs::write(folder.path().join("wayland-7.lock"), "").unwrap();
        assert!(timeout(Duration::from_millis(400), arrival.next()).await.is_err());
        std::fs::write(folder.path().join("wayland-7"), "").unwrap();
        timeout(Duration::from_secs(5), arrival.next()).await.unwrap();
    }

    #[test]
    fn the_socket_of_a_display_follows_from_its_name() {
        let x = |display: &str| {
            socket(&Desktop { display: Some(display.to_owned()), ..Desktop::default() })
        };
        assert_eq!(x(":12.0"), Some(PathBuf::from("/tmp/.X11-unix/X12")));
        assert_eq!(x("nonsense"), None);
        let absolute = Desktop {
            display: Some(":0".to_owned()),
            wayland_display: Some("/run/w".to_owned()),
            ..Desktop::default()
        };
        assert_eq!(socket(&absolute), Some(PathBuf::from("/run/w")));
    }
}
