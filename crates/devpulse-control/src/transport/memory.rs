//! Connections within a process, for a front end that runs the agent itself.

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::{Arrival, BoxedStream, ConnectError};

/// Bytes that one side may be ahead of the other, as in a socket's buffer.
const BUFFER_BYTES: usize = 64 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 16;

/// Connects to the server that it was made with. Clones connect to the same one.
#[derive(Clone, Debug)]
pub struct MemoryConnector(mpsc::Sender<DuplexStream>);

pub(crate) struct MemoryListener(mpsc::Receiver<DuplexStream>);

pub(super) fn pair() -> (MemoryListener, MemoryConnector) {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    (MemoryListener(receiver), MemoryConnector(sender))
}

impl MemoryConnector {
    pub(crate) async fn connect(&self) -> Result<BoxedStream, ConnectError> {
        let (near, far) = tokio::io::duplex(BUFFER_BYTES);
        self.0.send(far).await.map_err(|_| ConnectError::NobodyListens)?;
        Ok(Box::new(near))
    }
}

impl MemoryListener {
    pub(super) async fn accept(&mut self) -> Arrival {
        match self.0.recv().await {
            Some(stream) => Arrival::Accepted(Box::new(stream)),
            None => Arrival::Closed,
        }
    }
}
