//! The agent's side of the control socket.

mod connection;
mod fault;
mod greeting;
mod lane;
mod replies;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::frame::FrameWriter;
use crate::message::Hello;
use crate::transport::{self, Arrival, BoxedStream, Listener};
use crate::{BindError, ControlError, Controller, ErrorCode, MemoryConnector};

/// Front ends that may be connected at once; further ones are told that the agent is busy.
pub const MAX_CONNECTIONS: usize = 128;

/// Time after which accepting is tried again where the system refused, as it does
/// while the process has no file descriptors left.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Time that a front end that is turned away has to take the reason.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes requests for a [`Controller`].
pub struct ControlServer {
    listener: Listener,
}

impl ControlServer {
    /// Makes the socket at `path`, for its owner only, in place of one that a crashed
    /// agent left. The caller holds the home's lock, so no living agent loses its socket.
    /// Needs to be called within a tokio runtime.
    ///
    /// # Errors
    /// Fails where the folder is not the owner's alone, or the socket cannot be made.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        transport::bind(path).map(|listener| Self { listener })
    }

    /// A server without a socket, and what connects to it from the same process.
    #[must_use]
    pub fn in_memory() -> (Self, MemoryConnector) {
        let (listener, connector) = transport::in_memory();
        (Self { listener }, connector)
    }

    /// Answers requests until `stop` is cancelled, then gives those under way a moment
    /// to finish and removes the socket.
    pub async fn serve(mut self, controller: Arc<dyn Controller>, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let arrival = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                arrival = self.listener.accept() => arrival,
            };
            match arrival {
                Ok(Arrival::Accepted(stream)) => match Arc::clone(&slots).try_acquire_owned() {
                    Ok(slot) => {
                        let (controller, stop) = (Arc::clone(&controller), stop.clone());
                        connections.spawn(async move {
                            connection::serve(stream, controller, stop).await;
                            drop(slot);
                        });
                    }
                    Err(_) => turn_away(stream).await,
                },
                #[cfg(unix)]
                Ok(Arrival::Stranger { uid }) => {
                    tracing::warn!(uid, "a connection of another user was closed");
                }
                Ok(Arrival::Closed) => break,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(self.listener);
        while connections.join_next().await.is_some() {}
    }
}

/// Says that no further connection is taken. The greeting fits into the empty buffer
/// of a new connection, so nobody waits for the front end to read it.
async fn turn_away(stream: BoxedStream) {
    let busy = ControlError::new(
        ErrorCode::Busy,
        format!("the agent already answers {MAX_CONNECTIONS} other programs"),
    )
    .with_hint("try again in a moment");
    let Ok(greeting) = serde_json::to_vec(&Hello::refusing(busy)) else {
        return;
    };
    let mut writer = FrameWriter::new(stream);
    match tokio::time::timeout(REFUSAL_TIMEOUT, writer.send(greeting)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a front end left before it was turned away"),
        Err(_) => tracing::debug!("a front end did not take the reason why it was turned away"),
    }
}
