//! Notices that the administrator has changed the policy, and puts it in force.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Managed;
use crate::settings::Settings;

/// Keeps the settings as the administrator wants them.
pub(crate) struct ManagedWatch {
    pub(crate) settings: watch::Sender<Arc<Settings>>,
}

impl ManagedWatch {
    /// Runs until `stop` is cancelled. Sleeps until the system tells of a change; where it
    /// cannot tell, looks as often as the server's configuration is asked for.
    pub(crate) async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow()).await;
    }

    async fn follow(&self) {
        let mut folder = system::Folder::watch();
        loop {
            self.look();
            let poll = self.settings.borrow().config().config_poll;
            let told = match &mut folder {
                Some(folder) => folder.changed().await,
                None => {
                    tokio::time::sleep(poll).await;
                    Ok(())
                }
            };
            if let Err(error) = told {
                tracing::warn!(%error, "changes of the administrator's policy are looked for");
                folder = None;
            } else if folder.is_none() {
                folder = system::Folder::watch();
            }
        }
    }

    fn look(&self) {
        let managed = Managed::of_this_computer();
        let now = Arc::clone(&self.settings.borrow());
        if managed.is_same(now.managed()) {
            return;
        }
        match now.with_managed(managed.clone()) {
            Ok(changed) => {
                for warning in changed.warnings() {
                    tracing::warn!("{warning}");
                }
                tracing::info!(
                    settings = managed.values.len(),
                    "the administrator's policy has changed and is in force"
                );
                for name in changed.awaits_start(&now) {
                    tracing::warn!(setting = name, "it takes effect when the agent starts again");
                }
                // What the server or the person changed meanwhile stays.
                self.settings.send_modify(|settings| {
                    if let Ok(changed) = settings.with_managed(managed) {
                        *settings = Arc::new(changed);
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the administrator's policy stays as it was");
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::administrator;

    /// Time in which a file that is being written is whole.
    const SETTLED: Duration = Duration::from_millis(50);

    /// The administrator's folder, or where it will be made.
    pub(super) struct Folder(AsyncFd<OwnedFd>);

    impl Folder {
        /// `None` where the system tells nothing.
        pub(super) fn watch() -> Option<Self> {
            let made = || -> io::Result<Self> {
                let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
                // SAFETY: the descriptor is owned by what is registered, which never changes it.
                let registered =
                    unsafe { AsyncFd::register_with_interest(inotify, Interest::READABLE) };
                Ok(Self(registered?))
            };
            let folder = made()
                .inspect_err(|error| tracing::debug!(%error, "changes of files are not told"))
                .ok()?;
            folder.renew().then_some(folder)
        }

        /// Returns when something in the folder has changed.
        pub(super) async fn changed(&mut self) -> io::Result<()> {
            let mut ready = self.0.readable_mut().await?;
            ready.clear_ready();
            drop(ready);
            tokio::time::sleep(SETTLED).await;
            self.drain()?;
            // The folder may have been made, or another one put in its place.
            if self.renew() { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
        }

        fn renew(&self) -> bool {
            let folder = administrator::directory();
            let within = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ATTRIB
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF;
            let above = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
            let add = |path: &Path, what| inotify::add_watch(self.0.get_ref(), path, what).is_ok();
            let is_there = add(folder, within);
            // Told only of what is made or moved there, which is rare.
            let parent = folder.parent().is_some_and(|parent| add(parent, above));
            is_there || parent
        }

        fn drain(&self) -> io::Result<()> {
            let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
            let mut reader = inotify::Reader::new(self.0.get_ref(), &mut buffer);
            loop {
                match reader.next() {
                    Ok(_) => {}
                    Err(rustix::io::Errno::AGAIN) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    /// These systems are asked at intervals.
    pub(super) enum Folder {}

    impl Folder {
        pub(super) fn watch() -> Option<Self> {
            None
        }

        pub(super) async fn changed(&mut self) -> io::Result<()> {
            match *self {}
        }
    }
}
