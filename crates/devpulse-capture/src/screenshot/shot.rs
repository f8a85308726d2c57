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
        for (index, monitor) in (0..).zip(monitors) {
            let (look, shot) = self.take_one(monitor, index, count)?;
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
    ) -> Result<(Look, Option<Shot>), ScreenshotError> {
        let mut hidden = self.hidden_areas()?;
        let at = self.clock.now();
        let mut frame = self.grabber.grab(monitor).map_err(ScreenshotError::Grab)?;
        let look = Look::of(&frame);
        if look.black {
            return Ok((look, None));
        }
        // A window may have appeared or moved while the frame was taken.
        hidden.extend(self.hidden_areas()?);
        for area in hidden {
            mask::hide(&mut frame, monitor, area, self.mask);
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
