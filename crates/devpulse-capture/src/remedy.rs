//! What to do about what is missing, where that depends on the desktop.

#[cfg(target_os = "macos")]
use crate::macos;
#[cfg(target_os = "linux")]
use crate::{dbus, wayland};

/// What a person can do about a refusal or a shortcoming with this text, where this crate knows
/// something that is true on one desktop only.
#[must_use]
pub fn remedy_for(detail: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(missing, _)| detail.contains(missing)).map(|(_, remedy)| *remedy)
}

#[cfg(target_os = "linux")]
const KNOWN: [(&str, &str); 5] = [
    (
        dbus::NO_EXTENSION,
        "install the extension with `devpulse-client doctor --install-gnome-extension`, and log out \
         and in again",
    ),
    (
        dbus::KWIN_FORBIDS,
        "give the agent a desktop entry with that line and its own absolute path in Exec, and \
         log out and in again",
    ),
    (
        wayland::NO_SCREENCOPY,
        "where screens are wanted, log in to Sway, Hyprland or KDE Plasma, or choose a session \
         on Xorg at login",
    ),
    (
        wayland::NO_TOPLEVELS,
        "where windows are wanted, log in to Sway, Hyprland, KDE Plasma or GNOME, or choose a \
         session on Xorg at login",
    ),
    (
        wayland::NO_PLACES,
        "nothing has to be done: windows that the policy hides are in no screenshot",
    ),
];

#[cfg(target_os = "macos")]
const KNOWN: [(&str, &str); 4] = [
    (
        macos::NO_SCREENS,
        "permit it in System Settings > Privacy & Security > Screen & System Audio Recording, and start \
         the agent again; this opens it: open \
         'x-apple.systempreferences:com.apple.preference.security?Privacy_ScreenCapture'",
    ),
    (
        macos::NO_TITLES,
        "permit it in System Settings > Privacy & Security > Accessibility; this opens it: open \
         'x-apple.systempreferences:com.apple.preference.security?Privacy_Accessibility'",
    ),
    (
        macos::TITLES_LATE,
        "where that matters, permit it in System Settings > Privacy & Security > Accessibility; this \
         opens it: open \
         'x-apple.systempreferences:com.apple.preference.security?Privacy_Accessibility'",
    ),
    (
        macos::NO_LOGIN_SESSION,
        "start the agent inside the person's login session, not over SSH or as a daemon",
    ),
];

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const KNOWN: [(&str, &str); 0] = [];

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn gnome_without_the_extension_is_told_how_to_get_it() {
        let detail = format!("gnome-extension: {}", dbus::NO_EXTENSION);
        assert!(
            remedy_for(&detail).is_some_and(|remedy| remedy.contains("--install-gnome-extension"))
        );
        assert_eq!(remedy_for("something else"), None);
    }
}
