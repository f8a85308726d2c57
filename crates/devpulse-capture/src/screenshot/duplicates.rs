//! Screens that still show what they showed.

use std::collections::HashMap;
use std::time::Duration;

use devpulse_protocol::{EventId, Screenshot};

use super::encode::Encoding;

/// An image is sent again after this long, should the server have lost the first one.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// SHA-256 of a scaled frame and of what it is to be made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Likeness {
    pub(crate) digest: [u8; 32],
    pub(crate) encoding: Encoding,
}

/// The last image of each monitor that was handed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duplicates {
    last: HashMap<u32, Earlier>,
}

#[derive(Clone, Debug)]
struct Earlier {
    likeness: Likeness,
    at: Duration,
    event_id: EventId,
    screenshot: Screenshot,
}

impl Duplicates {
    /// The screenshot of this monitor that carries the same image, and its event.
    pub(crate) fn find(
        &self,
        monitor: u32,
        likeness: &Likeness,
        now: Duration,
    ) -> Option<(EventId, &Screenshot)> {
        self.last
            .get(&monitor)
            .filter(|earlier| earlier.likeness == *likeness)
            .filter(|earlier| now.saturating_sub(earlier.at) < MEMORY)
            .map(|earlier| (earlier.event_id, &earlier.screenshot))
    }

    /// An image was handed on with this event.
    pub(crate) fn remember(
        &mut self,
        likeness: Likeness,
        now: Duration,
        event_id: EventId,
        screenshot: Screenshot,
    ) {
        let monitor = screenshot.monitor_index;
        self.last.insert(monitor, Earlier { likeness, at: now, event_id, screenshot });
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::{ImageFormat, Trigger};

    use super::*;

    fn likeness(byte: u8, quality: u8) -> Likeness {
        let encoding = Encoding { format: ImageFormat::Webp, quality, max_width: 1600 };
        Likeness { digest: [byte; 32], encoding }
    }

    fn screenshot(monitor_index: u32) -> Screenshot {
        Screenshot {
            screenshot_hash: "00".repeat(32),
            format: ImageFormat::Webp,
            width: 10,
            height: 10,
            size_bytes: 100,
            monitor_index,
            monitor_count: 2,
            trigger: Trigger::Periodic,
            duplicate_of: None,
        }
    }

    #[test]
    fn only_the_same_pixels_on_the_same_monitor_made_into_the_same_file_are_a_duplicate() {
        let mut duplicates = Duplicates::default();
        let id = EventId::new();
        let now = Duration::from_secs(10);
        duplicates.remember(likeness(1, 75), now, id, screenshot(0));
        let found = |monitor, likeness| duplicates.find(monitor, &likeness, now).map(|(id, _)| id);
        assert_eq!(found(0, likeness(1, 75)), Some(id));
        assert_eq!(found(1, likeness(1, 75)), None);
        assert_eq!(found(0, likeness(2, 75)), None);
        assert_eq!(found(0, likeness(1, 50)), None);
    }

    #[test]
    fn an_image_is_sent_again_after_an_hour() {
        let mut duplicates = Duplicates::default();
        duplicates.remember(likeness(1, 75), Duration::ZERO, EventId::new(), screenshot(0));
        let later = |seconds| duplicates.find(0, &likeness(1, 75), Duration::from_secs(seconds));
        assert!(later(3_599).is_some());
        assert!(later(3_600).is_none());
    }
}
