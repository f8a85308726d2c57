//! Every text of the backend that a person reads, in one table.

use std::time::Duration;

use devpulse_control::MissingKey;
use devpulse_protocol::Timestamp;
use jiff::tz::TimeZone;

use crate::view::StageName;

/// What the app is called.
pub const APP: &str = "DevPulse";

/// What the entry for start at login says of it.
#[cfg(target_os = "linux")]
pub(crate) const AUTOSTART_COMMENT: &str = "Shows what is captured on this computer";

/// The first line, by what it is about.
pub(crate) mod headline {
    pub(crate) const WORKING: &str = "Working";
    pub(crate) const STARTING: &str = "Starting";
    pub(crate) const CHECKING: &str = "Looking at the agent";
    pub(crate) const NOT_ENROLLED: &str = "This computer is not enrolled";
    pub(crate) const CONSENT_AWAITED: &str = "Nothing is captured before you agree";
    pub(crate) const CONSENT_WIDER: &str = "Your organisation asks for more";
    pub(crate) const FAILED: &str = "The agent does not run";
    pub(crate) const REVOKED: &str = "This computer may no longer send";
    pub(crate) const AUTH_BLOCKED: &str = "The server does not accept this computer";
    pub(crate) const NO_KEY: &str = "This computer's key is missing";
    pub(crate) const SEALED: &str = "What waits cannot be opened";
    pub(crate) const KEY_ENDS: &str = "This computer's key ends soon";
    pub(crate) const CONFIG_BLOCKED: &str = "The server refuses what is sent";
    pub(crate) const NOT_STORED: &str = "Events cannot be stored";
    pub(crate) const NOT_CAPTURED: &str = "Nothing is captured";
    pub(crate) const NO_FOCUS: &str = "Windows cannot be seen";
    pub(crate) const DENIED: &str = "A permission is missing";
    pub(crate) const OFFLINE: &str = "The server cannot be reached";
    pub(crate) const BACKING_OFF: &str = "The server does not take events";
    pub(crate) const UNCONFIRMED: &str = "The server does not confirm";
    pub(crate) const OLD_BACKLOG: &str = "Events have waited for long";
    pub(crate) const PAUSED: &str = "Paused";
}

/// What to do.
pub(crate) mod remedy {
    pub(crate) const ENROLL: &str = "enroll it with the secret from your administrator";
    pub(crate) const CONSENT: &str = "read what is captured, and agree";
    pub(crate) const CONSENT_WIDER: &str = "read what would change, and answer";
    pub(crate) const RESTART: &str = "quit DevPulse and start it again; if this comes back, show the diagnostics to your \
         administrator";
    pub(crate) const REVOKED: &str =
        "ask your administrator; this computer can be enrolled again with a new secret";
    pub(crate) const AUTH_BLOCKED: &str =
        "ask your administrator whether this computer's key is still valid";
    pub(crate) const NO_KEY: &str = "unlock the system's keychain; if the key is gone from it, ask your administrator for a new \
         secret";
    pub(crate) const SEALED: &str = "unlock the system's keychain; if the key is gone from it, ask your administrator to put it \
         back";
    pub(crate) const KEY_ENDS: &str = "ask your administrator whether the server will renew it";
    pub(crate) const CONFIG_BLOCKED: &str =
        "show the diagnostics to your administrator; the server has to be mended";
    pub(crate) const FORMER: &str =
        "try again once that server takes them, or choose to discard them";
    pub(crate) const ROOM: &str = "make room on the disk";
    pub(crate) const FOCUS: &str =
        "see in the diagnostics what this desktop lacks and how to get it";
    pub(crate) const PERMIT: &str = "permit it in the settings of the desktop";
    pub(crate) const OPEN: &str = "open DevPulse to see why";
    pub(crate) const NETWORK: &str =
        "check the network, a proxy or VPN, and ask your administrator about the server";
}

