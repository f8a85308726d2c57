//! What the person has to permit in the System Settings, and whether that is so.

use std::sync::Once;

use objc2_application_services::{
    AXIsProcessTrusted, AXIsProcessTrustedWithOptions, kAXTrustedCheckOptionPrompt,
};
use objc2_core_foundation::{CFBoolean, CFDictionary};
use objc2_core_graphics::{CGPreflightScreenCaptureAccess, CGRequestScreenCaptureAccess};

use super::main_loop::on_main;

/// Why no screen is captured.
pub(crate) const NO_SCREENS: &str = "Screen Recording is not permitted to this program";

/// Why no title is told.
pub(crate) const NO_TITLES: &str =
    "neither Accessibility nor Screen Recording is permitted, so window titles are not told";

/// Why titles are polled.
pub(crate) const TITLES_LATE: &str =
    "Accessibility is not permitted, so a window title that changes is noticed some seconds later";

/// Whether other programs' windows may be captured, and their titles listed.
pub(super) fn may_see_screens() -> bool {
    CGPreflightScreenCaptureAccess()
}

/// Has macOS ask the person, once in the life of this program. Only the agent's own process
/// runs the main loop: `doctor` asks nobody.
pub(super) async fn ask_for_screens() {
    static ASKED: Once = Once::new();

    let asked = on_main(|_| {
        ASKED.call_once(|| {
            let is_permitted = CGRequestScreenCaptureAccess();
            tracing::info!(is_permitted, "the person is asked for Screen Recording");
        });
    });
    if let Err(error) = asked.await {
        tracing::debug!(%error, "nobody is asked for Screen Recording");
    }
}

/// Whether the windows of other programs tell of themselves.
pub(super) fn may_use_accessibility() -> bool {
    // SAFETY: takes nothing, and may be called on any thread.
    unsafe { AXIsProcessTrusted() }
}

/// Has macOS ask the person, once in the life of this program.
pub(super) fn ask_for_accessibility() {
    static ASKED: Once = Once::new();

    ASKED.call_once(|| {
        // SAFETY: the name of an option, which nobody changes.
        let prompt = unsafe { kAXTrustedCheckOptionPrompt };
        let options = CFDictionary::from_slices(&[prompt], &[CFBoolean::new(true)]);
        // SAFETY: the dictionary has the one key that is known, with a value of its type.
        unsafe { AXIsProcessTrustedWithOptions(Some(options.as_opaque())) };
    });
}
