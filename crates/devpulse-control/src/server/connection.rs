//! One front end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::fault::{describe, garbage};
use super::greeting::greet;
use super::lane::{self, Submission};
use super::replies::{self, Replies};
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::message::{RequestFrame, decode};
use crate::request::{Found, Nothing, Replayed, Request, Resumed, Shots, Trend};
use crate::transport::BoxedStream;
use crate::{ControlError, Controller, EventsQuery, SyncRequest};

/// Time that a front end has to say which protocol it speaks.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Requests of one connection that may be under way; further ones are not read before
/// one of these is answered. A pipelined `emit --stdin` keeps as many unanswered.
const MAX_UNANSWERED: usize = 1024;

/// Time that requests under way have to finish once the agent stops or the front end
/// says nothing more.
const GRACE: Duration = Duration::from_millis(500);

/// Parts of a listing or of a synchronisation's progress that wait to be written.
const WAITING_ITEMS: usize = 64;

pub(super) async fn serve(
    stream: BoxedStream,
    controller: Arc<dyn Controller>,
    stop: CancellationToken,
) {
    let (read, write) = tokio::io::split(stream);
    let mut reader = FrameReader::new(read);
    let mut writer = FrameWriter::new(write);
    let greeted = tokio::select! {
        () = stop.cancelled() => return,
        greeted = tokio::time::timeout(HANDSHAKE_TIMEOUT, greet(&mut reader, &mut writer)) => greeted,
    };
    match greeted {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(%error, "a front end did not get past the greeting");
            return;
        }
        Err(_) => {
            tracing::debug!("a front end connected and said nothing");
            return;
        }
    }
    let (replies, queue) = replies::channel();
    let mut writing = tokio::spawn(queue.write_to(writer));
    let connection = Connection::new(controller, replies);
    tokio::select! {
        () = connection.run(reader, stop.clone()) => {
            if tokio::time::timeout(GRACE, &mut writing).await.is_err() {
                tracing::debug!("a front end did not read its last replies");
            }
        }
        _ = &mut writing => {}
        () = overdue(&stop) => tracing::debug!("a front end held up the end of the agent"),
    }
    writing.abort();
}

/// Returns when nobody may take any longer to end.
async fn overdue(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(2 * GRACE).await;
}

struct Connection {
    controller: Arc<dyn Controller>,
    replies: Replies,
    unanswered: Arc<Semaphore>,
    /// Everything but `emit`; dropped with the connection.
    tasks: JoinSet<u64>,
    running: HashMap<u64, AbortHandle>,
}

impl Connection {
    fn new(controller: Arc<dyn Controller>, replies: Replies) -> Self {
        Self {
            controller,
            replies,
            unanswered: Arc::new(Semaphore::new(MAX_UNANSWERED)),
            tasks: JoinSet::new(),
            running: HashMap::new(),
        }
    }

    /// Takes requests until the front end is gone or misbehaves, or `stop` is cancelled.
    async fn run<R>(mut self, mut reader: FrameReader<R>, stop: CancellationToken)
    where
        R: tokio::io::AsyncRead + Unpin,
    {
        let (lane, submissions) = mpsc::channel(MAX_UNANSWERED);
        let mut submitting = JoinSet::new();
        submitting.spawn(lane::run(
            Arc::clone(&self.controller),
            submissions,
            self.replies.clone(),
        ));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(id) = ended {
                        self.running.remove(&id);
                    }
                }
                received = receive(&self.unanswered, &mut reader) => match received {
                    Ok(Some((frame, permit))) => {
                        if let Err(error) = self.take(&frame, permit, &lane).await {
                            self.replies.fault(error).await;
                            break;
                        }
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        tracing::debug!(error = %fault, "a front end sent what is no frame");
                        if let Some(error) = describe(&fault) {
                            self.replies.fault(error).await;
                        }
                        break;
                    }
                }
            }
        }
        drop(lane);
        self.wind_up(submitting, stop.is_cancelled()).await;
    }

    /// Begins what a request asks for.
    ///
    /// # Errors
    /// Fails where the frame is no request at all, which ends the connection.
    async fn take(
        &mut self,
        frame: &[u8],
        permit: OwnedSemaphorePermit,
        lane: &mpsc::Sender<Submission>,
    ) -> Result<(), ControlError> {
        let RequestFrame { id, request, params } =
            decode(frame).map_err(|fault| garbage(&fault))?;
        let request = match Request::parse(&request, params.as_deref()) {
            Ok(request) => request,
            Err(error) => {
                self.replies.end::<Nothing>(id, Err(error)).await;
                return Ok(());
            }
        };
        match request {
            Request::Cancel(cancelled) => {
                if let Some(task) = self.running.remove(&cancelled.request) {
                    task.abort();
                }
            }
            Request::Emit(event) => {
                if lane.send(Submission { id, event, permit }).await.is_err() {
                    self.replies.end::<Nothing>(id, Err(ControlError::stopping())).await;
                }
            }
            Request::Status
            | Request::HandOver
            | Request::Sync(_)
            | Request::Events(_)
            | Request::Pause(_)
            | Request::Resume
            | Request::Screenshot
            | Request::Replay(_)
            | Request::Trend
            | Request::Image(_)
            | Request::Present
            | Request::Consent
            | Request::Accept(_)
            | Request::Stop => {
                let (controller, replies) = (Arc::clone(&self.controller), self.replies.clone());
                let task = self.tasks.spawn(async move {
                    answer(id, request, controller, replies).await;
                    drop(permit);
                    id
                });
                self.running.insert(id, task);
            }
        }
        Ok(())
    }

    /// Answers the events that were taken, as far as the grace allows, and, where the
    /// agent stops, whoever still waits.
    async fn wind_up(mut self, mut submitting: JoinSet<()>, stopping: bool) {
        let deadline = tokio::time::Instant::now() + GRACE;
        if stopping && tokio::time::timeout_at(deadline, self.finish_tasks()).await.is_err() {
            tracing::debug!("requests were still under way when the agent stopped");
        }
        self.tasks.abort_all();
        if tokio::time::timeout_at(deadline, submitting.join_next()).await.is_err() {
            tracing::debug!("events were still waiting to be durable when a connection ended");
        }
        if stopping {
            self.replies.fault(ControlError::stopping()).await;
        }
    }

    async fn finish_tasks(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(id) = ended {
                self.running.remove(&id);
            }
        }
    }
}