/// Why it is so.
pub(crate) mod cause {
    pub(crate) const STARTING: &str = "the agent is starting";
    pub(crate) const FIRST_EVENTS: &str = "the first events are on their way to the server";
    pub(crate) const NOT_ENROLLED: &str = "nothing is captured or sent yet";
    pub(crate) const CONSENT_AWAITED: &str =
        "this computer is enrolled, and what would be captured was not agreed to yet";
    pub(crate) const CONSENT_WIDER: &str =
        "the policy would capture more; what you agreed to stays in force until you answer";
    pub(crate) const REVOKED: &str =
        "the organisation withdrew its permission; no images are taken, and what waits is kept";
    pub(crate) const AUTH_BLOCKED: &str = "its key or its token is refused; what waits is kept";
    pub(crate) const NO_KEY: &str =
        "the key that it proves itself with cannot be had; what waits is kept";
    pub(crate) const SEALED: &str = "the key that opens it cannot be had; what waits is kept";
    pub(crate) const CONFIG_BLOCKED: &str = "what waits is kept";
    pub(crate) const NO_FOCUS: &str = "nothing here can watch which window has the focus";
    pub(crate) const DENIED: &str = "the system forbids it";
    pub(crate) const DENIED_SOME: &str = "part of what the policy asks for cannot be captured";
    pub(crate) const OLD_BACKLOG: &str = "nothing is lost, but nothing arrives either";
    pub(crate) const FAILED: &str = "nothing is captured";
    pub(crate) const UNREACHABLE: &str = "no answer";
    pub(crate) const PAUSED: &str = "capture is paused, as you asked";
}

/// The tray's menu.
pub(crate) mod menu {
    pub(crate) const OPEN: &str = "Open DevPulse";
    pub(crate) const SYNC_NOW: &str = "Sync now";
    pub(crate) const PAUSE: &str = "Pause";
    pub(crate) const PAUSE_WITHHELD: &str = "Pause (not allowed by your organisation)";
    pub(crate) const RESUME: &str = "Resume";
    pub(crate) const QUIT: &str = "Quit DevPulse";
}

/// Headline, cause and remedy where the server does not let this computer in, or where it
/// lacks a key.
pub(crate) const fn no_key(missing: Option<MissingKey>) -> [&'static str; 3] {
    match missing {
        Some(MissingKey::Device) => [headline::NO_KEY, cause::NO_KEY, remedy::NO_KEY],
        Some(MissingKey::Log) => [headline::SEALED, cause::SEALED, remedy::SEALED],
        None => [headline::AUTH_BLOCKED, cause::AUTH_BLOCKED, remedy::AUTH_BLOCKED],
    }
}

/// How long the device's key is still valid, and what becomes of it then.
pub(crate) fn key_ends(left: Duration) -> String {
    format!(
        "it ends in {} unless the server renews it; what is captured then waits on this computer",
        span(left)
    )
}

/// `Sending 1,200 events`.
pub(crate) fn sending(pending: u64) -> String {
    format!("Sending {}", events(pending))
}

/// `Sending 120 of 500`, of a synchronisation that was asked for.
pub(crate) fn sending_of(sent: u64, total: u64) -> String {
    format!("Sending {} of {}", count(sent), count(total))
}

/// `Paused until 14:30`.
pub(crate) fn paused_until(until: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    format!("{} until {}", headline::PAUSED, time_of_day(until, now, zone))
}

/// What waits, and when it is tried again.
pub(crate) fn waiting(
    reason: &str,
    pending: u64,
    next_attempt: Option<Timestamp>,
    now: Timestamp,
    zone: &TimeZone,
) -> String {
    let waits = match pending {
        0 => "nothing is lost".to_owned(),
        1 => "1 event waits safely on this computer".to_owned(),
        _ => format!("{} wait safely on this computer", events(pending)),
    };
    let again = match next_attempt {
        Some(at) if at > now => format!("; the next try is at {}", time_of_day(at, now, zone)),
        Some(_) => "; it is tried again now".to_owned(),
        None => String::new(),
    };
    format!("{reason}; {waits}{again}")
}

/// How long the oldest event has waited.
pub(crate) fn oldest_waits(age: Duration, reason: &str) -> String {
    format!("the oldest has waited for {}: {reason}", span(age))
}

