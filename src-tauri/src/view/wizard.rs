//! The first-run wizard, and the consent that a wider policy needs.

use serde::{Deserialize, Serialize};

/// What the wizard begins with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Wizard {
    /// What can be captured, before anything is agreed with a server.
    pub disclosure: DisclosureText,
    /// The server that the administrator set; the person is not asked for one then.
    pub preset_server: Option<String>,
    /// Whether the administrator left a secret for this computer.
    pub has_preset_secret: bool,
    /// Why the administrator's file is not used.
    pub preset_problem: Option<super::Problem>,
    /// The server from the settings, as a proposal.
    pub server_url: Option<String>,
    /// The login name, as a proposal.
    pub username: Option<String>,
    /// Whether the device is enrolled already, so that only consent is missing.
    pub is_enrolled: bool,
    /// The enrollment that was revoked, and that another one would replace.
    pub former: Option<FormerEnrollment>,
}

/// An enrollment that is there, and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FormerEnrollment {
    /// For whom.
    pub username: String,
    /// Where.
    pub server_url: String,
    /// How many events wait.
    pub events: u64,
    /// How many images wait.
    pub images: u64,
}

/// What becomes of an enrollment that is there. What waits stays where the person and the
/// server stay the same; it never reaches another server, and is never sent as another person's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FormerFate {
    /// It stays, and nothing is enrolled.
    #[default]
    Stays,
    /// It is replaced, once everything that waits for another person or server was sent there.
    SentFirst,
    /// It is replaced, and what waits for another person or server is discarded.
    Discarded,
}

/// What is captured, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DisclosureText {
    /// The heading of all.
    pub title: String,
    /// Its parts, in the order in which they are read.
    pub sections: Vec<DisclosureSection>,
}

/// A part of a disclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DisclosureSection {
    /// What it is about.
    pub topic: DisclosureTopic,
    /// Its heading.
    pub heading: String,
    /// Its sentences, one a point.
    pub items: Vec<String>,
}

/// What a part of a disclosure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DisclosureTopic {
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

/// What a person fills in.
#[derive(Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EnrollForm {
    /// The server; not read where the administrator set one.
    pub server_url: String,
    /// The person.
    pub username: String,
    /// The enrollment secret; `null` where the administrator left one.
    pub secret: Option<String>,
    /// What becomes of an enrollment that is there.
    #[serde(default)]
    pub former: FormerFate,
}

/// Why enrolling did not work, beside the field that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EnrollProblem {
    /// The field.
    pub field: Option<EnrollField>,
    /// One sentence of cause, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A field of the wizard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum EnrollField {
    /// The server.
    ServerUrl,
    /// The person.
    Username,
    /// The secret.
    Secret,
    /// What becomes of an enrollment that is there.
    Former,
}

/// The device is enrolled; capture begins with the person's consent to this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Enrolled {
    /// For whom.
    pub username: String,
    /// Where.
    pub server_url: String,
    /// Where the key is kept, in words.
    pub key_place: String,
}

/// What the person agreed to, and what now waits for a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConsentView {
    /// When the person agreed; RFC 3339. `null` before the first time.
    pub accepted_at: Option<String>,
    /// The version of the policy that was agreed to.
    pub accepted_version: Option<i64>,
    /// What is captured now. Before the first consent: nothing, so `proposed` is what counts.
    pub in_force: DisclosureText,
    /// What the policy asks for.
    pub proposed: DisclosureText,
    /// How that goes beyond what the person agreed to; empty where nothing waits.
    pub widened: Vec<Widened>,
    /// The version of the policy that asks, to hand to `accept_consent`.
    pub policy_version: Option<i64>,
    /// Stands for the text of `proposed`, to hand to `accept_consent`.
    pub digest: String,
}

/// One thing of which more would be captured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Widened {
    /// What it is about.
    pub aspect: WidenedAspect,
    /// As it is, a sentence each.
    pub before: Vec<String>,
    /// As it would be, a sentence each.
    pub after: Vec<String>,
}

/// What would be widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum WidenedAspect {
    /// Windows and their titles.
    Windows,
    /// The rules that keep windows from being reported.
    Rules,
    /// Pictures of the screen.
    Screenshots,
}
