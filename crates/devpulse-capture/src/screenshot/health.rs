//! Whether captures can be believed, and whether there are too many: a pure machine, given
//! what was captured and when.

use std::collections::VecDeque;
use std::time::Duration;

/// No capture begins once so many images were handed on within an hour, all monitors and
/// triggers together. Screens that look as they did carry no image and do not count.
pub(crate) const IMAGES_AN_HOUR: usize = 240;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// So many captures without any change, while windows and titles changed as often, are of a
/// screen that does not reach us.
const FROZEN: u32 = 10;

/// What one monitor looked like, before anything was hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Differs where the pixels do, but for chance.
    pub(crate) fingerprint: u32,
    /// Nothing but black.
    pub(crate) black: bool,
}

/// What speaks against captures.
#[derive(Debug, Default)]
pub(crate) struct ScreenHealth {
    images: VecDeque<Duration>,
    looks: Vec<Look>,
    /// Captures in a row that showed the same.
    same: u32,
    /// Windows and titles that changed meanwhile.
    changes: u32,
}

impl ScreenHealth {
    /// Another window has the focus, or it has another title, and somebody is there to see it.
    pub(crate) fn window_changed(&mut self) {
        self.changes = self.changes.saturating_add(1);
    }

    /// The monitors were captured.
    pub(crate) fn captured(&mut self, looks: Vec<Look>) {
        if looks == self.looks {
            self.same = self.same.saturating_add(1);
        } else {
            (self.same, self.changes) = (1, 0);
        }
        self.looks = looks;
    }

    /// An image was handed on.
    pub(crate) fn image(&mut self, now: Duration) {
        if self.images.len() == IMAGES_AN_HOUR {
            self.images.pop_front();
        }
        self.images.push_back(now);
    }

    /// The screens change, and the captures do not.
    pub(crate) fn is_frozen(&self) -> bool {
        self.same >= FROZEN && self.changes >= FROZEN
    }

    /// No further image is to be captured now.
    pub(crate) fn has_enough(&self, now: Duration) -> bool {
        let recent = self.images.iter().filter(|at| now.saturating_sub(**at) < HOUR).count();
        recent >= IMAGES_AN_HOUR
    }

    /// What speaks against the captures, in plain words.
    pub(crate) fn complaint(&self, now: Duration) -> Option<String> {
        let black = self.looks.iter().filter(|look| look.black).count();
        let black = match (black, self.looks.len()) {
            (0, _) => None,
            (1, 1) => Some("the screen shows nothing but black, which is not sent".to_owned()),
            (black, all) => {
                Some(format!("{black} of {all} monitors show nothing but black, which is not sent"))
            }
        };
        let frozen = self.is_frozen().then(|| {
            "captures have not changed although windows did, so they are not reported".to_owned()
        });
        let enough = self.has_enough(now).then(|| {
            format!("{IMAGES_AN_HOUR} images were captured within an hour, which is the most")
        });
        let all: Vec<String> = [black, frozen, enough].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(fingerprint: u32) -> Vec<Look> {
        vec![Look { fingerprint, black: false }]
    }

    #[test]
    fn a_screen_that_stands_still_because_nothing_happens_is_not_frozen() {
        let mut health = ScreenHealth::default();
        for _ in 0..100 {
            health.captured(look(1));
        }
        assert!(!health.is_frozen());
    }

    #[test]
    fn captures_that_stand_still_while_windows_change_are_frozen_until_they_move() {
        let mut health = ScreenHealth::default();
        for _ in 0..9 {
            health.captured(look(1));
            health.window_changed();
        }
        health.window_changed();
        assert!(!health.is_frozen());
        health.captured(look(1));
        assert!(health.is_frozen());
        assert!(health.complaint(HOUR).is_some_and(|text| text.contains("not changed")));
        health.captured(look(2));
        assert!(!health.is_frozen());
        assert_eq!(health.complaint(HOUR), None);
    }

    #[test]
    fn changes_before_the_first_of_the_same_captures_do_not_count() {
        let mut health = ScreenHealth::default();
        for _ in 0..50 {
            health.window_changed();
        }
        for _ in 0..20 {
            health.captured(look(1));
        }
        assert!(!health.is_frozen());
    }

    #[test]
    fn there_are_enough_images_until_an_hour_has_passed_since_the_first() {
        let mut health = ScreenHealth::default();
        for second in 0..IMAGES_AN_HOUR as u64 {
            assert!(!health.has_enough(Duration::from_secs(second)));
            health.image(Duration::from_secs(second));
        }
        assert!(health.has_enough(Duration::from_secs(3_599)));
        assert!(health.complaint(Duration::from_secs(3_599)).is_some());
        assert!(!health.has_enough(HOUR));
        assert_eq!(health.complaint(HOUR), None);
    }

    #[test]
    fn a_black_monitor_is_complained_of_beside_others() {
        let mut health = ScreenHealth::default();
        health.captured(vec![
            Look { fingerprint: 1, black: true },
            Look { fingerprint: 2, black: false },
        ]);
        let complaint = health.complaint(HOUR);
        assert!(complaint.is_some_and(|text| text.starts_with("1 of 2 monitors")));
    }
}
