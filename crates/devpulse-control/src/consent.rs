//! What a person is told of before anything is captured, and what they agreed to.

use devpulse_protocol::Timestamp;
use serde::{Deserialize, Serialize};

/// What is captured and what becomes of it, in plain words, for a window and for a
/// terminal alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// The heading of all.
    pub title: String,
    /// Its parts, in the order in which they are read.
    pub sections: Vec<Section>,
}

/// A part of a disclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// What it is about.
    pub topic: Topic,
    /// Its heading.
    pub heading: String,
    /// Its sentences, one a point.
    pub items: Vec<String>,
}

/// What a part of a disclosure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What is captured.
    Captured,
    /// What is never captured.
    Never,
    /// Where it goes.
    Receiver,
    /// How long it stays on this computer.
    Storage,
    /// Who can see it.
    Readers,
    /// How to pause it and how to end it.
    Control,
}

/// Something of which more is asked for than the person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Widening {
    /// What it is about.
    pub aspect: Aspect,
    /// What the person agreed to.
    pub before: Vec<String>,
    /// What is asked for.
    pub after: Vec<String>,
}

/// What a [`Widening`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Windows and their titles.
    Windows,
    /// The rules that keep windows from being reported.
    Rules,
    /// Pictures of the screen.
    Screenshots,
}

/// How things stand between what is asked for and what the person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentReport {
    /// What the person agreed to last; `null` where nobody was asked.
    pub record: Option<AcceptedConsent>,
    /// What is captured now.
    pub in_force: Disclosure,
    /// What is asked for. It can be accepted at any time, and has to be where it widens.
    pub proposal: Proposal,
}

/// What a person agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedConsent {
    /// When.
    pub accepted_at: Timestamp,
    /// The version of the server's configuration; `null` where it had none.
    pub policy_version: Option<i64>,
    /// What they were shown.
    pub disclosure: Disclosure,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The version of the server's configuration; `null` where it has none.
    pub policy_version: Option<i64>,
    /// Stands for the text, so that what is accepted is what was shown.
    pub digest: String,
    /// What is captured once it is accepted.
    pub disclosure: Disclosure,
    /// How it goes beyond what the person agreed to. None: nothing waits for them.
    pub widenings: Vec<Widening>,
}

/// Accepts what is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptRequest {
    /// [`Proposal::policy_version`] as it was shown.
    pub policy_version: Option<i64>,
    /// [`Proposal::digest`] as it was shown; `None` where the version alone tells.
    #[serde(default)]
    pub digest: Option<String>,
}

impl ConsentReport {
    /// Whether more is asked for than the person agreed to.
    #[must_use]
    pub const fn is_awaiting(&self) -> bool {
        self.record.is_some() && !self.proposal.widenings.is_empty()
    }
}
