//! What is going on now, for whoever looks.

use devpulse_protocol::Timestamp;

use crate::captured::OpenWindow;
use crate::clock::Moment;
use crate::idle::Presence;

/// What is going on now.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    /// The open window session, where it would be reported if it ended now.
    pub window: Option<OpenWindow>,
    /// Whether the person works.
    pub standing: Standing,
    /// Since when; `None` where that is not known.
    pub since: Option<Timestamp>,
}

/// Whether the person works, as far as the hooks tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Capture is paused.
    Paused,
    /// The machine sleeps.
    Suspended,
    /// The screen is locked.
    Locked,
    /// There was no input for the time that the policy sets.
    Idle,
    /// There was input.
    Active,
    /// Nothing told of input yet.
    Unknown,
}

/// Since when each of the states holds that hide what the person does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    pub(crate) paused: Option<Moment>,
    pub(crate) suspended: Option<Moment>,
    pub(crate) locked: Option<Moment>,
}

impl Since {
    /// What holds, the strongest first.
    pub(crate) fn standing(&self, presence: &Presence) -> (Standing, Option<Timestamp>) {
        let hidden = [
            (Standing::Paused, self.paused),
            (Standing::Suspended, self.suspended),
            (Standing::Locked, self.locked),
        ];
        let hidden = hidden.into_iter().find_map(|(standing, at)| Some((standing, at?)));
        let seen = || match (presence.since(), presence.is_away()) {
            (Some(at), true) => Some((Standing::Idle, at)),
            (Some(at), false) => Some((Standing::Active, at)),
            (None, _) => None,
        };
        hidden
            .or_else(seen)
            .map_or((Standing::Unknown, None), |(standing, at)| (standing, Some(at.wall)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devpulse_protocol::InhibitorRule;

    use super::*;
    use crate::idle::IdleRule;

    fn at(seconds: u64) -> Moment {
        Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000) }
            .plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_pause_is_told_before_a_lock_and_a_lock_before_idleness() {
        let rule =
            IdleRule { threshold: Duration::from_secs(300), inhibitors: InhibitorRule::Ignored };
        let mut presence = Presence::new(rule);
        let mut since = Since::default();
        assert_eq!(since.standing(&presence), (Standing::Unknown, None));
        presence.input(at(1));
        assert_eq!(since.standing(&presence), (Standing::Active, Some(at(1).wall)));
        presence.quiet(at(2));
        assert_eq!(since.standing(&presence), (Standing::Idle, Some(at(2).wall)));
        since.locked = Some(at(3));
        assert_eq!(since.standing(&presence), (Standing::Locked, Some(at(3).wall)));
        since.suspended = Some(at(4));
        assert_eq!(since.standing(&presence), (Standing::Suspended, Some(at(4).wall)));
        since.paused = Some(at(5));
        assert_eq!(since.standing(&presence), (Standing::Paused, Some(at(5).wall)));
    }
}
