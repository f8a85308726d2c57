//! A front end's side of the control socket.

mod link;
mod stream;

use std::io;
use std::path::Path;
use std::time::Duration;

use devpulse_protocol::{EventId, Screenshot};
use serde_json::value::RawValue;

pub use stream::{Emission, EventListing, Synchronisation};

use crate::frame::{FrameError, FrameReader, FrameWriter, MAX_FRAME_BYTES};
use crate::message::{CONTROL_PROTOCOL, Hello, decode};
use crate::request::{
    EmitRequest, Found, ImageRequest, Nothing, ReplayRequest, Replayed, Request, Resumed, Shots,
    Trend,
};
use crate::transport::{self, BoxedStream, ConnectError};
use crate::{
    AcceptRequest, ConsentReport, ControlError, ErrorCode, EventsQuery, ImagePart, MemoryConnector,
    PauseRequest, PauseStatus, Present, Resumption, Sample, Status, SyncRequest,
};
use link::Link;

/// Time that an agent has to greet. It answers from memory, so a longer silence means
/// that it is stuck.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the agent. Clones share it, and requests on it run side by side; only
/// a listing that is not read holds up the other replies, so a long one wants a
/// connection of its own.
#[derive(Clone, Debug)]
pub struct ControlClient {
    link: Link,
    agent: RunningAgent,
}

/// The agent at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAgent {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
}

