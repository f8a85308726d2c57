//! What the rules make of a window, for people.

use std::borrow::Cow;

use devpulse_agent::printable::printable;
use devpulse_agent::rules::{AppliedRule, Reported, Ruling, WindowFacts};

/// Two lines: the window, and what is reported of it by which rule.
pub(crate) fn window(window: &WindowFacts, ruling: &Ruling) -> String {
    let app = or_none(window.app_name.as_deref(), "(no application)");
    let title = or_none(window.title.as_deref(), "(no title)");
    format!("{app}: {title}\n    {} ({})\n", reported(&ruling.reported), by(ruling))
}

fn or_none<'a>(text: Option<&'a str>, none: &'static str) -> Cow<'a, str> {
    text.filter(|text| !text.is_empty()).map_or(Cow::Borrowed(none), printable)
}

fn reported(reported: &Reported) -> String {
    match reported {
        Reported::InFull => "reported in full".to_owned(),
        Reported::Redacted(title) => format!("reported as: {}", printable(title)),
        Reported::Hashed => "reported with a hash in place of the title".to_owned(),
        Reported::ApplicationOnly => "only the application is reported".to_owned(),
        Reported::Nothing => "not reported".to_owned(),
    }
}

fn by(ruling: &Ruling) -> String {
    match ruling.by {
        Some(AppliedRule::Own(number)) => format!("rule {number} of window.rules"),
        Some(AppliedRule::BuiltIn(name)) => format!("built-in rule {name}"),
        None => "no rule matches".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_with_the_rule_that_holds_and_commands_no_terminal() {
        let facts = |app: &str, title: &str| WindowFacts {
            window: 1,
            app_name: Some(app.to_owned()),
            title: Some(title.to_owned()),
            pid: None,
        };
        let redacted = Ruling {
            reported: Reported::Redacted("account █".to_owned()),
            by: Some(AppliedRule::Own(2)),
        };
        assert_eq!(
            window(&facts("Bank", "account\x1b[2J 1"), &redacted),
            "Bank: account\\u{1b}[2J 1\n    reported as: account █ (rule 2 of window.rules)\n"
        );
        let dropped =
            Ruling { reported: Reported::Nothing, by: Some(AppliedRule::BuiltIn("private-tor")) };
        assert_eq!(
            window(&facts("Tor Browser", ""), &dropped),
            "Tor Browser: (no title)\n    not reported (built-in rule private-tor)\n"
        );
    }
}
