//! What is known at one moment.

use devpulse_control::Status;
use devpulse_protocol::Timestamp;

use crate::view::{Problem, RunState, SyncReport};

/// What is known of the agent at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Whether an agent runs, and what it says.
    pub run: Run,
    /// Whether a wider policy waits for the person's word.
    pub consent_awaits: bool,
    /// How far a synchronisation has got that was asked for here; `None` where none runs.
    pub sync: Option<SyncReport>,
    /// When this was found out. Where it is long ago, nothing is known.
    pub taken_at: Timestamp,
    /// Since when the agent is watched without a hole, as [`super::Continuity`] tells. After
    /// a sleep every stage is late, and none of them is to blame before it had its time.
    pub watched_since: Timestamp,
}

/// Whether an agent runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// The device is not enrolled.
    NotEnrolled,
    /// It is enrolled, and nothing is captured before the person agrees.
    ConsentAwaited,
    /// The agent is starting.
    Starting,
    /// The agent runs.
    Running {
        /// Where.
        host: Host,
        /// What it says of itself.
        status: Box<Status>,
    },
    /// The agent does not start, or does not answer.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// Who runs the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// This process.
    Here,
    /// Another program, which the app is attached to.
    Attached {
        /// Its process id.
        pid: u32,
    },
}

impl Snapshot {
    /// The beginning, before anything is known.
    #[must_use]
    pub const fn starting(now: Timestamp) -> Self {
        Self {
            run: Run::Starting,
            consent_awaits: false,
            sync: None,
            taken_at: now,
            watched_since: now,
        }
    }

    /// What the agent says of itself, where one runs.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match &self.run {
            Run::Running { status, .. } => Some(status),
            Run::NotEnrolled | Run::ConsentAwaited | Run::Starting | Run::Failed { .. } => None,
        }
    }
}

impl Run {
    /// The same as the window is told.
    #[must_use]
    pub fn view(&self) -> RunState {
        match self {
            Self::NotEnrolled | Self::ConsentAwaited => RunState::NotEnrolled,
            Self::Starting => RunState::Starting,
            Self::Running { host: Host::Here, .. } => RunState::Here,
            Self::Running { host: Host::Attached { pid }, .. } => RunState::Attached { pid: *pid },
            Self::Failed { problem } => RunState::Failed { problem: problem.clone() },
        }
    }
}