/// Why the agent did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No agent runs on this home.
    #[error("no agent is running")]
    NoAgent,
    /// The socket belongs to another user.
    #[error("the agent's socket belongs to another user")]
    WrongOwner,
    /// The agent is of another version, and neither understands the other.
    #[error(
        "the agent is version {version} and speaks control protocol {theirs}, \
         this program speaks {CONTROL_PROTOCOL}"
    )]
    Version {
        /// The agent's control protocol.
        theirs: u32,
        /// The agent's version.
        version: String,
    },
    /// The agent accepted the connection and said nothing.
    #[error("the agent does not answer")]
    Silent,
    /// The connection ended before the answer. Whether the agent did what was asked is unknown.
    #[error("the connection to the agent was lost")]
    Lost,
    /// The agent answered with an error.
    #[error("{0}")]
    Refused(ControlError),
    /// The request is larger than a frame may be. It was not sent.
    #[error("a request may have at most {MAX_FRAME_BYTES} bytes, this has {0}")]
    TooLarge(usize),
    /// What the other end said makes no sense.
    #[error("an answer of the agent that makes no sense")]
    Nonsense(#[source] serde_json::Error),
    /// The system refused the connection.
    #[error("a control socket that cannot be connected to")]
    Io(#[source] io::Error),
}

impl ControlClient {
    /// Connects to the agent whose socket is at `path`.
    ///
    /// # Errors
    /// [`ClientError::NoAgent`] where there is no socket or nobody listens at it, and
    /// whatever else keeps the two from understanding each other.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let connecting = async { greet(transport::connect(path).await?).await };
        within_greeting_timeout(connecting).await
    }

    /// Connects to an agent in the same process.
    ///
    /// # Errors
    /// As [`ControlClient::connect`].
    pub async fn connect_in_memory(agent: &MemoryConnector) -> Result<Self, ClientError> {
        let connecting = async { greet(agent.connect().await?).await };
        within_greeting_timeout(connecting).await
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn agent(&self) -> &RunningAgent {
        &self.agent
    }

    /// Returns once the connection has ended, which it does with the agent.
    pub async fn lost(&self) {
        self.link.ended().await;
    }

    /// The agent's state.
    ///
    /// # Errors
    /// Fails where the connection is lost.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.link.send(&Request::Status).await?.answer().await
    }

    /// Hands over a custom event. Events are submitted in the order in which these calls
    /// return; each of them can be waited for while further ones are sent.
    ///
    /// # Errors
    /// Fails where the event is too large or the connection is lost.
    pub async fn emit(&self, name: &str, data: Box<RawValue>) -> Result<Emission, ClientError> {
        let request = Request::Emit(EmitRequest { name: name.to_owned(), data });
        Ok(Emission(self.link.send(&request).await?))
    }

    /// Hands over a custom event and waits until it is durable.
    ///
    /// # Errors
    /// As [`ControlClient::emit`] and [`Emission::durable`].
    pub async fn emit_durably(
        &self,
        name: &str,
        data: Box<RawValue>,
    ) -> Result<EventId, ClientError> {
        self.emit(name, data).await?.durable().await
    }

    /// Asks for everything pending to be sent now.
    ///
    /// # Errors
    /// Fails where the connection is lost.
    pub async fn sync(&self, request: SyncRequest) -> Result<Synchronisation, ClientError> {
        Ok(Synchronisation(self.link.send(&Request::Sync(request)).await?))
    }

    /// Asks a one-shot synchronisation to finish and to release the home's lock.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where an agent runs for good.
    pub async fn hand_over(&self) -> Result<(), ClientError> {
        let Nothing {} = self.link.send(&Request::HandOver).await?.answer().await?;
        Ok(())
    }

    /// Lists events.
    ///
    /// # Errors
    /// Fails where the connection is lost.
    pub async fn events(&self, query: EventsQuery) -> Result<EventListing, ClientError> {
        Ok(EventListing(self.link.send(&Request::Events(query)).await?))
    }

    /// Pauses capture; the answer says until when.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the policy does not allow it or a pause is there.
    pub async fn pause(&self, request: PauseRequest) -> Result<PauseStatus, ClientError> {
        self.link.send(&Request::Pause(request)).await?.answer().await
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// Fails where the connection is lost.
    pub async fn resume(&self) -> Result<Resumption, ClientError> {
        let resumed: Resumed = self.link.send(&Request::Resume).await?.answer().await?;
        Ok(resumed.result)
    }

    /// Captures every monitor now.
    ///
    /// # Errors
    /// [`ClientError::Refused`] says what stands in the way.
    pub async fn screenshot(&self) -> Result<Vec<Screenshot>, ClientError> {
        let shots: Shots = self.link.send(&Request::Screenshot).await?.answer().await?;
        Ok(shots.screenshots)
    }

    /// Puts a dead letter, or with `None` all of them, back among the events that wait.
    /// Returns how many they were.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the id names no dead letter.
    pub async fn replay(&self, event_id: Option<EventId>) -> Result<u64, ClientError> {
        let request = Request::Replay(ReplayRequest { event_id });
        let replayed: Replayed = self.link.send(&request).await?.answer().await?;
        Ok(replayed.replayed)
    }

    /// What went on over the last hour: at most one sample a minute, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with [`ErrorCode::Unsupported`] where the agent is too old
    /// to know.
    pub async fn trend(&self) -> Result<Vec<Sample>, ClientError> {
        let trend: Trend = self.link.send(&Request::Trend).await?.answer().await?;
        Ok(trend.samples)
    }

    /// What is going on now.
    ///
    /// # Errors
    /// As [`ControlClient::trend`].
    pub async fn present(&self) -> Result<Present, ClientError> {
        self.link.send(&Request::Present).await?.answer().await
    }

    /// What is asked for, and what the person agreed to.
    ///
    /// # Errors
    /// As [`ControlClient::trend`].
    pub async fn consent(&self) -> Result<ConsentReport, ClientError> {
        self.link.send(&Request::Consent).await?.answer().await
    }

    /// Tells that the person agrees to what is asked for. It is in force when this returns.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where something else is asked for by now, and as
    /// [`ControlClient::trend`].
    pub async fn accept(&self, request: AcceptRequest) -> Result<ConsentReport, ClientError> {
        self.link.send(&Request::Accept(request)).await?.answer().await
    }

    /// A part of the image with this SHA-256, in hexadecimal, from the byte `offset` on.
    ///
    /// # Errors
    /// As [`ControlClient::trend`].
    pub async fn image(&self, sha256: &str, offset: u64) -> Result<Option<ImagePart>, ClientError> {
        let request = Request::Image(ImageRequest { sha256: sha256.to_owned(), offset });
        let found: Found = self.link.send(&request).await?.answer().await?;
        Ok(found.image)
    }

    /// Asks the agent to end. It has ended when the connection has ([`Self::lost`]) and
    /// the home's lock is free.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where it goes on.
    pub async fn stop(&self) -> Result<(), ClientError> {
        let Nothing {} = self.link.send(&Request::Stop).await?.answer().await?;
        Ok(())
    }
}

async fn within_greeting_timeout(
    connecting: impl Future<Output = Result<ControlClient, ClientError>>,
) -> Result<ControlClient, ClientError> {
    tokio::time::timeout(GREETING_TIMEOUT, connecting).await.unwrap_or(Err(ClientError::Silent))
}

/// Hears who the server is and says who the front end is.
async fn greet(stream: BoxedStream) -> Result<ControlClient, ClientError> {
    let (read, write) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FrameReader::new(read), FrameWriter::new(write));
    let Some(frame) = reader.next().await? else {
        return Err(ClientError::Lost);
    };
    let theirs: Hello = decode(&frame).map_err(ClientError::Nonsense)?;
    if theirs.protocol != CONTROL_PROTOCOL {
        return Err(ClientError::Version { theirs: theirs.protocol, version: theirs.version });
    }
    if let Some(error) = theirs.refused {
        return Err(ClientError::Refused(error));
    }
    writer.send(serde_json::to_vec(&Hello::ours()).map_err(ClientError::Nonsense)?).await?;
    Ok(ControlClient {
        link: Link::new(reader, writer),
        agent: RunningAgent { version: theirs.version, pid: theirs.pid },
    })
}

impl ClientError {
    /// Whether the agent ended, rather than failed at what it was asked.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Lost => true,
            Self::Refused(error) => error.code == ErrorCode::Stopping,
            _ => false,
        }
    }
}

impl From<ConnectError> for ClientError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NobodyListens => Self::NoAgent,
            ConnectError::WrongOwner => Self::WrongOwner,
            ConnectError::Io(error) => Self::Io(error),
        }
    }
}

impl From<FrameError> for ClientError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge | FrameError::Cut | FrameError::Io(_) => Self::Lost,
        }
    }
}
