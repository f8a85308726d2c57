//! What each signal is served by, what is missing, and how to get it.

use devpulse_capture::{Signal, remedy_for};
use devpulse_control::SignalStatus;
use devpulse_protocol::CapabilityState;

use super::Check;
use super::facts::{Facts, SignalFact};

pub(super) fn checks(facts: &Facts) -> [Check; 4] {
    let mut facts = facts.signals.iter();
    Signal::ALL.map(|signal| match facts.next() {
        Some(fact) => check(signal, fact),
        None => Check::unknown(signal.as_str(), "it was not looked at"),
    })
}

fn check(signal: Signal, fact: &SignalFact) -> Check {
    let name = signal.as_str();
    match fact {
        SignalFact::Served(status) => served(signal, status),
        SignalFact::Could(backend) => {
            Check::ok(name, format!("{backend} can serve it once the agent runs"))
        }
        SignalFact::CouldNot(tried) if tried.is_empty() => {
            Check::warning(name, nothing_known(signal), remedy(signal))
        }
        SignalFact::CouldNot(tried) => {
            let tried: Vec<_> =
                tried.iter().map(|(backend, why)| format!("{backend}: {why}")).collect();
            let tried = tried.join("; ");
            let remedy = remedy_for(&tried).unwrap_or(remedy(signal));
            Check::warning(name, format!("unavailable: {tried}"), remedy)
        }
        SignalFact::NotTold => {
            Check::unknown(name, "the agent that runs does not say what it is served by")
        }
    }
}

fn served(signal: Signal, status: &SignalStatus) -> Check {
    let name = signal.as_str();
    let backend = status.backend.as_deref().unwrap_or("no backend");
    let seen = status
        .last_seen
        .map_or("has told nothing yet".to_owned(), |at| format!("last told something at {at}"));
    let shortcoming = status.detail.as_deref();
    match status.state {
        CapabilityState::Ok => {
            let remark = shortcoming.map_or(String::new(), |detail| format!("; {detail}"));
            Check::ok(name, format!("{backend} serves it, and {seen}{remark}"))
        }
        CapabilityState::Degraded => Check::warning(
            name,
            format!("{backend} serves it in part: {}; it {seen}", shortcoming.unwrap_or("no reason is told")),
            shortcoming.and_then(remedy_for).unwrap_or(remedy(signal)),
        ),
        CapabilityState::Unavailable => {
            let remedy = shortcoming.and_then(remedy_for).unwrap_or(remedy(signal));
            let reason = shortcoming.unwrap_or(nothing_known(signal));
            Check::warning(name, format!("unavailable: {reason}"), remedy)
        }
        CapabilityState::Denied => Check::failed(
            name,
            shortcoming.unwrap_or("the system forbids it"),
            Some(shortcoming.and_then(remedy_for).unwrap_or("permit it in the settings of the desktop, or start the agent inside the person's session").to_owned()),
        ),
    }
}

const fn nothing_known(signal: Signal) -> &'static str {
    match signal {
        Signal::Focus => "nothing here can watch the focus",
        Signal::Idle => "nothing here can watch for input",
        Signal::Session => "nothing here can watch for lock and sleep",
        Signal::Screen => "nothing here can capture screens",
    }
}

/// How to get what is missing.
const fn remedy(signal: Signal) -> &'static str {
    match signal {
        _ if !cfg!(target_os = "linux") => "start the agent inside the person's login session",
        Signal::Focus | Signal::Idle | Signal::Screen => {
            "start the agent inside a graphical session: an X11 session, where DISPLAY is set and \
             WAYLAND_DISPLAY is not, or a Wayland session of Sway, Hyprland, KDE Plasma or GNOME"
        }
        Signal::Session => {
            "start the agent inside a login session of systemd-logind, or of a desktop with \
             org.freedesktop.ScreenSaver"
        }
    }
}
