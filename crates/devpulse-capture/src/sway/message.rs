//! The messages of Sway's socket: a header with length and kind, then JSON.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::local_socket::connect_at_once;

const MAGIC: &[u8; 6] = b"i3-ipc";
const HEADER: usize = MAGIC.len() + 8;

/// The tree of a desktop with many windows has some hundred kilobytes.
const LONGEST: u32 = 64 * 1024 * 1024;

/// Sway answers within this, or hangs.
const PATIENCE: Duration = Duration::from_secs(4);

/// What Sway can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// To tell of changes of windows and workspaces from now on.
    Subscribe,
    /// The tree of everything that it shows.
    Tree,
}

/// An event that was subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Workspace,
    Window,
    Other,
}

impl Question {
    fn bytes(self) -> Vec<u8> {
        let (kind, payload): (u32, &[u8]) = match self {
            Self::Subscribe => (2, br#"["window","workspace"]"#),
            Self::Tree => (4, b""),
        };
        let length = payload.len() as u32;
        [MAGIC.as_slice(), &length.to_ne_bytes(), &kind.to_ne_bytes(), payload].concat()
    }
}

/// Asks once, on a connection of its own. Blocks for at most a few seconds.
pub(super) fn ask(socket: &Path, question: Question) -> io::Result<Value> {
    let mut stream = connect_at_once(socket)?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&question.bytes())?;
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let (length, _) = parsed(&header)?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    Ok(serde_json::from_slice(&payload)?)
}

/// A connection on which Sway tells what changes.
pub(super) struct Events {
    stream: UnixStream,
    read: Vec<u8>,
}

impl Events {
    /// Subscribes.
    pub(super) async fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::from_std(connect_at_once(socket)?)?;
        let mut events = Self { stream, read: Vec::new() };
        events.stream.write_all(&Question::Subscribe.bytes()).await?;
        let (_, answer) = tokio::time::timeout(PATIENCE, events.next()).await??;
        if answer["success"] != true {
            return Err(io::Error::other("it grants no subscription"));
        }
        Ok(events)
    }

    /// The next event. Loses nothing when dropped.
    pub(super) async fn next(&mut self) -> io::Result<(Kind, Value)> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<(Kind, Value)>> {
        let Some((header, rest)) = self.read.split_first_chunk::<HEADER>() else { return Ok(None) };
        let (length, kind) = parsed(header)?;
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let value = serde_json::from_slice(payload)?;
        self.read.drain(..HEADER + length);
        Ok(Some((kind, value)))
    }
}

/// Length and kind of what follows.
fn parsed(header: &[u8; HEADER]) -> io::Result<(usize, Kind)> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let (magic, rest) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(invalid("the answer is not of Sway's protocol"));
    }
    let (numbers, _) = rest.as_chunks::<4>();
    let [length, kind] =
        [0, 1].map(|at| numbers.get(at).map_or(0, |four| u32::from_ne_bytes(*four)));
    if length > LONGEST {
        return Err(invalid("the answer is too long"));
    }
    let kind = match kind {
        0x8000_0000 => Kind::Workspace,
        0x8000_0003 => Kind::Window,
        _ => Kind::Other,
    };
    Ok((length as usize, kind))
}
