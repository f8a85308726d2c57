//! Which batch is suspected of what. Pure.

use std::collections::{HashMap, HashSet};

use devpulse_protocol::BatchId;

use crate::wal::BatchMeta;

/// So many failures in a row, and the batch itself may be the cause.
const OFTEN: u32 = 5;

/// What is held against batches.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// Server failures in a row, by batch.
    failures: HashMap<BatchId, u32>,
    /// Batches that failed often while another one was accepted.
    proven: HashSet<BatchId>,
    /// Whether a lone event is set aside and nothing was accepted since.
    unresolved: bool,
    /// Whether one refusal since has been followed up without a wait.
    followed_up: bool,
}

/// What a refusal leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// The next request follows at once.
    AtOnce,
    /// The server may refuse everything: wait before the next request.
    AfterAWait,
}

impl Suspicion {
    /// A batch was accepted, so the server does take events.
    pub(super) fn accepted(&mut self, batch: BatchId) {
        self.unresolved = false;
        self.followed_up = false;
        self.failures.remove(&batch);
        self.proven.remove(&batch);
        let often = self.failures.iter().filter(|&(_, &count)| count >= OFTEN);
        self.proven.extend(often.map(|(&id, _)| id));
    }

    /// The server failed at a batch. Returns whether the batch is to be divided.
    pub(super) fn failed(&mut self, batch: BatchId) -> bool {
        let count = self.failures.entry(batch).or_default();
        *count += 1;
        if self.proven.remove(&batch) {
            self.failures.remove(&batch);
            return true;
        }
        false
    }

    /// A batch that was proven to be the cause was divided: one more failure is enough to
    /// suspect a half. A lone event is judged by its own failures only.
    pub(super) fn divided(&mut self, halves: &[BatchMeta]) {
        let several = halves.iter().filter(|half| half.events > 1);
        self.failures.extend(several.map(|half| (half.id, OFTEN - 1)));
    }

    /// A batch was refused, and was divided or set aside.
    pub(super) fn refused(&mut self, set_aside: bool) -> Pace {
        let before = self.unresolved;
        self.unresolved |= set_aside;
        if before && std::mem::replace(&mut self.followed_up, true) {
            Pace::AfterAWait
        } else {
            Pace::AtOnce
        }
    }

    /// Of the batches at hand, the one to try: oldest first, but one that failed often
    /// waits for the others to show that it is not the server.
    pub(super) fn choose<'a>(&self, batches: &'a [BatchMeta]) -> Choice<'a> {
        let ordinary = || batches.iter().filter(|batch| !batch.suspect);
        let failed_often = |batch: &&BatchMeta| {
            self.failures.get(&batch.id).is_some_and(|&count| count >= OFTEN)
                && !self.proven.contains(&batch.id)
        };
        match ordinary().find(|batch| !failed_often(batch)) {
            Some(batch) => Choice::Send(batch),
            None => match ordinary().next() {
                Some(batch) => Choice::PreferOther(batch),
                None => batches.first().map_or(Choice::Nothing, Choice::Suspect),
            },
        }
    }
}

/// Which batch to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    /// This one.
    Send(&'a BatchMeta),
    /// A new one, and this one where there are no events for a new one.
    PreferOther(&'a BatchMeta),
    /// A new one; this one is set aside.
    Suspect(&'a BatchMeta),
    /// A new one.
    Nothing,
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Timestamp;

    use super::*;

    fn batch(low: i64, suspect: bool) -> BatchMeta {
        let created = Timestamp::from_millis(0);
        BatchMeta { id: BatchId::new(), range: low..=low, events: 1, created, suspect }
    }

    #[test]
    fn a_batch_that_fails_often_is_divided_only_once_another_was_accepted() {
        let mut suspicion = Suspicion::default();
        let (bad, good) = (batch(1, false), batch(2, false));
        let both = [bad.clone(), good.clone()];
        for _ in 0..OFTEN {
            assert_eq!(suspicion.choose(&both), Choice::Send(&bad));
            assert!(!suspicion.failed(bad.id));
        }
        assert_eq!(suspicion.choose(&both), Choice::Send(&good));
        assert_eq!(suspicion.choose(&both[..1]), Choice::PreferOther(&bad));
        suspicion.accepted(good.id);
        assert_eq!(suspicion.choose(&both), Choice::Send(&bad));
        assert!(suspicion.failed(bad.id));
    }

    #[test]
    fn a_server_that_refuses_everything_is_not_asked_again_and_again() {
        let mut suspicion = Suspicion::default();
        for _ in 0..7 {
            assert_eq!(suspicion.refused(false), Pace::AtOnce);
        }
        assert_eq!(suspicion.refused(true), Pace::AtOnce);
        assert_eq!(suspicion.refused(false), Pace::AtOnce);
        assert_eq!(suspicion.refused(false), Pace::AfterAWait);
        assert_eq!(suspicion.refused(true), Pace::AfterAWait);
        suspicion.accepted(BatchId::new());
        assert_eq!(suspicion.refused(true), Pace::AtOnce);
    }

    #[test]
    fn what_is_set_aside_comes_last() {
        let suspicion = Suspicion::default();
        let (suspect, other) = (batch(1, true), batch(2, false));
        assert_eq!(suspicion.choose(&[other.clone(), suspect.clone()]), Choice::Send(&other));
        assert_eq!(suspicion.choose(std::slice::from_ref(&suspect)), Choice::Suspect(&suspect));
        assert_eq!(suspicion.choose(&[]), Choice::Nothing);
    }
}
