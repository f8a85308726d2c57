//! A connection to the X server that never waits for ever.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use x11rb::connection::Connection as _;
use x11rb::errors::{ConnectError, ConnectionError};
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{Screen, Window};
use x11rb::reexports::x11rb_protocol::parse_display::parse_display;
use x11rb::reexports::x11rb_protocol::xauth::get_auth;
use x11rb::rust_connection::{DefaultStream, PollMode, RustConnection, Stream};
use x11rb::utils::RawFdContainer;

use crate::hook::HookError;

/// A server that takes longer to answer is taken for hung.
const PATIENCE: Duration = Duration::from_secs(4);

/// Display numbers count TCP ports from 6000. x11rb overflows on higher ones.
const LAST_DISPLAY: u16 = u16::MAX - 6000;

/// The protocol as this crate speaks it.
pub(super) type Xorg = RustConnection<PatientStream>;

/// A connection, and which of the display's screens it is about.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) x: Arc<Xorg>,
    screen: usize,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// The display's name makes no sense, or names a screen that does not exist.
    #[error("`{0}` is no X display")]
    NotADisplay(String),
    /// The server refuses this person.
    #[error("the X display {0} refuses the connection: {1}")]
    Refused(String, String),
    /// Nothing answers.
    #[error("the X display {0} does not answer: {1}")]
    NoAnswer(String, String),
}

impl Connection {
    /// Connects to the display of this name. Blocks for at most a few seconds.
    pub(super) fn open(name: &str) -> Result<Self, OpenError> {
        let display = parse_display(Some(name))
            .ok()
            .filter(|display| display.display <= LAST_DISPLAY)
            .ok_or_else(|| OpenError::NotADisplay(name.to_owned()))?;
        let screen = usize::from(display.screen);
        let mut failure = "no address to try".to_owned();
        for address in display.connect_instruction() {
            let (stream, (family, peer)) = match DefaultStream::connect(&address) {
                Ok(connected) => connected,
                Err(error) => {
                    failure = error.to_string();
                    continue;
                }
            };
            let (auth_name, auth_data) =
                get_auth(family, &peer, display.display).ok().flatten().unwrap_or_default();
            let stream = PatientStream { inner: stream };
            return Xorg::connect_to_stream_with_auth_info(stream, screen, auth_name, auth_data)
                .map(|x| Self { x: Arc::new(x), screen })
                .map_err(|error| match error {
                    ConnectError::SetupFailed(failed) => OpenError::Refused(
                        name.to_owned(),
                        String::from_utf8_lossy(&failed.reason).trim().to_owned(),
                    ),
                    ConnectError::SetupAuthenticate(_) => {
                        OpenError::Refused(name.to_owned(), "it asks for authentication".to_owned())
                    }
                    ConnectError::InvalidScreen => OpenError::NotADisplay(name.to_owned()),
                    error => OpenError::NoAnswer(name.to_owned(), error.to_string()),
                });
        }
        Err(OpenError::NoAnswer(name.to_owned(), failure))
    }

    pub(super) fn screen(&self) -> &Screen {
        &self.x.setup().roots[self.screen]
    }

    pub(super) fn root(&self) -> Window {
        self.screen().root
    }

    /// Waits for the server without polling. To be made once for each connection.
    pub(super) fn readiness(&self) -> Result<Readiness, HookError> {
        let readable = Readable(Arc::clone(&self.x));
        // SAFETY: the descriptor belongs to the connection, which `readable` keeps open, and
        // which never exchanges it for another one.
        let registered = unsafe { AsyncFd::register_with_interest(readable, Interest::READABLE) };
        registered.map(Readiness).map_err(|error| {
            HookError::with_source("the connection cannot be watched", io::Error::from(error))
        })
    }

    /// The next event that has arrived. Does not wait.
    pub(super) fn next_event(&self) -> Result<Option<Event>, HookError> {
        self.x.poll_for_event().map_err(gone)
    }
}

/// The server is gone.
pub(super) fn gone(error: ConnectionError) -> HookError {
    HookError::with_source("the X display is gone", error)
}

/// Tells when the server has sent something.
pub(super) struct Readiness(AsyncFd<Readable>);

impl Readiness {
    /// Returns once the server has sent something since the last call. Everything has to be
    /// read before the next one.
    pub(super) async fn wait(&self) -> Result<(), HookError> {
        let mut guard =
            self.0.readable().await.map_err(|error| {
                HookError::with_source("the connection cannot be watched", error)
            })?;
        guard.clear_ready();
        Ok(())
    }
}

struct Readable(Arc<Xorg>);

impl AsRawFd for Readable {
    fn as_raw_fd(&self) -> RawFd {
        self.0.stream().inner.as_raw_fd()
    }
}

/// A stream whose waits end: a stopped or grabbed server must not hold a thread for ever.
#[derive(Debug)]
pub(super) struct PatientStream {
    inner: DefaultStream,
}

impl Stream for PatientStream {
    fn poll(&self, mode: PollMode) -> io::Result<()> {
        let mut flags = PollFlags::empty();
        if mode.readable() {
            flags |= PollFlags::IN;
        }
        if mode.writable() {
            flags |= PollFlags::OUT;
        }
        let patience = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
        loop {
            let mut fds = [PollFd::from_borrowed_fd(self.inner.as_fd(), flags)];
            match poll(&mut fds, Some(&patience)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read(&self, buf: &mut [u8], fd_storage: &mut Vec<RawFdContainer>) -> io::Result<usize> {
        self.inner.read(buf, fd_storage)
    }

    fn write(&self, buf: &[u8], fds: &mut Vec<RawFdContainer>) -> io::Result<usize> {
        self.inner.write(buf, fds)
    }

    fn write_vectored(
        &self,
        bufs: &[io::IoSlice<'_>],
        fds: &mut Vec<RawFdContainer>,
    ) -> io::Result<usize> {
        self.inner.write_vectored(bufs, fds)
    }
}
