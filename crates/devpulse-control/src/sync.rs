//! Sending everything that is pending, now.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::PipelineState;

/// Asks for everything pending to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// How long to keep trying.
    #[serde(rename = "timeout_s", with = "seconds")]
    pub timeout: Duration,
}

/// How far it has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncProgress {
    /// Events acknowledged since the request.
    pub sent: u64,
    /// Events that still wait.
    pub pending: u64,
    /// What delivery is doing.
    pub state: PipelineState,
    /// What went wrong last; `null` where nothing stands in the way.
    pub last_error: Option<String>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncOutcome {
    /// In which way.
    pub result: SyncResult,
    /// Events acknowledged since the request.
    pub sent: u64,
    /// Events that still wait.
    pub pending: u64,
    /// What kept them from being sent; `null` where none wait.
    pub in_the_way: Option<String>,
}

/// In which way a synchronisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncResult {
    /// Nothing is pending.
    Drained,
    /// The time was over before everything was sent.
    TimedOut,
    /// The device may not send any more.
    Revoked,
    /// The agent ended first.
    Stopped,
}

/// What [`crate::Synchronisation::next`] gives: any number of `Progress`, then one `Ended`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncUpdate {
    /// How far it has got.
    Progress(SyncProgress),
    /// How it ended.
    Ended(SyncOutcome),
}

mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(time.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}
