//! The lane of a connection's `emit` requests: submitted one after another, answered as
//! each becomes durable.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use super::replies::Replies;
use crate::Controller;
use crate::request::{EmitRequest, Emitted};

/// An event to be submitted, and the permit that bounds how many are.
pub(crate) struct Submission {
    pub(crate) id: u64,
    pub(crate) event: EmitRequest,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Submits what arrives in `submissions` until it is closed, and returns when all is answered.
pub(crate) async fn run(
    controller: Arc<dyn Controller>,
    mut submissions: mpsc::Receiver<Submission>,
    replies: Replies,
) {
    let mut waiting = JoinSet::new();
    while let Some(Submission { id, event, permit }) = submissions.recv().await {
        while waiting.try_join_next().is_some() {}
        match controller.emit(event.name, event.data).await {
            Ok(pending) => {
                let replies = replies.clone();
                waiting.spawn(async move {
                    let result = pending.await.map(|event_id| Emitted { event_id });
                    replies.end(id, result).await;
                    drop(permit);
                });
            }
            Err(error) => replies.end::<Emitted>(id, Err(error)).await,
        }
    }
    while waiting.join_next().await.is_some() {}
}
