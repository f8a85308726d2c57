//! What happened, counted while it happens: a long run keeps no record of each request.

use std::collections::{BTreeMap, HashMap};
use std::process::ExitStatus;
use std::time::Duration;

use devpulse_lab::Record;

use crate::plan::Step;

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) steps: BTreeMap<&'static str, u64>,
    pub(crate) requests: u64,
    pub(crate) batches: u64,
    pub(crate) resends: u64,
    /// Batches that were sent once more although the server had them.
    pub(crate) repeated: u64,
    pub(crate) refused_writes: u64,
    pub(crate) slowest_resumption: Duration,
    pub(crate) slowest_end: Duration,
    /// What was wrong with what went over the wire.
    pub(crate) wire: Vec<String>,
    sent: HashMap<String, Sent>,
}

/// What is known of one batch.
#[derive(Debug)]
struct Sent {
    checksum: u64,
    taken: bool,
}

impl Tally {
    pub(crate) fn count(&mut self, step: &Step) {
        let kind = match step {
            Step::Calm(_) => "calm",
            Step::Storm { .. } => "storm",
            Step::Kill => "SIGKILL",
            Step::Terminate => "SIGTERM",
            Step::ExpireTokens => "tokens ended",
            Step::StopServer(_) => "server stopped",
            Step::Refuse(_) => "connections refused",
            Step::Configure(_) => "configuration changed",
            Step::Pause(_) => "paused",
            Step::FillDisk(_) => "disk filled",
            Step::Sync => "sync",
        };
        *self.steps.entry(kind).or_default() += 1;
    }

    pub(crate) fn terminated(&mut self, status: ExitStatus, took: Duration) {
        self.slowest_end = self.slowest_end.max(took);
        if !status.success() {
            self.wire.push(format!("an agent that was asked to end: {status}"));
        }
    }

    pub(crate) fn disk_was_full(&mut self, refused: bool, resumed: Duration) {
        self.refused_writes += u64::from(refused);
        self.slowest_resumption = self.slowest_resumption.max(resumed);
    }

    pub(crate) fn take_in(&mut self, records: &[Record]) {
        for record in records {
            self.requests += 1;
            let Some(key) = record.request.key().filter(|_| record.request.is_batch()) else {
                continue;
            };
            self.batches += 1;
            let checksum = checksum(&record.request.body);
            let taken = record.served.is_some_and(|status| (200..300).contains(&status));
            match self.sent.get_mut(key) {
                Some(sent) => {
                    self.resends += 1;
                    self.repeated += u64::from(sent.taken);
                    if sent.checksum != checksum {
                        self.wire.push(format!("batch {key} was sent again with other bytes"));
                    }
                    sent.taken |= taken;
                }
                None => {
                    self.sent.insert(key.to_owned(), Sent { checksum, taken });
                }
            }
        }
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};

    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
