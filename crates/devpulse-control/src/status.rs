//! What `status --json` prints. Every field is always present.

use std::collections::BTreeMap;
use std::fmt;

use devpulse_protocol::{CapabilityState, DeviceId, Timestamp, UserId, Username};
use serde::{Deserialize, Serialize};

/// The state of the agent, from a running one or from its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program that answers.
    pub version: String,
    /// Whether this device has credentials.
    pub enrolled: bool,
    /// The device's id, once enrolled.
    pub device_id: Option<DeviceId>,
    /// Whom the server knows the device as, once enrolled.
    pub user_id: Option<UserId>,
    /// Who enrolled it.
    pub username: Option<Username>,
    /// Where events are delivered, once enrolled.
    pub server_url: Option<String>,
    /// The process.
    pub agent: AgentStatus,
    /// From capture to receipt.
    pub pipeline: PipelineStatus,
    /// The pause of capture that is in force; `null` where there is none.
    #[serde(default)]
    pub pause: Option<PauseStatus>,
    /// What each signal is served by.
    pub capture: CaptureStatus,
    /// The server's configuration.
    pub config: ConfigStatus,
    /// What the person agreed to; `null` where nobody was asked.
    #[serde(default)]
    pub consent: Option<ConsentStatus>,
    /// Where the device's key is kept; `null` where there is none.
    #[serde(default)]
    pub secret_store: Option<KeyPlace>,
    /// When the device's key ends; `null` where it does not, or where that is not known.
    #[serde(default)]
    pub key_expires_at: Option<Timestamp>,
    /// Window sessions since the agent started that a rule kept from being reported.
    #[serde(default)]
    pub withheld: u64,
}

/// What the person agreed to have captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentStatus {
    /// When they last agreed.
    pub accepted_at: Timestamp,
    /// The version of the server's configuration that they saw; `null` where it had none.
    pub policy_version: Option<i64>,
    /// Whether the server asks for more, which is not in force before they agree to it.
    pub awaiting: bool,
}

/// Where the device's key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// In the operating system's keychain.
    Keyring,
    /// In the credentials file.
    File,
    /// In the environment of the agent.
    Environment,
}

/// The agent's process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Whether one runs on this home.
    pub running: bool,
    /// Its process id, where it runs.
    pub pid: Option<u32>,
    /// Seconds since it started, where it runs.
    pub uptime_s: Option<f64>,
}

/// A pause of capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseStatus {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

/// From capture to receipt. `captured = sent + pending + dead_letter + dropped`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineStatus {
    /// What delivery is doing.
    pub state: PipelineState,
    /// Events that were ever committed.
    pub captured: u64,
    /// Events that wait in memory to be committed.
    pub queued: u64,
    /// Committed events that the server has not acknowledged.
    pub pending: u64,
    /// Those of them that are on their way.
    pub in_flight: u64,
    /// Age of the oldest pending event in seconds; `null` where none waits.
    pub oldest_pending_s: Option<f64>,
    /// Events that the server acknowledged.
    pub sent: u64,
    /// Those of them that the server had before.
    pub duplicates: u64,
    /// Events that the server refused for good.
    pub rejected: u64,
    /// Events that are kept as dead letters.
    pub dead_letter: u64,
    /// Events that were given up, whatever the reason.
    pub dropped: u64,
    /// The same by reason.
    #[serde(default)]
    pub dropped_by_reason: BTreeMap<String, u64>,
    /// Images that the server does not have yet.
    pub blobs_pending: u64,
    /// Bytes that the database takes on disk.
    pub wal_bytes: u64,
    /// When the server last acknowledged something.
    pub last_success: Option<Timestamp>,
    /// What went wrong last; `null` once delivery works again.
    pub last_error: Option<String>,
    /// The key without which delivery waits; `null` where it waits for none.
    #[serde(default)]
    pub missing_key: Option<MissingKey>,
    /// When delivery is tried again, where it waits for a time.
    pub next_attempt: Option<Timestamp>,
    /// When each stage last moved.
    #[serde(default)]
    pub progress: Progress,
}

/// When each stage of the pipeline last moved in the running agent. A time is `null`
/// before the first event of this process got so far, and where no agent runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// When capture last handed on an event.
    pub captured_at: Option<Timestamp>,
    /// When events were last committed and synced.
    pub stored_at: Option<Timestamp>,
    /// When a batch was last put on its way.
    pub sent_at: Option<Timestamp>,
    /// When a receipt last accounted for one.
    pub acknowledged_at: Option<Timestamp>,
    /// Seconds within which each of these moves when all is well: heartbeats see to it.
    pub deadline_s: Option<f64>,
}

impl PipelineStatus {
    /// A pipeline that never saw an event.
    #[must_use]
    pub const fn empty(state: PipelineState) -> Self {
        Self {
            state,
            captured: 0,
            queued: 0,
            pending: 0,
            in_flight: 0,
            oldest_pending_s: None,
            sent: 0,
            duplicates: 0,
            rejected: 0,
            dead_letter: 0,
            dropped: 0,
            dropped_by_reason: BTreeMap::new(),
            blobs_pending: 0,
            wal_bytes: 0,
            last_success: None,
            last_error: None,
            missing_key: None,
            next_attempt: None,
            progress: Progress {
                captured_at: None,
                stored_at: None,
                sent_at: None,
                acknowledged_at: None,
                deadline_s: None,
            },
        }
    }
}

