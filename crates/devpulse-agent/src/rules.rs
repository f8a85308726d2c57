//! What the rules make of windows, for a person who wants to know before anything is
//! captured.

pub use devpulse_capture::{AppliedRule, Reported, Ruling, WindowFacts, WindowRules, open_windows};

use devpulse_capture::CapturePolicy;

use crate::settings::Settings;

/// The rules that the settings give, with the built-in ones.
#[must_use]
pub fn of(settings: &Settings) -> WindowRules {
    // Without the device's key: hashes made with it would mean nothing, and none are shown.
    WindowRules::new(&CapturePolicy::from_config(settings.config(), [0; 32]))
}
