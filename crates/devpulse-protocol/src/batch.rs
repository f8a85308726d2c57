//! Batches of events, and the receipts that acknowledge them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{BatchId, EventId, ProblemCode, Timestamp};

/// A batch as it is sent. `E` is what stands for an event: its raw JSON where the
/// bytes must not change, or [`crate::Event`] where they are read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchEnvelope<E> {
    /// The same on every retry.
    pub batch_id: BatchId,
    /// When the batch was made, not when it is sent.
    pub created_at: Timestamp,
    /// How many events there are, so that a cut body is noticed.
    pub event_count: usize,
    /// The events, oldest first.
    pub events: Vec<E>,
}

/// What the server made of a batch. Only a receipt that adds up is an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The batch that was sent.
    pub batch_id: BatchId,
    /// Events stored now.
    pub accepted: u64,
    /// Events that were stored before.
    pub duplicates: u64,
    /// Events that will never be stored.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
    /// Version of the configuration that the server holds.
    #[serde(default)]
    pub config_version: Option<i64>,
}

/// An event that the server refuses for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which event.
    pub event_id: EventId,
    /// Why, for programs.
    pub code: ProblemCode,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
}

/// A receipt that was found to answer exactly the batch that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedReceipt(Receipt);

impl CheckedReceipt {
    /// The receipt.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.0
    }

    /// Stands for the receipt of a server that cannot give one but answered with
    /// a 2xx, where the administrator chose to trust that (`sender.receipt = "status"`).
    #[must_use]
    pub const fn assumed(batch_id: BatchId, events: u64) -> Self {
        Self(Receipt {
            batch_id,
            accepted: events,
            duplicates: 0,
            rejected: Vec::new(),
            config_version: None,
        })
    }
}

impl Receipt {
    /// Checks that the receipt answers the batch `batch_id` with these `events`.
    ///
    /// # Errors
    /// Says what does not add up.
    pub fn check(
        self,
        batch_id: BatchId,
        events: &[EventId],
    ) -> Result<CheckedReceipt, ReceiptFault> {
        if self.batch_id != batch_id {
            return Err(ReceiptFault::OtherBatch { expected: batch_id, found: self.batch_id });
        }
        let rejected = self.rejected.len() as u64;
        let sum = self
            .accepted
            .checked_add(self.duplicates)
            .and_then(|sum| sum.checked_add(rejected))
            .ok_or(ReceiptFault::Overflow)?;
        if sum != events.len() as u64 {
            return Err(ReceiptFault::WrongSum { sent: events.len() as u64, answered: sum });
        }
        if !self.rejected.is_empty() {
            let sent: HashSet<&EventId> = events.iter().collect();
            let mut seen = HashSet::new();
            for rejection in &self.rejected {
                if !sent.contains(&rejection.event_id) {
                    return Err(ReceiptFault::UnknownEvent(rejection.event_id));
                }
                if !seen.insert(rejection.event_id) {
                    return Err(ReceiptFault::RepeatedEvent(rejection.event_id));
                }
            }
        }
        Ok(CheckedReceipt(self))
    }
}

/// Why an answer is no receipt for the batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    /// It answers another batch.
    #[error("the receipt is for batch {found}, not for {expected}")]
    OtherBatch {
        /// The batch that was sent.
        expected: BatchId,
        /// The batch in the receipt.
        found: BatchId,
    },
    /// It accounts for more or fewer events than were sent.
    #[error("the receipt accounts for {answered} events, but {sent} were sent")]
    WrongSum {
        /// Events sent.
        sent: u64,
        /// Events accounted for.
        answered: u64,
    },
    /// Its counts are absurd.
    #[error("the receipt's counts overflow")]
    Overflow,
    /// It rejects an event that was not in the batch.
    #[error("the receipt rejects event {0}, which was not sent")]
    UnknownEvent(EventId),
    /// It rejects an event twice.
    #[error("the receipt rejects event {0} twice")]
    RepeatedEvent(EventId),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(batch_id: BatchId, accepted: u64, duplicates: u64, rejected: &[EventId]) -> Receipt {
        Receipt {
            batch_id,
            accepted,
            duplicates,
            rejected: rejected
                .iter()
                .map(|&event_id| Rejection {
                    event_id,
                    code: ProblemCode::Invalid,
                    message: String::new(),
                })
                .collect(),
            config_version: None,
        }
    }

    #[test]
    fn a_receipt_that_adds_up_is_accepted() {
        let batch = BatchId::new();
        let events = [EventId::new(), EventId::new(), EventId::new()];
        assert!(receipt(batch, 1, 1, &events[..1]).check(batch, &events).is_ok());
    }

    #[test]
    fn a_receipt_for_another_batch_is_refused() {
        let fault = receipt(BatchId::new(), 1, 0, &[]).check(BatchId::new(), &[EventId::new()]);
        assert!(matches!(fault, Err(ReceiptFault::OtherBatch { .. })));
    }

    #[test]
    fn a_receipt_that_does_not_add_up_is_refused() {
        let batch = BatchId::new();
        let events = [EventId::new(), EventId::new()];
        for (accepted, duplicates) in [(0, 0), (1, 0), (2, 1), (u64::MAX, 3)] {
            assert!(receipt(batch, accepted, duplicates, &[]).check(batch, &events).is_err());
        }
    }

    #[test]
    fn a_receipt_may_reject_only_what_was_sent_and_only_once() {
        let batch = BatchId::new();
        let events = [EventId::new(), EventId::new()];
        let stranger = receipt(batch, 1, 0, &[EventId::new()]).check(batch, &events);
        assert!(matches!(stranger, Err(ReceiptFault::UnknownEvent(_))));
        let twice = receipt(batch, 0, 0, &[events[0], events[0]]).check(batch, &events);
        assert!(matches!(twice, Err(ReceiptFault::RepeatedEvent(_))));
    }
}
