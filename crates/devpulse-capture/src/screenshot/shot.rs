//! One sitting: every monitor grabbed, masked, scaled, compared and encoded. Blocks.

use std::sync::Arc;

use bytes::Bytes;
use devpulse_protocol::{EventId, Mask, Screenshot, ScreenshotConfig, Trigger};
use sha2::{Digest, Sha256};

use super::duplicates::{Duplicates, Likeness};
use super::encode::Encoding;
use super::health::Look;
use super::{Area, Frame, ScreenGrabber, ScreenshotError, mask, memory};
use crate::captured::CapturedImage;
use crate::clock::{Clock, Moment};
use crate::policy::{WindowRules, hex};

/// All that a capture of the screens needs.
pub(crate) struct Sitting {
    pub(crate) grabber: Arc<dyn ScreenGrabber>,
    pub(crate) clock: Clock,
    pub(crate) encoding: Encoding,
    pub(crate) mask: Mask,
    pub(crate) rules: WindowRules,
    pub(crate) duplicates: Duplicates,
    pub(crate) trigger: Trigger,
}

/// One monitor's screenshot.
pub(crate) struct Shot {
    pub(crate) event_id: EventId,
    pub(crate) at: Moment,
    pub(crate) screenshot: Screenshot,
    pub(crate) picture: Picture,
}

/// What a sitting brought.
pub(crate) struct Taken {
    /// One for each monitor, but for those that show nothing but black.
    pub(crate) shots: Vec<Shot>,
    /// What each monitor looked like.
    pub(crate) looks: Vec<Look>,
}

/// What comes with a screenshot event.
pub(crate) enum Picture {
    New(CapturedImage, Likeness),
    SentBefore,
}

impl Encoding {
    pub(crate) fn of(config: &ScreenshotConfig) -> Self {
        Self { format: config.format, quality: config.quality, max_width: config.max_width }
    }
}

impl Sitting {
    /// Captures every monitor, one after the other, so that one frame is in memory at a time.
    ///
    /// # Errors
    /// Fails where any monitor does.
    pub(crate) fn take(&self) -> Result<Taken, ScreenshotError> {
        memory::give_back_large_buffers();
        let monitors = self.grabber.monitors().map_err(ScreenshotError::Grab)?;
        let count = u32::try_from(monitors.len()).unwrap_or(u32::MAX);
        let mut taken = Taken { shots: Vec::new(), looks: Vec::new() };
        let mut hidden = self.hidden_areas()?;
        self.settle();
        for (index, monitor) in (0..).zip(monitors) {
            let (look, shot) = self.take_one(monitor, index, count, &mut hidden)?;
            taken.looks.push(look);
            taken.shots.extend(shot);
        }
        Ok(taken)
    }

    fn take_one(
        &self,
        monitor: Area,
        index: u32,
        count: u32,
        hidden: &mut Vec<Area>,
    ) -> Result<(Look, Option<Shot>), ScreenshotError> {
        let at = self.clock.now();
        let mut frame = self.grabber.grab(monitor).map_err(ScreenshotError::Grab)?;
        let look = Look::of(&frame);
        if look.black {
            return Ok((look, None));
        }
        // A window may have appeared or moved since the last look, before or after the frame.
        hidden.extend(self.hidden_areas()?);
        for area in &*hidden {
            mask::hide(&mut frame, monitor, *area, self.mask);
        }
        Ok((look, Some(self.shot(frame, at, index, count)?)))
    }

