//! What was found, without any judgement.

use std::collections::BTreeMap;
use std::time::Duration;

use devpulse_control::{SignalStatus, Status};
use devpulse_pipeline::Outcome;
use devpulse_protocol::{RefusedSetting, Timestamp};

use crate::credentials::{KeptIn, KeychainState};
use crate::origin::ServerUrl;
use crate::settings::SecretStoreChoice;

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) agent: AgentFact,
    /// The pipeline's figures, from the agent or from the files, or why there are none.
    pub(super) status: Result<Status, Complaint>,
    pub(super) settings: SettingsFact,
    pub(super) key: KeyFact,
    pub(super) choice: SecretStoreChoice,
    pub(super) keychain: KeychainState,
    pub(super) log_key: LogKeyFact,
    pub(super) server: ServerFact,
    pub(super) proxy: ProxyFact,
    /// Whether the server has to have a certain key.
    pub(super) is_pinned: bool,
    pub(super) disk: DiskFact,
    /// Focus, idle, session and screen.
    pub(super) signals: [SignalFact; 4],
    pub(super) now: Timestamp,
}

/// A cause and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) cause: String,
    pub(super) remedy: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum AgentFact {
    Running {
        version: String,
        pid: u32,
    },
    NotRunning,
    /// Something is there and does not answer as it should.
    Unusable(Complaint),
}

#[derive(Clone, Debug, Default)]
pub(super) struct SettingsFact {
    pub(super) refused: Vec<RefusedSetting>,
    pub(super) warnings: Vec<String>,
    /// Those that are the administrator's to mend.
    pub(super) of_administrator: Vec<String>,
    pub(super) overrides: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) enum KeyFact {
    NotEnrolled,
    /// The environment stands in for an enrollment.
    Environment,
    Enrolled {
        kept_in: Option<KeptIn>,
        expires_at: Option<Timestamp>,
    },
    Unusable(Complaint),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LogKeyFact {
    /// The home has none.
    None,
    /// It is there, and opens what waits.
    Held(KeptIn),
    /// The keychain has it, and was not asked for it: it is not open.
    NotAsked,
    /// What is missing, in one sentence.
    Missing(String),
    /// The event log or the keychain did not answer.
    NotTold(String),
}

#[derive(Clone, Debug)]
pub(super) enum ServerFact {
    /// None is known.
    None,
    /// No request can be made.
    NoRequest(ServerUrl, Complaint),
    Asked {
        url: ServerUrl,
        outcome: Outcome,
        took: Duration,
        /// The server's certificate, as DER.
        certificate: Option<Vec<u8>>,
        /// The middle between question and answer, by this device's clock.
        at: Timestamp,
    },
}

#[derive(Clone, Debug)]
pub(super) enum ProxyFact {
    Direct,
    /// Without password.
    Through {
        proxy: String,
        set_by: String,
    },
}

#[derive(Clone, Debug, Default)]
pub(super) struct DiskFact {
    /// Bytes that are free where the home is; `None` where the system does not tell.
    pub(super) free: Option<u64>,
    /// Bytes of the event log and the images; `None` where it took too long to count.
    pub(super) used: Option<u64>,
    /// What the settings allow, in bytes.
    pub(super) limit: u64,
    /// Why the home cannot be used; `None` where it can, or does not exist yet.
    pub(super) complaint: Option<Complaint>,
}

#[derive(Clone, Debug)]
pub(super) enum SignalFact {
    /// What the running agent says.
    Served(SignalStatus),
    /// This backend would serve it.
    Could(&'static str),
    /// Each backend that was tried, with why it cannot serve.
    CouldNot(Vec<(&'static str, String)>),
    /// The agent runs and does not answer.
    NotTold,
}
