//! What is known to be missing, and why.

use serde::{Deserialize, Serialize};

use crate::{Seq, Timestamp};

/// Events that were captured and cannot be delivered, or that could not be captured. Silence is
/// never an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Why they are missing.
    pub reason: GapReason,
    /// How many are missing; zero where nobody can know.
    pub count: u64,
    /// The first missing one, where known.
    pub from_seq: Option<Seq>,
    /// The last missing one, where known.
    pub to_seq: Option<Seq>,
    /// When the first missing one was captured, where known.
    pub from_time: Option<Timestamp>,
    /// When the last missing one was captured, where known.
    pub to_time: Option<Timestamp>,
    /// Whether `count` is an upper bound and not exact.
    pub estimated: bool,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The disk cap was reached.
    DiskCap,
    /// The disk cap was reached, and images went first: `count` counts images, whose
    /// events are not missing.
    ImageDiskCap,
    /// The stored bytes no longer match their checksum.
    Damaged,
    /// They are sealed on the disk, and the key that opens them is lost.
    Undecryptable,
    /// The database was deleted or replaced.
    DatabaseLost,
    /// The person or an administrator discarded them.
    Discarded,
    /// Nothing told which window had the focus between `from_time` and `to_time`, because the
    /// desktop or what listens to it was gone.
    FocusUnobserved,
}

impl GapReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 7] = [
        Self::DiskCap,
        Self::ImageDiskCap,
        Self::Damaged,
        Self::Undecryptable,
        Self::DatabaseLost,
        Self::Discarded,
        Self::FocusUnobserved,
    ];

    /// The reason as the wire writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiskCap => "disk_cap",
            Self::ImageDiskCap => "image_disk_cap",
            Self::Damaged => "damaged",
            Self::Undecryptable => "undecryptable",
            Self::DatabaseLost => "database_lost",
            Self::Discarded => "discarded",
            Self::FocusUnobserved => "focus_unobserved",
        }
    }
}
