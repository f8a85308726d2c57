//! The connection under a client: requests go out in order, replies find who waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::frame::{FrameReader, FrameWriter, MAX_FRAME_BYTES};
use crate::message::{ReplyFrame, RequestFrame, decode};
use crate::request::{CancelRequest, Request};
use crate::{ClientError, ControlError};

/// Requests that may wait to be written.
const WAITING_REQUESTS: usize = 64;

/// Replies to one request that may wait to be read.
const WAITING_REPLIES: usize = 64;

/// A connection that its clones share. It closes when the last of them, and the last
/// [`Replies`], is dropped.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    outgoing: mpsc::Sender<Vec<u8>>,
    routes: Routes,
    next_id: AtomicU64,
    _tasks: JoinSet<()>,
}

/// One reply to a request.
#[derive(Debug)]
enum Reply {
    Item(Box<RawValue>),
    Done(Box<RawValue>),
    Failed(ControlError),
}

impl Link {
    pub(super) fn new<R, W>(reader: FrameReader<R>, writer: FrameWriter<W>) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (outgoing, queue) = mpsc::channel(WAITING_REQUESTS);
        let routes = Routes::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(write(queue, writer));
        tasks.spawn(read(reader, routes.clone()));
        Self(Arc::new(Shared { outgoing, routes, next_id: AtomicU64::new(1), _tasks: tasks }))
    }

    /// Sends a request. Dropping the future before it is ready sends nothing.
    pub(super) async fn send(&self, request: &Request) -> Result<Replies, ClientError> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = RequestFrame::encode(id, request).map_err(ClientError::Nonsense)?;
        if frame.len() > MAX_FRAME_BYTES {
            return Err(ClientError::TooLarge(frame.len()));
        }
        let place = self.0.outgoing.reserve().await.map_err(|_| self.0.routes.lost())?;
        let incoming = self.0.routes.open(id)?;
        place.send(frame);
        Ok(Replies { id, incoming, link: self.clone(), ended: false })
    }

    /// Returns once the connection has ended.
    pub(super) async fn ended(&self) {
        self.0.routes.ended.cancelled().await;
    }
}

/// The replies to one request.
#[derive(Debug)]
pub(super) struct Replies {
    id: u64,
    incoming: mpsc::Receiver<Reply>,
    link: Link,
    ended: bool,
}

/// One reply, read.
pub(super) enum Answer<I, D> {
    /// One of several.
    Item(I),
    /// The last one.
    Done(D),
}

impl Replies {
    /// The next reply.
    pub(super) async fn next<I, D>(&mut self) -> Result<Answer<I, D>, ClientError>
    where
        I: DeserializeOwned,
        D: DeserializeOwned,
    {
        let reply = self.incoming.recv().await;
        self.ended = !matches!(reply, Some(Reply::Item(_)));
        match reply {
            Some(Reply::Item(value)) => read_value(&value).map(Answer::Item),
            Some(Reply::Done(value)) => read_value(&value).map(Answer::Done),
            Some(Reply::Failed(error)) => Err(ClientError::Refused(error)),
            None => Err(self.link.0.routes.lost()),
        }
    }

    /// The only reply.
    pub(super) async fn answer<D: DeserializeOwned>(mut self) -> Result<D, ClientError> {
        loop {
            if let Answer::Done(value) = self.next::<serde::de::IgnoredAny, D>().await? {
                return Ok(value);
            }
        }
    }

    /// Whether the last reply was read.
    pub(super) const fn is_ended(&self) -> bool {
        self.ended
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.link.0.routes.close(self.id);
        let cancel = Request::Cancel(CancelRequest { request: self.id });
        if let Ok(frame) = RequestFrame::encode(self.id, &cancel)
            && self.link.0.outgoing.try_send(frame).is_err()
        {
            tracing::trace!("the agent was not told that nobody waits any longer");
        }
    }
}

fn read_value<T: DeserializeOwned>(value: &RawValue) -> Result<T, ClientError> {
    serde_json::from_str(value.get()).map_err(ClientError::Nonsense)
}

async fn write<W: AsyncWrite + Unpin>(
    mut queue: mpsc::Receiver<Vec<u8>>,
    mut writer: FrameWriter<W>,
) {
    while let Some(frame) = queue.recv().await {
        let mut fed = writer.feed(frame);
        while let Ok(frame) = queue.try_recv() {
            fed = fed.and_then(|()| writer.feed(frame));
        }
        if let Err(error) = fed {
            tracing::debug!(%error, "a request could not be written");
            return;
        }
        if let Err(error) = writer.flush().await {
            tracing::debug!(%error, "the agent takes no more requests");
            return;
        }
    }
}

async fn read<R: AsyncRead + Unpin>(mut reader: FrameReader<R>, routes: Routes) {
    let fault = loop {
        let frame = match reader.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => break None,
            Err(error) => {
                tracing::debug!(%error, "the connection to the agent failed");
                break None;
            }
        };
        let reply: ReplyFrame = match decode(&frame) {
            Ok(reply) => reply,
            Err(error) => {
                tracing::debug!(%error, "the agent sent what is no reply");
                break None;
            }
        };
        let Some(id) = reply.id else {
            break reply.error;
        };
        let reply = match reply {
            ReplyFrame { item: Some(value), .. } => Reply::Item(value),
            ReplyFrame { done: Some(value), .. } => Reply::Done(value),
            ReplyFrame { error: Some(error), .. } => Reply::Failed(error),
            ReplyFrame { .. } => continue,
        };
        routes.deliver(id, reply).await;
    };
    routes.end(fault);
}

/// Who waits for the replies to which request.
#[derive(Clone, Debug, Default)]
struct Routes {
    table: Arc<Mutex<Table>>,
    ended: CancellationToken,
}

#[derive(Debug)]
enum Table {
    Open(HashMap<u64, mpsc::Sender<Reply>>),
    Lost(Option<ControlError>),
}

impl Default for Table {
    fn default() -> Self {
        Self::Open(HashMap::new())
    }
}

impl Routes {
    fn open(&self, id: u64) -> Result<mpsc::Receiver<Reply>, ClientError> {
        match &mut *self.table() {
            Table::Open(waiting) => {
                let (sender, receiver) = mpsc::channel(WAITING_REPLIES);
                waiting.insert(id, sender);
                Ok(receiver)
            }
            Table::Lost(None) => Err(ClientError::Lost),
            Table::Lost(Some(error)) => Err(ClientError::Refused(error.clone())),
        }
    }

    fn close(&self, id: u64) {
        if let Table::Open(waiting) = &mut *self.table() {
            waiting.remove(&id);
        }
    }

    /// Ends every request, with `fault` where the agent said why.
    fn end(&self, fault: Option<ControlError>) {
        *self.table() = Table::Lost(fault);
        self.ended.cancel();
    }

    /// What whoever waits is told once the connection has ended.
    fn lost(&self) -> ClientError {
        match &*self.table() {
            Table::Lost(Some(error)) => ClientError::Refused(error.clone()),
            Table::Lost(None) | Table::Open(_) => ClientError::Lost,
        }
    }

    /// Hands a reply to whoever waits for it, if anyone still does.
    async fn deliver(&self, id: u64, reply: Reply) {
        let last = !matches!(reply, Reply::Item(_));
        let sender = match &mut *self.table() {
            Table::Open(waiting) if last => waiting.remove(&id),
            Table::Open(waiting) => waiting.get(&id).cloned(),
            Table::Lost(_) => None,
        };
        if let Some(sender) = sender
            && sender.send(reply).await.is_err()
        {
            tracing::trace!(id, "nobody waits for a reply any longer");
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
