//! The way back to a front end.

use serde::Serialize;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use crate::ControlError;
use crate::frame::{FrameError, FrameWriter, MAX_FRAME_BYTES};
use crate::message::ReplyFrame;

/// Frames that may wait for a front end to read; then whoever has more to say waits.
const WAITING_FRAMES: usize = 64;

/// Sends replies from any task of a connection. Where the front end is gone they are dropped.
#[derive(Clone)]
pub(crate) struct Replies(mpsc::Sender<Vec<u8>>);

/// The other end of [`Replies`].
pub(crate) struct ReplyQueue(mpsc::Receiver<Vec<u8>>);

pub(crate) fn channel() -> (Replies, ReplyQueue) {
    let (sender, receiver) = mpsc::channel(WAITING_FRAMES);
    (Replies(sender), ReplyQueue(receiver))
}

impl Replies {
    /// Ends request `id` with what came of it.
    pub(crate) async fn end<T: Serialize>(&self, id: u64, result: Result<T, ControlError>) {
        match result {
            Ok(value) => self.send(id, ReplyFrame::done(id, &value)).await,
            Err(error) => self.send(id, Ok(ReplyFrame::error(Some(id), error))).await,
        }
    }

    /// One of several answers to request `id`.
    pub(crate) async fn item<T: Serialize>(&self, id: u64, value: &T) {
        self.send(id, ReplyFrame::item(id, value)).await;
    }

    /// Ends the connection with a reason.
    pub(crate) async fn fault(&self, error: ControlError) {
        if let Ok(frame) = serde_json::to_vec(&ReplyFrame::error(None, error)) {
            self.push(frame).await;
        }
    }

    async fn send(&self, id: u64, reply: Result<ReplyFrame, serde_json::Error>) {
        let encoded = reply.and_then(|reply| serde_json::to_vec(&reply));
        match encoded {
            Ok(frame) if frame.len() <= MAX_FRAME_BYTES => self.push(frame).await,
            Ok(_) => tracing::error!(id, "a reply was larger than a frame and was left out"),
            Err(error) => tracing::error!(id, %error, "a reply could not be encoded"),
        }
    }

    async fn push(&self, frame: Vec<u8>) {
        if self.0.send(frame).await.is_err() {
            tracing::trace!("a reply found its front end gone");
        }
    }
}

impl ReplyQueue {
    /// Writes replies until nobody can send any more, those that wait together in one go.
    pub(crate) async fn write_to<W: AsyncWrite + Unpin>(
        mut self,
        mut writer: FrameWriter<W>,
    ) -> Result<(), FrameError> {
        while let Some(frame) = self.0.recv().await {
            writer.feed(frame)?;
            while let Ok(frame) = self.0.try_recv() {
                writer.feed(frame)?;
            }
            writer.flush().await?;
        }
        Ok(())
    }
}
