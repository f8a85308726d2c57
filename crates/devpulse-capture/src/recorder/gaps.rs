//! Times of which nothing is known, because what tells of the focus was gone.

use std::time::Duration;

use devpulse_protocol::{EventBody, EventId, Gap, GapReason};

use super::{Recorder, event};
use crate::captured::Urgency;
use crate::clock::Moment;

/// A shorter one is no more than a switch between two windows.
const SHORTEST: Duration = Duration::from_secs(1);

impl Recorder {
    /// Nothing tells of the focus any more.
    pub(super) fn focus_lost(&mut self, at: Moment) {
        self.unobserved.get_or_insert(at);
    }

    /// The focus is told again, or nobody asks any more: the time between is reported, where
    /// windows were to be.
    pub(super) async fn focus_found(&mut self, at: Moment) {
        let Some(from) = self.unobserved.take() else { return };
        if at.since(from) < SHORTEST || !self.is_reporting() || !self.policy_in_force.window.enabled
        {
            return;
        }
        let gap = Gap {
            reason: GapReason::FocusUnobserved,
            count: 0,
            from_seq: None,
            to_seq: None,
            from_time: Some(from.wall),
            to_time: Some(at.wall),
            estimated: false,
        };
        let checkpoint = self.checkpoint_if_moved();
        let body = EventBody::Gap(gap);
        self.hand_on(event(EventId::new(), at, body, Urgency::Routine, checkpoint)).await;
    }
}
