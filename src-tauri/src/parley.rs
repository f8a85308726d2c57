//! What the tray's process and the window's process say to each other: a JSON object a line,
//! over the window's standard input and output.
//!
//! Neither needs the other: the window learns what the agent does from the agent itself, and
//! ends when the tray does.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines};

use crate::view::{RunState, Screen};

/// What the tray says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(crate) enum ToWindow {
    /// Come forward, with this screen where one is named.
    Show {
        /// The screen.
        screen: Option<Screen>,
    },
    /// How things are on the tray's side.
    State {
        /// Who runs the agent.
        run: RunState,
        /// Whether a tray shows the icon.
        has_tray: bool,
    },
}

/// What the window says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(crate) enum ToTray {
    /// The device was enrolled, or the person agreed to something: see what now holds.
    Look,
    /// The person ends the app.
    Quit,
}

/// Reads what the other process says.
pub(crate) struct Hearing<R>(Lines<BufReader<R>>);

impl<R: AsyncRead + Unpin> Hearing<R> {
    /// Reads from `source`.
    pub(crate) fn new(source: R) -> Self {
        Self(BufReader::new(source).lines())
    }

    /// The next message; `None` once the other process is gone. What makes no sense is
    /// passed over: another version may say more.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let line = self.0.next_line().await.ok().flatten()?;
            match serde_json::from_str(&line) {
                Ok(message) => return Some(message),
                Err(error) => tracing::debug!(%error, "a message that makes no sense"),
            }
        }
    }
}

/// Says something to the other process.
///
/// # Errors
/// Fails where it is gone.
pub(crate) async fn say<W, T>(to: &mut W, message: &T) -> std::io::Result<()>
where
    W: AsyncWrite + Unpin,
    T: Serialize,
{
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_is_heard_and_nonsense_is_passed_over() {
        let (mut here, there) = tokio::io::duplex(1024);
        let mut hearing = Hearing::new(there);
        let shown = ToWindow::Show { screen: Some(Screen::Outbox) };
        let state = ToWindow::State { run: RunState::Attached { pid: 7 }, has_tray: false };
        say(&mut here, &shown).await.unwrap();
        here.write_all(b"{\"say\":\"dance\"}\nno json\n").await.unwrap();
        say(&mut here, &state).await.unwrap();
        drop(here);
        assert_eq!(hearing.next().await, Some(shown));
        assert_eq!(hearing.next().await, Some(state));
        assert_eq!(hearing.next::<ToWindow>().await, None);
    }
}
