//! A connection to the compositor that never waits for ever.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;
use wayland_client::backend::WaylandError;
use wayland_client::protocol::wl_callback::{self, WlCallback};
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::{Connection, Dispatch, DispatchError, EventQueue, Proxy, QueueHandle};

use crate::desktop::Desktop;
use crate::hook::{HookError, Refusal};
use crate::local_socket::connect_at_once;

/// A compositor that takes longer to answer is taken for hung.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// A connection, and the queue of what the compositor says on it.
pub(super) struct Wire<S> {
    connection: Connection,
    queue: EventQueue<S>,
    /// The connection's socket, to wait on.
    socket: UnixStream,
    registry: WlRegistry,
}

/// Something that the compositor offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Global {
    pub(super) name: u32,
    pub(super) interface: String,
    pub(super) version: u32,
}

/// What every listener on a wire keeps.
#[derive(Debug, Default)]
pub(super) struct Basics {
    pub(super) globals: Vec<Global>,
    /// Answers to [`Wire::settle`].
    answered: u32,
}

/// A listener on a wire.
pub(super) trait Listener: 'static {
    fn basics(&mut self) -> &mut Basics;

    /// The compositor offers something new. Called for everything that it offers at first too.
    fn offered(&mut self, _global: &Global, _registry: &WlRegistry, _queue: &QueueHandle<Self>)
    where
        Self: Sized,
    {
    }

    /// The compositor took something back.
    fn withdrawn(&mut self, _name: u32) {}
}

/// Asks for an answer after everything that was asked before.
pub(super) struct Settled;

/// The registry of a wire.
pub(super) struct Registry;

impl<S> Wire<S>
where
    S: Listener + Dispatch<WlRegistry, Registry> + Dispatch<WlCallback, Settled>,
{
    /// Connects, and returns once everything that the compositor offers is known.
    pub(super) async fn open(desktop: &Desktop, state: &mut S) -> Result<Self, Refusal> {
        let path = desktop.wayland_socket().ok_or_else(not_wayland)?;
        let mut wire = Self::on(&path).map_err(|error| silent(&path, &error))?;
        wire.settle(state).await.map_err(|error| silent(&path, &error))?;
        Ok(wire)
    }

    /// As [`Wire::open`], on a thread that may wait.
    pub(super) fn open_blocking(path: &Path, state: &mut S) -> Result<Self, HookError> {
        let mut wire = Self::on(path).map_err(|error| {
            HookError::with_source("the Wayland display does not answer", error)
        })?;
        wire.settle_blocking(state)?;
        Ok(wire)
    }

    fn on(path: &Path) -> io::Result<Self> {
        let stream = connect_at_once(path)?;
        let socket = stream.try_clone()?;
        let connection = Connection::from_socket(stream).map_err(io::Error::other)?;
        let queue = connection.new_event_queue();
        let registry = connection.display().get_registry(&queue.handle(), Registry);
        Ok(Self { connection, queue, socket, registry })
    }

    pub(super) fn handle(&self) -> QueueHandle<S> {
        self.queue.handle()
    }

    /// Takes hold of something that the compositor offers, at the highest version that both know.
    pub(super) fn bind<I>(&self, state: &mut S, highest: u32) -> Option<I>
    where
        I: Proxy + 'static,
        S: Dispatch<I, ()>,
    {
        let name = I::interface().name;
        let global = state.basics().globals.iter().find(|global| global.interface == name)?;
        let version = global.version.min(highest);
        Some(self.registry.bind(global.name, version, &self.queue.handle(), ()))
    }

    /// Returns once everything that was asked for so far is answered.
    pub(super) async fn settle(&mut self, state: &mut S) -> Result<(), HookError> {
        let ready = self.readiness()?;
        let wanted = self.ask(state);
        let settling = async {
            while state.basics().answered != wanted {
                self.dispatch(&ready, state).await?;
            }
            Ok(())
        };
        timeout(PATIENCE, settling).await.map_err(|_| hung())?
    }

    /// As [`Wire::settle`], on a thread that may wait.
    pub(super) fn settle_blocking(&mut self, state: &mut S) -> Result<(), HookError> {
        let wanted = self.ask(state);
        self.dispatch_until(state, |state| state.basics().answered == wanted)
    }

    fn ask(&self, state: &mut S) -> u32 {
        let wanted = state.basics().answered.wrapping_add(1);
        self.connection.display().sync(&self.queue.handle(), Settled);
        wanted
    }

    /// What to wait on in [`Wire::dispatch`]. To be kept as long as the wire is listened to.
    pub(super) fn readiness(&self) -> Result<Readiness, HookError> {
        let socket = self.socket.try_clone().map_err(unwatched)?;
        // SAFETY: the socket is a descriptor of its own, which it keeps open and never exchanges.
        let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
        registered.map(Readiness).map_err(|error| unwatched(error.into()))
    }

    /// Waits until the compositor says something, and has it heard. Loses nothing when dropped.
    pub(super) async fn dispatch(
        &mut self,
        ready: &Readiness,
        state: &mut S,
    ) -> Result<(), HookError> {
        loop {
            self.flush()?;
            if self.heard(state)? {
                return self.flush();
            }
            let mut ready = ready.0.readable().await.map_err(unwatched)?;
            ready.clear_ready();
        }
    }

    /// Waits until `done`, for as long as a compositor may take, on a thread that may wait.
    pub(super) fn dispatch_until(
        &mut self,
        state: &mut S,
        done: impl Fn(&mut S) -> bool,
    ) -> Result<(), HookError> {
        let latest = Instant::now() + PATIENCE;
        while !done(state) {
            self.flush()?;
            if self.heard(state)? {
                continue;
            }
            let left = latest.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(hung());
            }
            let left =
                Timespec::try_from(left).map_err(|error| unwatched(io::Error::other(error)))?;
            let mut sockets = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
            match poll(&mut sockets, Some(&left)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(unwatched(error.into())),
            }
        }
        self.flush()
    }

    /// Has everything heard that has arrived; whether there was anything. Does not wait.
    fn heard(&mut self, state: &mut S) -> Result<bool, HookError> {
        let mut heard = self.queue.dispatch_pending(state).map_err(misheard)? > 0;
        while let Some(reading) = self.queue.prepare_read() {
            match reading.read() {
                Ok(_) => {}
                Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(gone(error)),
            }
            heard |= self.queue.dispatch_pending(state).map_err(misheard)? > 0;
        }
        Ok(heard)
    }

    fn flush(&self) -> Result<(), HookError> {
        match self.queue.flush() {
            // The rest goes with the next one; what is said is little.
            Err(WaylandError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(gone(error)),
            Ok(()) => Ok(()),
        }
    }
}

