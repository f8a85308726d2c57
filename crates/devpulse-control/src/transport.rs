//! What frames travel over. The only module that knows sockets and pipes: another system's
//! kind is one more file.

mod memory;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};

pub use memory::MemoryConnector;
#[cfg(unix)]
use unix::{self as system, SocketListener as SystemListener};
#[cfg(windows)]
use windows::{self as system, PipeListener as SystemListener};

/// A connection, whatever it runs over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, whatever it runs over.
pub(crate) type BoxedStream = Box<dyn Stream>;

/// Where connections arrive.
pub(crate) enum Listener {
    /// At a socket or pipe that has a name.
    System(SystemListener),
    /// From the same process.
    Memory(memory::MemoryListener),
}

/// What came of waiting for a connection.
pub(crate) enum Arrival {
    /// A front end of the same owner.
    Accepted(BoxedStream),
    /// Somebody else, turned away; a pipe's own list turns them away on Windows.
    #[cfg(unix)]
    Stranger {
        /// The user id of the process that connected.
        uid: u32,
    },
    /// Nobody can connect any more.
    Closed,
}

impl Listener {
    /// Waits for a connection. Dropping the future loses none.
    pub(crate) async fn accept(&mut self) -> io::Result<Arrival> {
        match self {
            Self::System(listener) => listener.accept().await,
            Self::Memory(listener) => Ok(listener.accept().await),
        }
    }
}

/// Why no control socket could be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The folder of the socket cannot be made or read.
    #[error("an unusable folder for the control socket, {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody else could put another socket in its place.
    #[error("a folder for the control socket that others can write, {}", path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The socket itself cannot be made.
    #[error("a control socket that cannot be made, {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// There is no socket, or nobody listens at it.
    NobodyListens,
    /// The socket belongs to another user.
    WrongOwner,
    /// The system refused.
    Io(io::Error),
}

/// Makes the socket at `path`, in place of one that a crashed agent left.
pub(crate) fn bind(path: &Path) -> Result<Listener, BindError> {
    system::bind(path).map(Listener::System)
}

/// Connects to the socket at `path`.
pub(crate) async fn connect(path: &Path) -> Result<BoxedStream, ConnectError> {
    system::connect(path).await
}

/// A listener, and what connects to it from the same process.
pub(crate) fn in_memory() -> (Listener, MemoryConnector) {
    let (listener, connector) = memory::pair();
    (Listener::Memory(listener), connector)
}
