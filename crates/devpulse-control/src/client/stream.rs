//! Answers that take their time.

use devpulse_protocol::EventId;

use super::link::{Answer, Replies};
use crate::request::{Emitted, Nothing};
use crate::{ClientError, ListedEvent, SyncOutcome, SyncProgress, SyncUpdate};

/// An event that was handed over. Dropping it drops only the waiting.
#[derive(Debug)]
pub struct Emission(pub(super) Replies);

impl Emission {
    /// Waits until the event is committed and synced.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the agent did not take the event; after any other
    /// error it may or may not have been stored.
    pub async fn durable(self) -> Result<EventId, ClientError> {
        self.0.answer::<Emitted>().await.map(|emitted| emitted.event_id)
    }
}

/// A synchronisation under way. Dropping it drops the waiting; the agent goes on sending.
#[derive(Debug)]
pub struct Synchronisation(pub(super) Replies);

impl Synchronisation {
    /// How far it has got, or how it ended, after which there is nothing more to be had.
    ///
    /// # Errors
    /// Fails where the connection is lost.
    pub async fn next(&mut self) -> Result<SyncUpdate, ClientError> {
        Ok(match self.0.next::<SyncProgress, SyncOutcome>().await? {
            Answer::Item(progress) => SyncUpdate::Progress(progress),
            Answer::Done(outcome) => SyncUpdate::Ended(outcome),
        })
    }
}

/// A listing under way. Dropping it ends it.
#[derive(Debug)]
pub struct EventListing(pub(super) Replies);

impl EventListing {
    /// The next event; `None` after the last.
    ///
    /// # Errors
    /// Fails where the list is incomplete.
    pub async fn next(&mut self) -> Result<Option<ListedEvent>, ClientError> {
        if self.0.is_ended() {
            return Ok(None);
        }
        Ok(match self.0.next::<ListedEvent, Nothing>().await? {
            Answer::Item(event) => Some(event),
            Answer::Done(Nothing {}) => None,
        })
    }
}
