//! The greeting, from the agent's side.

use tokio::io::{AsyncRead, AsyncWrite};

use super::fault::{describe, garbage};
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::message::{CONTROL_PROTOCOL, Hello, ReplyFrame, decode};
use crate::{ControlError, ErrorCode};

/// Why the greeting went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetingError {
    #[error("a connection closed during the greeting")]
    Closed,
    #[error("a greeting that is none")]
    Garbage(#[source] serde_json::Error),
    #[error("a front end of control protocol {0}")]
    Version(u32),
    #[error("a greeting that could not be exchanged")]
    Frame(#[from] FrameError),
}

/// Says who the server is and hears who the front end is. The server begins, so that
/// either side learns of a mismatch without waiting for the other.
pub(super) async fn greet<R, W>(
    reader: &mut FrameReader<R>,
    writer: &mut FrameWriter<W>,
) -> Result<(), GreetingError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    writer.send(serde_json::to_vec(&Hello::ours()).map_err(GreetingError::Garbage)?).await?;
    let frame = match reader.next().await {
        Ok(frame) => frame.ok_or(GreetingError::Closed)?,
        Err(fault) => {
            if let Some(error) = describe(&fault) {
                refuse(writer, error).await?;
            }
            return Err(fault.into());
        }
    };
    let theirs: Hello = match decode(&frame) {
        Ok(theirs) => theirs,
        Err(fault) => {
            refuse(writer, garbage(&fault)).await?;
            return Err(GreetingError::Garbage(fault));
        }
    };
    if theirs.protocol == CONTROL_PROTOCOL {
        return Ok(());
    }
    let mismatch = ControlError::new(
        ErrorCode::Version,
        format!(
            "the agent speaks control protocol {CONTROL_PROTOCOL} and this program {}",
            theirs.protocol
        ),
    )
    .with_hint("restart the agent, so that both are of the same version");
    refuse(writer, mismatch).await?;
    Err(GreetingError::Version(theirs.protocol))
}

async fn refuse<W: AsyncWrite + Unpin>(
    writer: &mut FrameWriter<W>,
    error: ControlError,
) -> Result<(), GreetingError> {
    let frame =
        serde_json::to_vec(&ReplyFrame::error(None, error)).map_err(GreetingError::Garbage)?;
    Ok(writer.send(frame).await?)
}
