//! Which batch is suspected of what. Pure.

use std::collections::HashMap;

use devpulse_protocol::BatchId;

use crate::wal::{BatchMeta, Standing};

/// So many failures in a row, and the batch itself may be the cause.
const OFTEN: u32 = 5;
/// So many refusals in a row are enough to halve the largest batch down to one event and
/// to try its neighbour; a server that goes on refusing refuses everything.
const MOST_REFUSALS: u32 = 12;

/// What is held against batches.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// Server failures in a row, by batch, and what the last one was.
    failures: HashMap<BatchId, (u32, String)>,
    /// Batches that failed often while another one was accepted, and how.
    proven: HashMap<BatchId, String>,
    /// Whether a lone event is set aside and nothing was accepted since.
    unresolved: bool,
    /// Whether one refusal since has been followed up without a wait.
    followed_up: bool,
    /// Refusals since something was accepted.
    refusals: u32,
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
        self.refusals = 0;
        self.failures.remove(&batch);
        self.proven.remove(&batch);
        let often = self.failures.iter().filter(|(_, (count, _))| *count >= OFTEN);
        self.proven.extend(often.map(|(&id, (_, cause))| (id, cause.clone())));
    }

    /// What the server says of a batch that is known to be the cause, and is to be divided
    /// without being sent again. A lone event gets another try, because it is to be condemned.
    pub(super) fn proof(&mut self, batch: &BatchMeta) -> Option<String> {
        let proof = (batch.events > 1).then(|| self.proven.remove(&batch.id)).flatten();
        proof.inspect(|_| drop(self.failures.remove(&batch.id)))
    }

    /// The server failed at a batch. Returns whether the batch is known to be the cause.
    pub(super) fn failed(&mut self, batch: BatchId, cause: &str) -> bool {
        let failures = self.failures.entry(batch).or_default();
        *failures = (failures.0 + 1, cause.to_owned());
        let is_proven = self.proven.remove(&batch).is_some();
        if is_proven {
            self.failures.remove(&batch);
        }
        is_proven
    }

    /// A batch that was proven to be the cause was divided, or set aside where it cannot be:
    /// one more failure is enough to suspect a half, or a lone event on its last trial. An
    /// event that has just become a lone one is judged by its own failures only.
    pub(super) fn divided(&mut self, batch: BatchId, halves: &[BatchMeta]) {
        let several = halves.iter().filter(|half| half.events > 1).map(|half| half.id);
        let lone = halves.is_empty().then_some(batch);
        self.failures.extend(several.chain(lone).map(|id| (id, (OFTEN - 1, String::new()))));
    }

    /// A batch was refused, and was divided or set aside.
    pub(super) fn refused(&mut self, set_aside: bool) -> Pace {
        self.refusals = self.refusals.saturating_add(1);
        let before = self.unresolved;
        self.unresolved |= set_aside;
        let is_followed_up = before && std::mem::replace(&mut self.followed_up, true);
        if is_followed_up || self.refusals >= MOST_REFUSALS {
            Pace::AfterAWait
        } else {
            Pace::AtOnce
        }
    }

    /// Of the batches at hand, the one to try: oldest first, but one that failed often
    /// waits for the others to show that it is not the server. A last trial comes after
    /// what was never refused.
    pub(super) fn choose<'a>(&self, batches: &'a [BatchMeta]) -> Choice<'a> {
        let standing = |standing| batches.iter().filter(move |batch| batch.standing == standing);
        let ordinary = || standing(Standing::Ordinary);
        let failed_often = |batch: &&BatchMeta| {
            self.failures.get(&batch.id).is_some_and(|(count, _)| *count >= OFTEN)
                && !self.proven.contains_key(&batch.id)
        };
        let in_turn = || ordinary().chain(standing(Standing::LastTrial));
        match in_turn().find(|batch| !failed_often(batch)) {
            Some(batch) => Choice::Send(batch),
            None => match in_turn().next() {
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

    fn batch(low: i64, standing: Standing) -> BatchMeta {
        let created = Timestamp::from_millis(0);
        BatchMeta { id: BatchId::new(), range: low..=low, events: 1, created, standing }
    }

    #[test]
    fn a_batch_that_fails_often_is_divided_only_once_another_was_accepted() {
        let mut suspicion = Suspicion::default();
        let bad = BatchMeta { events: 2, ..batch(1, Standing::Ordinary) };
        let good = batch(3, Standing::Ordinary);
        let both = [bad.clone(), good.clone()];
        for _ in 0..OFTEN {
            assert_eq!(suspicion.choose(&both), Choice::Send(&bad));
            assert!(!suspicion.failed(bad.id, "no"));
        }
        assert_eq!(suspicion.choose(&both), Choice::Send(&good));
        assert_eq!(suspicion.choose(&both[..1]), Choice::PreferOther(&bad));
        assert_eq!(suspicion.proof(&bad), None);
        suspicion.accepted(good.id);
        assert_eq!(suspicion.choose(&both), Choice::Send(&bad));
        assert_eq!(suspicion.proof(&bad).as_deref(), Some("no"));
        assert_eq!(suspicion.proof(&bad), None);
    }

    #[test]
    fn a_lone_event_that_fails_often_is_tried_once_more() {
        let mut suspicion = Suspicion::default();
        let bad = batch(1, Standing::Ordinary);
        for _ in 0..OFTEN {
            assert!(!suspicion.failed(bad.id, "no"));
        }
        suspicion.accepted(BatchId::new());
        assert_eq!(suspicion.proof(&bad), None);
        assert!(suspicion.failed(bad.id, "no"));
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
    fn the_largest_batch_is_refused_twelve_times_at_the_most_before_a_wait() {
        let mut suspicion = Suspicion::default();
        // Down from 1000 events to one, and the neighbour of that one.
        let paces: Vec<Pace> = (1..=12).map(|request| suspicion.refused(request >= 11)).collect();
        assert!(paces[..11].iter().all(|&pace| pace == Pace::AtOnce));
        assert_eq!(paces[11], Pace::AfterAWait);
    }

    #[test]
    fn what_is_set_aside_comes_last() {
        let suspicion = Suspicion::default();
        let (suspect, other) = (batch(1, Standing::SetAside), batch(2, Standing::Ordinary));
        let trial = batch(3, Standing::LastTrial);
        assert_eq!(suspicion.choose(&[other.clone(), suspect.clone()]), Choice::Send(&other));
        assert_eq!(suspicion.choose(&[other.clone(), trial.clone()]), Choice::Send(&other));
        assert_eq!(suspicion.choose(&[suspect.clone(), trial.clone()]), Choice::Send(&trial));
        assert_eq!(suspicion.choose(std::slice::from_ref(&suspect)), Choice::Suspect(&suspect));
        assert_eq!(suspicion.choose(&[]), Choice::Nothing);
    }
}
