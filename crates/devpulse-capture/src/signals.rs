//! What each signal is served by, for the heartbeat, `doctor` and the window.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use devpulse_protocol::{CapabilityState, Timestamp};
use tokio::sync::watch;

/// Something that the operating system can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Which window has the focus.
    Focus,
    /// Whether there is input.
    Idle,
    /// Lock, sleep and shutdown.
    Session,
    /// What the screens show.
    Screen,
}

impl Signal {
    /// Every signal, in the order in which people read them.
    pub const ALL: [Self; 4] = [Self::Focus, Self::Idle, Self::Session, Self::Screen];

    /// The signal as the wire writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Focus => "focus",
            Self::Idle => "idle",
            Self::Session => "session",
            Self::Screen => "screen",
        }
    }
}

/// How well each signal is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signals {
    /// Which window has the focus.
    pub focus: SignalStatus,
    /// Whether there is input.
    pub idle: SignalStatus,
    /// Lock, sleep and shutdown.
    pub session: SignalStatus,
    /// What the screens show.
    pub screen: SignalStatus,
}

/// How well a signal is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalStatus {
    /// What serves it.
    pub backend: Option<String>,
    /// How well.
    pub state: CapabilityState,
    /// When the backend last told something.
    pub last_seen: Option<Timestamp>,
    /// What is missing, in plain words; absent where nothing is.
    pub detail: Option<String>,
}

impl Signals {
    /// The status of one signal.
    #[must_use]
    pub const fn get(&self, signal: Signal) -> &SignalStatus {
        match signal {
            Signal::Focus => &self.focus,
            Signal::Idle => &self.idle,
            Signal::Session => &self.session,
            Signal::Screen => &self.screen,
        }
    }

    /// The states as a heartbeat reports them.
    #[must_use]
    pub fn capabilities(&self) -> BTreeMap<String, CapabilityState> {
        Signal::ALL
            .into_iter()
            .map(|signal| (signal.as_str().to_owned(), self.get(signal).state))
            .collect()
    }

    fn get_mut(&mut self, signal: Signal) -> &mut SignalStatus {
        match signal {
            Signal::Focus => &mut self.focus,
            Signal::Idle => &mut self.idle,
            Signal::Session => &mut self.session,
            Signal::Screen => &mut self.screen,
        }
    }
}

/// One signal's entry on the board that everyone may read.
#[derive(Clone, Debug)]
pub(crate) struct StatusEntry {
    signal: Signal,
    board: watch::Sender<Signals>,
    notes: Arc<Mutex<Notes>>,
}

/// What is missing, by who says so.
#[derive(Debug, Default)]
struct Notes {
    shortcoming: Option<String>,
    complaint: Option<String>,
}

impl StatusEntry {
    /// A new board; every signal is unavailable until a backend has delivered.
    pub(crate) fn board() -> watch::Sender<Signals> {
        let status = SignalStatus {
            backend: None,
            state: CapabilityState::Unavailable,
            last_seen: None,
            detail: Some("no backend has delivered yet".to_owned()),
        };
        watch::Sender::new(Signals {
            focus: status.clone(),
            idle: status.clone(),
            session: status.clone(),
            screen: status,
        })
    }

    pub(crate) fn new(signal: Signal, board: watch::Sender<Signals>) -> Self {
        Self { signal, board, notes: Arc::default() }
    }

    pub(crate) fn unserved(&self, state: CapabilityState, detail: String) {
        self.change(|notes, status| {
            *notes = Notes::default();
            status.backend = None;
            status.state = state;
            status.detail = Some(detail);
        });
    }

    pub(crate) fn served(&self, backend: &str, shortcoming: Option<String>) {
        self.change(|notes, status| {
            notes.shortcoming = shortcoming;
            status.backend = Some(backend.to_owned());
            notes.show(status);
        });
    }

    /// What is wrong with what the backend delivers, or that nothing is. Forgotten when
    /// the backend is gone.
    pub(crate) fn complain(&self, complaint: Option<String>) {
        self.change(|notes, status| {
            if status.backend.is_some() {
                notes.complaint = complaint;
                notes.show(status);
            }
        });
    }

    pub(crate) fn seen(&self, at: Timestamp) {
        self.change(|_, status| status.last_seen = Some(at));
    }

    fn change(&self, change: impl FnOnce(&mut Notes, &mut SignalStatus)) {
        let signal = self.signal;
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        self.board.send_if_modified(|signals| {
            let before = signals.get(signal).clone();
            change(&mut notes, signals.get_mut(signal));
            *signals.get(signal) != before
        });
    }
}

impl Notes {
    fn show(&self, status: &mut SignalStatus) {
        let all = [&self.shortcoming, &self.complaint].into_iter().flatten();
        let all = all.map(String::as_str).collect::<Vec<_>>().join("; ");
        status.state = if all.is_empty() { CapabilityState::Ok } else { CapabilityState::Degraded };
        status.detail = (!all.is_empty()).then_some(all);
    }
}
