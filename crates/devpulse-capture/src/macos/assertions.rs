//! Whether a program keeps the screen awake, as the power management counts it.

use std::ptr::NonNull;

use objc2_core_foundation::{CFDictionary, CFNumber, CFRetained, CFString, CFType};
use objc2_io_kit::{IOPMCopyAssertionsStatus, kIOReturnSuccess};

use crate::idle::KeptScreen;

/// What programs assert who show a film or hold a meeting; the second is of older ones.
const KEEPS_SCREEN: [&str; 2] = ["PreventUserIdleDisplaySleep", "NoDisplaySleepAssertion"];

/// Asks the power management; where it does not answer, none does.
pub(super) fn kept_screen() -> KeptScreen {
    let mut status = std::ptr::null::<CFDictionary>();
    // SAFETY: the dictionary is ours to be written.
    let copied = unsafe { IOPMCopyAssertionsStatus(&raw mut status) };
    let status = NonNull::new(status.cast_mut()).filter(|_| copied == kIOReturnSuccess);
    let Some(status) = status else { return KeptScreen::Free };
    // SAFETY: what is copied is ours to release.
    let status = unsafe { CFRetained::from_raw(status) };
    // SAFETY: the dictionary is documented to have strings as keys.
    let status = unsafe { CFRetained::cast_unchecked::<CFDictionary<CFString, CFType>>(status) };
    let is_asserted = |name| {
        let count = status.get(&CFString::from_static_str(name));
        let count = count.as_ref().and_then(|count| count.downcast_ref::<CFNumber>()?.as_i64());
        count.is_some_and(|count| count > 0)
    };
    if KEEPS_SCREEN.into_iter().any(is_asserted) { KeptScreen::Awake } else { KeptScreen::Free }
}
