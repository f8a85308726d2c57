//! What the agent does for its front ends.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use devpulse_protocol::{EventId, Screenshot};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::{
    AcceptRequest, ConsentReport, ControlError, EventsQuery, ImagePart, ListedEvent, PauseRequest,
    PauseStatus, Present, Resumption, Sample, Status, SyncOutcome, SyncProgress, SyncRequest,
};

/// Resolves to the event's id once it is committed and synced, or to why it never will be.
/// Dropping it drops the waiting; the event stays where it is.
pub type PendingEmit = Pin<Box<dyn Future<Output = Result<EventId, ControlError>> + Send>>;

/// What the agent does for its front ends.
///
/// The server drops any of these futures when the front end goes away, so each has to
/// leave the agent in order wherever it stops.
#[async_trait]
pub trait Controller: Send + Sync + 'static {
    /// The agent's state.
    async fn status(&self) -> Status;

    /// Queues a custom event. The server calls this for the events of a connection one
    /// after another, so that their order is that of the calls.
    ///
    /// # Errors
    /// Says why the event was not queued.
    async fn emit(&self, name: String, data: Box<RawValue>) -> Result<PendingEmit, ControlError>;

    /// Sends everything pending now. Dropping the future ends the waiting and not the
    /// sending. `progress` may be filled at any pace; a report for which it has no room
    /// can be left out.
    async fn sync(&self, request: SyncRequest, progress: mpsc::Sender<SyncProgress>)
    -> SyncOutcome;

    /// Asks a one-shot synchronisation that holds the home's lock to finish and to release it.
    /// Returns once it has begun to.
    ///
    /// # Errors
    /// An agent that runs for good refuses.
    async fn hand_over(&self) -> Result<(), ControlError>;

    /// Lists events. Sending into `out` waits for a slow reader, so nothing that others
    /// need may be held meanwhile.
    ///
    /// # Errors
    /// Says why the list is incomplete.
    async fn events(
        &self,
        query: EventsQuery,
        out: mpsc::Sender<ListedEvent>,
    ) -> Result<(), ControlError>;

    /// Pauses capture, and says until when.
    ///
    /// # Errors
    /// Says why it is not paused: the policy, a pause that is there already.
    async fn pause(&self, _request: PauseRequest) -> Result<PauseStatus, ControlError> {
        Err(ControlError::unsupported("pause"))
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// Says why capture does not go on.
    async fn resume(&self) -> Result<Resumption, ControlError> {
        Err(ControlError::unsupported("resume"))
    }

    /// Captures every monitor now. Returns once the events are handed on.
    ///
    /// # Errors
    /// Says what stands in the way.
    async fn screenshot(&self) -> Result<Vec<Screenshot>, ControlError> {
        Err(ControlError::unsupported("screenshot"))
    }

    /// Puts a dead letter, or all of them, back among the events that wait. Returns how
    /// many they were.
    ///
    /// # Errors
    /// Says why none was put back; an id that names no dead letter is an error.
    async fn replay(&self, _event_id: Option<EventId>) -> Result<u64, ControlError> {
        Err(ControlError::unsupported("replay"))
    }

    /// The image with this SHA-256, in hexadecimal, from the byte `offset` on: at most
    /// 512 KiB of it.
    ///
    /// # Errors
    /// Says why it cannot be read, or that this is no SHA-256.
    async fn image(
        &self,
        _sha256: String,
        _offset: u64,
    ) -> Result<Option<ImagePart>, ControlError> {
        Err(ControlError::unsupported("image"))
    }

    /// What went on over the last hour, oldest first.
    ///
    /// # Errors
    /// Says why nothing is known of it.
    async fn trend(&self) -> Result<Vec<Sample>, ControlError> {
        Err(ControlError::unsupported("trend"))
    }

    /// What is going on now.
    ///
    /// # Errors
    /// Says why it is not known.
    async fn present(&self) -> Result<Present, ControlError> {
        Err(ControlError::unsupported("present"))
    }

    /// What is asked for, and what the person agreed to.
    ///
    /// # Errors
    /// Says why it is not known.
    async fn consent(&self) -> Result<ConsentReport, ControlError> {
        Err(ControlError::unsupported("consent"))
    }

    /// The person agrees to what is asked for, which is then in force.
    ///
    /// # Errors
    /// Says why it is not: something else is asked for than they were shown.
    async fn accept(&self, _request: AcceptRequest) -> Result<ConsentReport, ControlError> {
        Err(ControlError::unsupported("accept"))
    }

    /// Asks the agent to end, as if the system had. Returns once it has begun to.
    ///
    /// # Errors
    /// Says why it goes on.
    async fn stop(&self) -> Result<(), ControlError> {
        Err(ControlError::unsupported("stop"))
    }
}