/// The next frame, once a request more may be under way.
async fn receive<R>(
    unanswered: &Arc<Semaphore>,
    reader: &mut FrameReader<R>,
) -> Result<Option<(BytesMut, OwnedSemaphorePermit)>, FrameError>
where
    R: tokio::io::AsyncRead + Unpin,
{
    let Ok(permit) = Arc::clone(unanswered).acquire_owned().await else {
        return Ok(None);
    };
    Ok(reader.next().await?.map(|frame| (frame, permit)))
}

/// Answers every request but `emit` and `cancel`.
async fn answer(id: u64, request: Request, controller: Arc<dyn Controller>, replies: Replies) {
    match request {
        Request::Status => replies.end(id, Ok(controller.status().await)).await,
        Request::HandOver => {
            let result = controller.hand_over().await.map(|()| Nothing {});
            replies.end(id, result).await;
        }
        Request::Sync(request) => synchronise(id, request, controller, replies).await,
        Request::Events(query) => list(id, query, controller, replies).await,
        Request::Pause(request) => replies.end(id, controller.pause(request).await).await,
        Request::Resume => {
            let result = controller.resume().await.map(|result| Resumed { result });
            replies.end(id, result).await;
        }
        Request::Screenshot => {
            let result = controller.screenshot().await.map(|screenshots| Shots { screenshots });
            replies.end(id, result).await;
        }
        Request::Replay(request) => {
            let replayed = controller.replay(request.event_id).await;
            replies.end(id, replayed.map(|replayed| Replayed { replayed })).await;
        }
        Request::Image(request) => {
            let found = controller.image(request.sha256, request.offset).await;
            replies.end(id, found.map(|image| Found { image })).await;
        }
        Request::Trend => {
            let result = controller.trend().await.map(|samples| Trend { samples });
            replies.end(id, result).await;
        }
        Request::Present => replies.end(id, controller.present().await).await,
        Request::Consent => replies.end(id, controller.consent().await).await,
        Request::Accept(request) => replies.end(id, controller.accept(request).await).await,
        Request::Stop => {
            let result = controller.stop().await.map(|()| Nothing {});
            replies.end(id, result).await;
        }
        Request::Emit(_) | Request::Cancel(_) => {}
    }
}

async fn synchronise(
    id: u64,
    request: SyncRequest,
    controller: Arc<dyn Controller>,
    replies: Replies,
) {
    let (progress, mut reports) = mpsc::channel(WAITING_ITEMS);
    let forwarding = async {
        while let Some(report) = reports.recv().await {
            replies.item(id, &report).await;
        }
    };
    let (outcome, ()) = tokio::join!(controller.sync(request, progress), forwarding);
    replies.end(id, Ok(outcome)).await;
}

async fn list(id: u64, query: EventsQuery, controller: Arc<dyn Controller>, replies: Replies) {
    let (out, mut events) = mpsc::channel(WAITING_ITEMS);
    let forwarding = async {
        while let Some(event) = events.recv().await {
            replies.item(id, &event).await;
        }
    };
    let (result, ()) = tokio::join!(controller.events(query, out), forwarding);
    replies.end(id, result.map(|()| Nothing {})).await;
}