    /// The event of a frame from which everything hidden is gone.
    fn shot(
        &self,
        frame: Frame,
        at: Moment,
        index: u32,
        count: u32,
    ) -> Result<Shot, ScreenshotError> {
        let frame = self.encoding.scale(frame)?;
        let likeness = Likeness { digest: digest(&frame), encoding: self.encoding };
        let event_id = EventId::new();
        if let Some((earlier, like)) = self.duplicates.find(index, &likeness, at.mono) {
            let screenshot = Screenshot {
                monitor_count: count,
                trigger: self.trigger,
                duplicate_of: Some(earlier),
                ..like.clone()
            };
            return Ok(Shot { event_id, at, screenshot, picture: Picture::SentBefore });
        }
        let bytes = Bytes::from(self.encoding.encode(&frame)?);
        let sha256_hex = hex(&Sha256::digest(&bytes));
        let screenshot = Screenshot {
            screenshot_hash: sha256_hex.clone(),
            format: self.encoding.format,
            width: frame.width,
            height: frame.height,
            size_bytes: bytes.len() as u64,
            monitor_index: index,
            monitor_count: count,
            trigger: self.trigger,
            duplicate_of: None,
        };
        let media_type = self.encoding.format.media_type();
        let image = CapturedImage { sha256_hex, media_type, bytes };
        Ok(Shot { event_id, at, screenshot, picture: Picture::New(image, likeness) })
    }

    /// Waits until the screen shows nothing older than what was told of the windows.
    #[expect(clippy::disallowed_methods, reason = "nobody tells when the screen has caught up")]
    fn settle(&self) {
        let lag = self.grabber.lag();
        if !self.rules.is_empty() && !lag.is_zero() {
            std::thread::sleep(lag);
        }
    }

    fn hidden_areas(&self) -> Result<Vec<Area>, ScreenshotError> {
        if self.rules.is_empty() {
            return Ok(Vec::new());
        }
        let windows = self.grabber.visible_windows().map_err(ScreenshotError::Grab)?;
        Ok(windows
            .into_iter()
            .filter(|window| self.rules.hides(window.app_name.as_deref(), window.title.as_deref()))
            .flat_map(|window| window.areas)
            .collect())
    }
}

impl Look {
    fn of(frame: &Frame) -> Self {
        let checksum = crc32c::crc32c_append(frame.width, &frame.rgb);
        Self { fingerprint: checksum, black: frame.rgb.iter().all(|value| *value == 0) }
    }
}

fn digest(frame: &Frame) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(frame.width.to_le_bytes());
    sha.update(frame.height.to_le_bytes());
    sha.update(&frame.rgb);
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use devpulse_protocol::{Config, Timestamp};

    use super::super::{GrabError, VisibleWindow};
    use super::*;
    use crate::policy::CapturePolicy;

    const LAG: Duration = Duration::from_millis(60);

    const MONITOR: Area = Area { x: 0, y: 0, width: 4, height: 4 };

    /// A screen that is behind what is told of its windows.
    #[derive(Default)]
    struct Late(Mutex<Option<Instant>>);

    impl ScreenGrabber for Late {
        fn monitors(&self) -> Result<Vec<Area>, GrabError> {
            Ok(vec![MONITOR])
        }

        fn grab(&self, _: Area) -> Result<Frame, GrabError> {
            let asked = self.0.lock().unwrap().expect("the windows are asked for first");
            assert!(asked.elapsed() >= LAG, "the screen was taken {:?} later", asked.elapsed());
            Ok(Frame { width: 4, height: 4, rgb: vec![200; 48] })
        }

        fn visible_windows(&self) -> Result<Vec<VisibleWindow>, GrabError> {
            self.0.lock().unwrap().get_or_insert_with(Instant::now);
            Ok(Vec::new())
        }

        fn lag(&self) -> Duration {
            LAG
        }
    }

    #[test]
    fn a_screen_that_is_behind_its_windows_is_taken_once_it_has_caught_up() {
        let policy = CapturePolicy::from_config(&Config::default(), [0; 32]);
        let (clock, _) = Clock::steady(Timestamp::from_millis(0));
        let sitting = Sitting {
            grabber: Arc::new(Late::default()),
            clock,
            encoding: Encoding::of(&policy.screenshot),
            mask: policy.screenshot.mask,
            rules: WindowRules::new(&policy),
            duplicates: Duplicates::default(),
            trigger: Trigger::Manual,
        };
        assert!(!sitting.rules.is_empty());
        assert_eq!(sitting.take().unwrap().shots.len(), 1);
    }
}
