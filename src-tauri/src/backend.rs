//! What stands behind the window: the settings, the way to the agent, the tray's word.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use devpulse_agent::bundle::Bundle;
use devpulse_agent::settings::{Flag, Settings, SettingsError, Sources};
use devpulse_control::{ClientError, ControlError};
use devpulse_protocol::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::agent_link::{AgentLink, LinkError};
use crate::parley::ToTray;
use crate::standing::Continuity;
use crate::view::{Problem, RunState, Screen};

/// The state of the window's process.
pub(crate) struct Backend {
    link: AgentLink,
    tray: Option<Tray>,
    sync: Mutex<Option<CancellationToken>>,
    wanted: Mutex<Option<Screen>>,
    diagnostics: Mutex<Option<(Bundle, PathBuf)>>,
    first: Option<Screen>,
    began: Instant,
    continuity: Mutex<Continuity>,
}

/// The tray's process, where it started this one.
#[derive(Clone, Debug)]
pub(crate) struct Tray {
    /// Its process id.
    pub pid: u32,
    /// What it last said of itself.
    pub word: watch::Receiver<TrayWord>,
    /// Takes what is said to it.
    pub say: mpsc::UnboundedSender<ToTray>,
}

/// What the tray last said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrayWord {
    /// Who runs the agent.
    pub run: RunState,
    /// Whether a tray shows the icon.
    pub has_tray: bool,
}

impl Backend {
    /// A backend that knows the tray where there is one, and begins with `first` where a
    /// screen was asked for.
    ///
    /// # Errors
    /// Fails where there is no home.
    pub(crate) fn new(tray: Option<Tray>, first: Option<Screen>) -> Result<Self, SettingsError> {
        let socket = Sources::gather(Vec::new())?.home.socket();
        let (sync, wanted, diagnostics) = (Mutex::new(None), Mutex::new(None), Mutex::new(None));
        let link = AgentLink::new(socket);
        let continuity = Mutex::new(Continuity::begin(Timestamp::now(), Duration::ZERO));
        let began = Instant::now();
        Ok(Self { link, tray, sync, wanted, diagnostics, first, began, continuity })
    }

    /// The way to the agent.
    #[must_use]
    pub(crate) const fn link(&self) -> &AgentLink {
        &self.link
    }

    /// What the tray last said; `None` where this process was started alone.
    #[must_use]
    pub(crate) fn tray(&self) -> Option<(u32, TrayWord)> {
        self.tray.as_ref().map(|tray| (tray.pid, tray.word.borrow().clone()))
    }

    /// Says something to the tray. Whether it is there to hear it is seen by what follows.
    pub(crate) fn say(&self, message: ToTray) {
        if let Some(tray) = &self.tray
            && tray.say.send(message).is_err()
        {
            tracing::debug!(?message, "the tray is gone");
        }
    }

    /// The screen that was asked for when the window was opened.
    #[must_use]
    pub(crate) const fn first_screen(&self) -> Option<Screen> {
        self.first
    }

    /// Asks the window for a screen.
    pub(crate) fn want(&self, screen: Screen) {
        if let Ok(mut wanted) = self.wanted.lock() {
            *wanted = Some(screen);
        }
    }

    /// The screen that was asked for since the last call.
    pub(crate) fn take_wanted(&self) -> Option<Screen> {
        self.wanted.lock().ok()?.take()
    }

    /// Keeps what was gathered until it is to be written there.
    pub(crate) fn keep_diagnostics(&self, bundle: Bundle, path: PathBuf) {
        if let Ok(mut kept) = self.diagnostics.lock() {
            *kept = Some((bundle, path));
        }
    }

    /// What was gathered last, and the file that it is for.
    pub(crate) fn take_diagnostics(&self) -> Option<(Bundle, PathBuf)> {
        self.diagnostics.lock().ok()?.take()
    }

    /// Since when the agent is watched without a hole, with this look.
    pub(crate) fn watched_since(&self, now: Timestamp) -> Timestamp {
        let elapsed = self.began.elapsed();
        self.continuity.lock().map_or(now, |mut continuity| continuity.look(now, elapsed))
    }

    /// Begins a synchronisation that [`Backend::cancel_sync`] ends; one at a time.
    pub(crate) fn begin_sync(&self) -> CancellationToken {
        let token = CancellationToken::new();
        if let Ok(mut sync) = self.sync.lock()
            && let Some(former) = sync.replace(token.clone())
        {
            former.cancel();
        }
        token
    }

    /// Ends the waiting for a synchronisation.
    pub(crate) fn cancel_sync(&self) {
        if let Ok(mut sync) = self.sync.lock()
            && let Some(token) = sync.take()
        {
            token.cancel();
        }
    }
}

/// The settings and their sources as they are now, with these flags above all else.
///
/// # Errors
/// Says which of them cannot be used.
pub(crate) fn settings(flags: Vec<Flag>) -> Result<(Sources, Settings), SettingsError> {
    let sources = Sources::gather(flags)?;
    let settings = Settings::load(&sources)?;
    Ok((sources, settings))
}

impl Problem {
    /// A cause with what to do about it.
    pub(crate) fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { message: message.into(), hint }
    }

    /// The messages of an error and of what caused it.
    pub(crate) fn of(error: &dyn std::error::Error, hint: Option<String>) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self { message, hint }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        Self::of(&error, error.hint())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        Self { message: error.message, hint: error.hint }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(error) => error.into(),
            ClientError::NoAgent => {
                let hint = "end DevPulse and start it again".to_owned();
                Self::new("the agent is not running", Some(hint))
            }
            error => Self::of(&error, None),
        }
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Agent(error) => error.into(),
            error @ LinkError::Files(_) => Self::of(&error, None),
        }
    }
}