/// What delivery is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineState {
    /// Nothing waits, or a batch is being filled.
    Idle,
    /// A batch is on its way.
    Sending,
    /// The last try failed; the next one has its time.
    BackingOff,
    /// A key is missing, or the server does not accept the key or the token.
    AuthBlocked,
    /// The server refuses what only an administrator can mend.
    ConfigBlocked,
    /// The device may not send any more.
    Revoked,
    /// The person paused capture.
    Paused,
    /// The server cannot be reached.
    Offline,
}

impl PipelineState {
    /// The state as the JSON writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Sending => "sending",
            Self::BackingOff => "backing_off",
            Self::AuthBlocked => "auth_blocked",
            Self::ConfigBlocked => "config_blocked",
            Self::Revoked => "revoked",
            Self::Paused => "paused",
            Self::Offline => "offline",
        }
    }
}

impl fmt::Display for PipelineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key that is not found where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKey {
    /// What the device proves its identity with.
    Device,
    /// What opens the events and images that wait.
    Log,
}

/// What each signal is served by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureStatus {
    /// Which window has the focus.
    pub focus: SignalStatus,
    /// How long there was no input.
    pub idle: SignalStatus,
    /// Lock, sleep, shutdown.
    pub session: SignalStatus,
    /// Images of the screen.
    pub screen: SignalStatus,
}

impl CaptureStatus {
    /// Nothing is served, each signal for the same reason.
    #[must_use]
    pub fn unavailable(detail: &str) -> Self {
        let signal = SignalStatus {
            backend: None,
            state: CapabilityState::Unavailable,
            last_seen: None,
            detail: Some(detail.to_owned()),
        };
        Self {
            focus: signal.clone(),
            idle: signal.clone(),
            session: signal.clone(),
            screen: signal,
        }
    }

    /// The signals with their names, in the order in which people read them.
    #[must_use]
    pub const fn signals(&self) -> [(&'static str, &SignalStatus); 4] {
        [
            ("focus", &self.focus),
            ("idle", &self.idle),
            ("session", &self.session),
            ("screen", &self.screen),
        ]
    }
}

/// What a signal is served by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalStatus {
    /// The backend that serves it, or the last that was tried.
    pub backend: Option<String>,
    /// How well.
    pub state: CapabilityState,
    /// When it last delivered something.
    pub last_seen: Option<Timestamp>,
    /// What is missing and how to get it, or what the backend says of itself.
    pub detail: Option<String>,
}

/// The server's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// Its version; `null` where none was ever fetched.
    pub version: Option<i64>,
    /// When it was last fetched or confirmed.
    pub fetched_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_present_even_where_nothing_is_known() {
        let status = Status {
            version: "0.1.0".to_owned(),
            enrolled: false,
            device_id: None,
            user_id: None,
            username: None,
            server_url: None,
            agent: AgentStatus::default(),
            pipeline: PipelineStatus::empty(PipelineState::Offline),
            pause: None,
            capture: CaptureStatus::unavailable("no agent is running"),
            config: ConfigStatus::default(),
            consent: None,
            secret_store: None,
            key_expires_at: None,
            withheld: 0,
        };
        let signal = r#"{"backend":null,"state":"unavailable","last_seen":null,"detail":"no agent is running"}"#;
        let expected = format!(
            r#"{{"version":"0.1.0","enrolled":false,"device_id":null,"user_id":null,"username":null,"server_url":null,"agent":{{"running":false,"pid":null,"uptime_s":null}},"pipeline":{{"state":"offline","captured":0,"queued":0,"pending":0,"in_flight":0,"oldest_pending_s":null,"sent":0,"duplicates":0,"rejected":0,"dead_letter":0,"dropped":0,"dropped_by_reason":{{}},"blobs_pending":0,"wal_bytes":0,"last_success":null,"last_error":null,"missing_key":null,"next_attempt":null,"progress":{{"captured_at":null,"stored_at":null,"sent_at":null,"acknowledged_at":null,"deadline_s":null}}}},"pause":null,"capture":{{"focus":{signal},"idle":{signal},"session":{signal},"screen":{signal}}},"config":{{"version":null,"fetched_at":null}},"consent":null,"secret_store":null,"key_expires_at":null,"withheld":0}}"#
        );
        assert_eq!(serde_json::to_string(&status).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Status>(&expected).unwrap(), status);
    }

    #[test]
    fn every_state_is_written_as_it_is_displayed() {
        for state in [
            PipelineState::Idle,
            PipelineState::Sending,
            PipelineState::BackingOff,
            PipelineState::AuthBlocked,
            PipelineState::ConfigBlocked,
            PipelineState::Revoked,
            PipelineState::Paused,
            PipelineState::Offline,
        ] {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
    }
}