/// Tells when the compositor has said something.
pub(super) struct Readiness(AsyncFd<UnixStream>);

/// Why a Wayland backend never serves here.
pub(crate) fn not_wayland() -> Refusal {
    Refusal::Absent("this is no Wayland session (WAYLAND_DISPLAY is not set)".to_owned())
}

fn silent(path: &Path, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::Failed(format!("the Wayland display {} does not answer: {error}", path.display()))
}

fn gone(error: WaylandError) -> HookError {
    HookError::with_source("the compositor is gone", error)
}

fn misheard(error: DispatchError) -> HookError {
    HookError::with_source("the compositor is gone", error)
}

fn hung() -> HookError {
    HookError::new(format!("the compositor does not answer within {} seconds", PATIENCE.as_secs()))
}

fn unwatched(error: io::Error) -> HookError {
    HookError::with_source("the connection to the compositor cannot be watched", error)
}

impl<S> Dispatch<WlRegistry, Registry, S> for Registry
where
    S: Listener + Dispatch<WlRegistry, Registry>,
{
    fn event(
        state: &mut S,
        registry: &WlRegistry,
        event: wl_registry::Event,
        _: &Registry,
        _: &Connection,
        queue: &QueueHandle<S>,
    ) {
        match event {
            wl_registry::Event::Global { name, interface, version } => {
                let global = Global { name, interface, version };
                state.offered(&global, registry, queue);
                state.basics().globals.push(global);
            }
            wl_registry::Event::GlobalRemove { name } => {
                state.basics().globals.retain(|global| global.name != name);
                state.withdrawn(name);
            }
            _ => {}
        }
    }
}

impl<S> Dispatch<WlCallback, Settled, S> for Settled
where
    S: Listener + Dispatch<WlCallback, Settled>,
{
    fn event(
        state: &mut S,
        _: &WlCallback,
        _: wl_callback::Event,
        _: &Settled,
        _: &Connection,
        _: &QueueHandle<S>,
    ) {
        let basics = state.basics();
        basics.answered = basics.answered.wrapping_add(1);
    }
}
