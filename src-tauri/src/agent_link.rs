//! The way to the agent: its control socket, whoever runs it.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;

use devpulse_agent::offline;
use devpulse_agent::settings::Settings;
use devpulse_control::{ClientError, ControlClient, EventsQuery, ListedEvent, Status};

/// Connects to the agent of one home, and again after it was lost.
#[derive(Debug)]
pub(crate) struct AgentLink {
    socket: PathBuf,
    client: Mutex<Option<ControlClient>>,
}

impl AgentLink {
    /// The way to the agent whose control socket is at `socket`. Connects to nothing yet.
    #[must_use]
    pub(crate) const fn new(socket: PathBuf) -> Self {
        Self { socket, client: Mutex::new(None) }
    }

    /// A connection to the agent.
    ///
    /// # Errors
    /// [`ClientError::NoAgent`] where none runs, and whatever else keeps the two apart.
    pub(crate) async fn client(&self) -> Result<ControlClient, ClientError> {
        if let Some(client) = self.known() {
            return Ok(client);
        }
        let client = ControlClient::connect(&self.socket).await?;
        self.keep(Some(client.clone()));
        Ok(client)
    }

    /// What `ask` gets from the agent. Where a kept connection turns out to be lost, it is
    /// asked again over a new one, so `ask` must be harmless to repeat.
    ///
    /// # Errors
    /// Whatever `ask` or connecting fails with.
    pub(crate) async fn ask<T, F>(&self, ask: impl Fn(ControlClient) -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let was_known = self.known().is_some();
        match ask(self.client().await?).await {
            Err(error) if error.is_loss() => {
                self.keep(None);
                if was_known { ask(self.client().await?).await } else { Err(error) }
            }
            answer => answer,
        }
    }

    /// The agent's state, or what its files tell where none runs.
    ///
    /// # Errors
    /// Fails where neither can be had.
    pub(crate) async fn status(&self, settings: &Settings) -> Result<Status, LinkError> {
        match self.ask(|client| async move { client.status().await }).await {
            Err(ClientError::NoAgent) => Ok(offline::status(settings)?),
            status => Ok(status?),
        }
    }

    /// Events, in the order of the listing, until `take` has seen enough.
    ///
    /// # Errors
    /// Fails where the list is incomplete.
    pub(crate) async fn events(
        &self,
        settings: &Settings,
        query: EventsQuery,
        mut take: impl FnMut(ListedEvent) -> ControlFlow<()>,
    ) -> Result<(), LinkError> {
        // A listing wants a connection of its own: it must not hold up the status.
        match ControlClient::connect(&self.socket).await {
            Ok(client) => {
                let mut listing = client.events(query).await?;
                while let Some(event) = listing.next().await? {
                    if take(event).is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Err(ClientError::NoAgent) => Ok(offline::events(settings, query, take)?),
            Err(error) => Err(error.into()),
        }
    }

    fn known(&self) -> Option<ControlClient> {
        self.client.lock().ok()?.clone()
    }

    fn keep(&self, client: Option<ControlClient>) {
        if let Ok(mut kept) = self.client.lock() {
            *kept = client;
        }
    }
}

/// Why nothing is known of the agent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The agent does not answer as it should.
    #[error(transparent)]
    Agent(#[from] ClientError),
    /// Its files cannot be read.
    #[error("the event log cannot be read: {0}")]
    Files(#[from] devpulse_agent::WalError),
}
