//! Frames: a length of four bytes, most significant first, and so many bytes of JSON.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// Largest frame. An event is far smaller: its `data` is at most 64 KiB.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// Why no frame could be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// It is larger than [`MAX_FRAME_BYTES`].
    #[error("a frame of more than {MAX_FRAME_BYTES} bytes")]
    TooLarge,
    /// The connection ended within a frame.
    #[error("a connection that ended within a frame")]
    Cut,
    /// The connection failed.
    #[error("a failed connection")]
    Io(#[source] io::Error),
}

/// Cuts what arrives into frames.
pub(crate) struct FrameReader<R> {
    io: R,
    buffer: BytesMut,
    codec: LengthDelimitedCodec,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(io: R) -> Self {
        Self { io, buffer: BytesMut::new(), codec: codec() }
    }

    /// The next frame; `None` where the connection ended between two. Nothing is lost
    /// where the future is dropped before it is ready.
    pub(crate) async fn next(&mut self) -> Result<Option<BytesMut>, FrameError> {
        loop {
            let frame = self.codec.decode(&mut self.buffer).map_err(|_| FrameError::TooLarge)?;
            if frame.is_some() {
                return Ok(frame);
            }
            match self.io.read_buf(&mut self.buffer).await {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(FrameError::Cut),
                Ok(_) => {}
                Err(error) => return Err(FrameError::Io(error)),
            }
        }
    }
}

/// Writes frames.
pub(crate) struct FrameWriter<W> {
    io: W,
    buffer: BytesMut,
    codec: LengthDelimitedCodec,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(crate) fn new(io: W) -> Self {
        Self { io, buffer: BytesMut::new(), codec: codec() }
    }

    /// Appends a frame to what the next [`FrameWriter::flush`] writes.
    pub(crate) fn feed(&mut self, frame: Vec<u8>) -> Result<(), FrameError> {
        self.codec.encode(Bytes::from(frame), &mut self.buffer).map_err(|_| FrameError::TooLarge)
    }

    /// Writes what was fed.
    pub(crate) async fn flush(&mut self) -> Result<(), FrameError> {
        self.io.write_all_buf(&mut self.buffer).await.map_err(FrameError::Io)?;
        self.io.flush().await.map_err(FrameError::Io)
    }

    /// Writes one frame.
    pub(crate) async fn send(&mut self, frame: Vec<u8>) -> Result<(), FrameError> {
        self.feed(frame)?;
        self.flush().await
    }
}

pub(crate) fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_as_they_went_in() {
        let (near, far) = tokio::io::duplex(7);
        let mut writer = FrameWriter::new(near);
        let sent: Vec<Vec<u8>> = [0, 1, 8, 70_000].map(|n| vec![b'x'; n]).into();
        let frames = sent.clone();
        let writing = tokio::spawn(async move {
            for frame in frames {
                writer.send(frame).await.unwrap();
            }
        });
        let mut reader = FrameReader::new(far);
        for frame in sent {
            assert_eq!(reader.next().await.unwrap().unwrap(), frame);
        }
        writing.await.unwrap();
        assert!(reader.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_frame_beyond_the_limit_is_neither_read_nor_written() {
        let mut writer = FrameWriter::new(tokio::io::sink());
        assert!(matches!(writer.feed(vec![0; MAX_FRAME_BYTES + 1]), Err(FrameError::TooLarge)));
        let announced = u32::try_from(MAX_FRAME_BYTES + 1).unwrap().to_be_bytes();
        let mut reader = FrameReader::new(&announced[..]);
        assert!(matches!(reader.next().await, Err(FrameError::TooLarge)));
    }

    #[tokio::test]
    async fn a_cut_frame_is_an_error() {
        let mut reader = FrameReader::new(&[0_u8, 0, 0, 9, b'{'][..]);
        assert!(matches!(reader.next().await, Err(FrameError::Cut)));
    }
}
