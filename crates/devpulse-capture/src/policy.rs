//! What may be captured, and what is left of a window before it is reported.

mod builtin;
mod rules;

use std::fmt;
use std::time::Duration;

use devpulse_protocol::{Config, InhibitorRule, ScreenshotConfig, WindowConfig};

use crate::idle::IdleRule;

pub use builtin::builtin_rules;
pub use rules::{AppliedRule, Reported, Ruling, WindowRules};
pub(crate) use rules::{Shown, Visibility};

/// No window session is reported in pieces longer than this.
const LONGEST_PIECE: Duration = Duration::from_secs(15 * 60);

/// What may be captured.
#[derive(Clone, PartialEq)]
pub struct CapturePolicy {
    /// Time without input after which the person is inactive.
    pub idle_threshold: Duration,
    /// What it means for that when a program keeps the screen awake.
    pub inhibitors: InhibitorRule,
    /// What is captured of the screen.
    pub screenshot: ScreenshotConfig,
    /// What is captured of windows.
    pub window: WindowConfig,
    /// Key of the device for hashed titles.
    pub title_key: [u8; 32],
    /// No window session is reported in pieces longer than this.
    pub longest_piece: Duration,
}

impl CapturePolicy {
    /// What the settings say.
    #[must_use]
    pub fn from_config(config: &Config, title_key: [u8; 32]) -> Self {
        Self {
            idle_threshold: config.idle_threshold,
            inhibitors: config.idle_inhibitors,
            screenshot: config.screenshot.clone(),
            window: config.window.clone(),
            title_key,
            longest_piece: LONGEST_PIECE,
        }
    }
}

impl CapturePolicy {
    /// When the person counts as inactive.
    pub(crate) fn idle_rule(&self) -> IdleRule {
        IdleRule { threshold: self.idle_threshold, inhibitors: self.inhibitors }
    }
}

impl fmt::Debug for CapturePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturePolicy")
            .field("idle_threshold", &self.idle_threshold)
            .field("inhibitors", &self.inhibitors)
            .field("screenshot", &self.screenshot)
            .field("window", &self.window)
            .field("longest_piece", &self.longest_piece)
            .finish_non_exhaustive()
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
