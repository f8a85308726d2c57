//! What is done in which order: drawn from the seed alone, so that a run can be repeated.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing goes wrong for a while.
    Calm(Duration),
    /// So many of a thousand requests go wrong for a while.
    Storm { permille: u32, lasts: Duration },
    /// The agent is killed and started again.
    Kill,
    /// The agent is asked to end, and started again.
    Terminate,
    /// Every token ends.
    ExpireTokens,
    /// The server is stopped for a while.
    StopServer(Duration),
    /// Connections are refused for a while.
    Refuse(Duration),
    /// The server has another configuration.
    Configure(Value),
    /// Capture is paused and goes on.
    Pause(Duration),
    /// Another program fills the disk for a while.
    FillDisk(Duration),
    /// Everything is to be sent now.
    Sync,
}

/// The steps of a run, without end.
pub(crate) struct Plan(StdRng);

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn seconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.0.random_range(least * 1000..=most * 1000))
    }

    fn configuration(&mut self) -> Value {
        json!({
            "heartbeat_interval_s": self.0.random_range(1..=10),
            "config_poll_s": self.0.random_range(2..=10),
            "batch": {
                "max_events": self.0.random_range(5..=300),
                "max_bytes": self.0.random_range(16..=256) * 1024,
                "max_interval_ms": self.0.random_range(100..=2000),
            },
            "limits": {"max_disk_mb": 256, "history_hours": self.0.random_range(0..=1)},
        })
    }
}

impl Iterator for Plan {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        Some(match self.0.random_range(0..100) {
            0..15 => Step::Calm(self.seconds(2, 8)),
            15..40 => {
                Step::Storm { permille: self.0.random_range(100..=900), lasts: self.seconds(3, 15) }
            }
            40..55 => Step::Kill,
            55..60 => Step::Terminate,
            60..65 => Step::ExpireTokens,
            65..70 => Step::StopServer(self.seconds(1, 6)),
            70..75 => Step::Refuse(self.seconds(1, 6)),
            75..82 => Step::Configure(self.configuration()),
            82..85 => Step::Pause(self.seconds(1, 3)),
            85..92 => Step::FillDisk(self.seconds(2, 8)),
            _ => Step::Sync,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_steps_each_time_and_every_kind_of_them() {
        let steps: Vec<_> = Plan::of(7).take(500).collect();
        assert_eq!(Plan::of(7).take(500).collect::<Vec<_>>(), steps);
        assert_ne!(Plan::of(8).take(500).collect::<Vec<_>>(), steps);
        let kinds: std::collections::HashSet<_> =
            steps.iter().map(std::mem::discriminant).collect();
        assert_eq!(kinds.len(), 11);
    }
}