/// The agent has not said anything for a while.
pub(crate) fn silent(age: Duration) -> String {
    format!("it was last heard of {} ago", span(age))
}

/// A stage that should have moved.
pub(crate) fn late(stage: StageName, moved_at: Option<Duration>) -> String {
    let what = match stage {
        StageName::Captured => "nothing was captured",
        StageName::Stored => "nothing was stored",
        StageName::Sent => "nothing was sent",
        StageName::Acknowledged => "the server confirmed nothing",
    };
    match moved_at {
        Some(age) => format!("{what} for {}", span(age)),
        None => format!("{what} since the agent started"),
    }
}

/// A stage that is looked at again after a sleep.
pub(crate) fn not_yet(stage: StageName) -> &'static str {
    match stage {
        StageName::Captured => "the next event is awaited",
        StageName::Stored => "the next event is about to be stored",
        StageName::Sent => "the next events are about to be sent",
        StageName::Acknowledged => "the server's receipt is awaited",
    }
}

/// `For 15 minutes`, in the menu.
pub(crate) fn pause_for(minutes: u32) -> String {
    format!("For {}", span(Duration::from_secs(u64::from(minutes) * 60)))
}

/// The same for the longest pause.
pub(crate) fn pause_for_longest(minutes: u32) -> String {
    format!("{} (the longest allowed)", pause_for(minutes))
}

/// `1 event`, `1,200 events`.
pub(crate) fn events(number: u64) -> String {
    match number {
        1 => "1 event".to_owned(),
        _ => format!("{} events", count(number)),
    }
}

/// A cause and a remedy as two sentences.
pub(crate) fn sentences(cause: &str, remedy: &str) -> String {
    let sentence = |text: &str| {
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        format!("{}{}.", first.unwrap_or_default(), letters.as_str())
    };
    format!("{} {}", sentence(cause), sentence(remedy))
}

/// A number with its thousands set apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time in its largest unit, and the next where the first is small: `45 seconds`,
/// `4 minutes`, `1 hour 30 minutes`, `2 days`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let units = |number: u64, unit: &str| match number {
        1 => format!("1 {unit}"),
        _ => format!("{number} {unit}s"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => units(seconds, "second"),
        (0, 0, _) => units(minutes, "minute"),
        (0..=1, _, _) if minutes % 60 == 0 || hours >= 6 => units(hours, "hour"),
        (0..=1, _, _) => format!("{} {}", units(hours, "hour"), units(minutes % 60, "minute")),
        _ => units(days, "day"),
    }
}

/// `14:30`, and the day before it where that is another one: `Tue 14:30`.
fn time_of_day(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = |at: Timestamp| {
        let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
        instant.to_zoned(zone.clone())
    };
    let (at, now) = (local(at), local(now));
    if at.date() == now.date() {
        at.strftime("%H:%M").to_string()
    } else {
        at.strftime("%a %H:%M").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_of_time_are_written_for_reading() {
        let spoken: Vec<_> = [0, 1, 45, 60, 240, 3600, 5400, 21_660, 86_400, 90_000, 172_800]
            .map(|seconds| span(Duration::from_secs(seconds)))
            .into();
        let expected = [
            "0 seconds",
            "1 second",
            "45 seconds",
            "1 minute",
            "4 minutes",
            "1 hour",
            "1 hour 30 minutes",
            "6 hours",
            "24 hours",
            "25 hours",
            "2 days",
        ];
        assert_eq!(spoken, expected);
        let numbers: Vec<_> = [0, 999, 1000, 1_234_567].map(count).into();
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((events(1), events(2)), ("1 event".to_owned(), "2 events".to_owned()));
    }

    #[test]
    fn a_cause_and_a_remedy_are_read_as_sentences() {
        assert_eq!(sentences("it is full", "make room"), "It is full. Make room.");
    }

    #[test]
    fn another_day_is_named_beside_the_time() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let at = |text: &str| time_of_day(text.parse().unwrap(), now, &zone);
        assert_eq!(at("2026-11-22T12:30:00Z"), "14:30");
        assert_eq!(at("2026-11-22T22:30:00Z"), "Mon 00:30");
    }
}
