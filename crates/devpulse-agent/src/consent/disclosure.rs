//! What a person is told, generated from the policy: a sentence stands here only where
//! the program does what it says.

use std::time::Duration;

use devpulse_control::{Aspect, Disclosure, Section, Topic, Widening};
use devpulse_protocol::{Config, RuleAction, TitlePolicy};

use super::scope::{Scope, Screens};
use crate::origin::ServerUrl;

/// What this configuration captures, and what becomes of it.
pub(super) fn of(config: &Config, server: Option<&ServerUrl>) -> Disclosure {
    let scope = Scope::of(config);
    let mut captured = vec![presence(config.idle_threshold)];
    captured.extend(windows(scope.titles));
    captured.extend(screens(scope.screens));
    captured.extend(always(&seconds(config.heartbeat_interval)));
    if scope.titles.is_some() || scope.screens.is_some() {
        captured.extend(rules(&scope));
    }
    Disclosure {
        title: "What DevPulse records on this computer".to_owned(),
        sections: vec![
            section(Topic::Captured, "What is recorded", captured),
            section(Topic::Never, "What is never recorded", never(&scope)),
            section(Topic::Receiver, "Where it goes", vec![receiver(server)]),
            section(Topic::Storage, "How long it stays here", storage(config)),
            section(Topic::Readers, "Who can see it", readers()),
            section(Topic::Control, "What you can do", control(config)),
        ],
    }
}

/// What the program can do at the most, before any policy is known.
pub(super) fn general() -> Disclosure {
    let captured = vec![
        "When you are active or away, and when the screen is locked or the computer sleeps."
            .to_owned(),
        "Which window has the focus and for how long, with its title and its application: the \
         policy may take out titles, applications or all of it."
            .to_owned(),
        "Pictures of your screens, where the policy asks for them: when you ask for one, at \
         intervals, when you change to another window, or when you unlock the screen."
            .to_owned(),
    ];
    let scope = Scope::nothing();
    let mut never = never(&scope);
    never.truncate(1);
    let whole = Config::default();
    Disclosure {
        title: "What DevPulse may record on this computer".to_owned(),
        sections: vec![
            section(
                Topic::Captured,
                "What your organisation's policy decides within",
                captured.into_iter().chain(always("short while")).collect(),
            ),
            section(Topic::Never, "What is never recorded", never),
            section(
                Topic::Receiver,
                "Where it goes",
                vec![
                    "To the one server where you enroll, and nowhere else. Nothing is recorded \
                      before that, and you see the policy itself before recording begins."
                        .to_owned(),
                ],
            ),
            section(
                Topic::Storage,
                "How long it stays here",
                vec![
                    "Until it is delivered, and for as long afterwards as the policy says, in a \
                      folder that only you can read."
                        .to_owned(),
                ],
            ),
            section(Topic::Readers, "Who can see it", readers()),
            section(Topic::Control, "What you can do", control(&whole).split_off(1)),
        ],
    }
}

/// In what the proposed scope goes beyond the consented one, with the words of both.
pub(super) fn widenings(consented: &Scope, proposed: &Scope) -> Vec<Widening> {
    let words = |aspect, scope: &Scope| match aspect {
        Aspect::Windows => windows(scope.titles),
        Aspect::Rules => rules(scope),
        Aspect::Screenshots => screens(scope.screens),
    };
    let widening = |aspect| Widening {
        aspect,
        before: words(aspect, consented),
        after: words(aspect, proposed),
    };
    consented.widening(proposed).into_iter().map(widening).collect()
}

fn section(topic: Topic, heading: &str, items: Vec<String>) -> Section {
    Section { topic, heading: heading.to_owned(), items }
}

fn presence(idle: Duration) -> String {
    format!(
        "When you are active or away, and when the screen is locked or the computer sleeps. You \
         count as away after {} without input.",
        seconds(idle)
    )
}

fn windows(titles: Option<TitlePolicy>) -> Vec<String> {
    let sentence = match titles {
        None => "Windows and applications are not recorded.",
        Some(TitlePolicy::AppOnly) => {
            "Which application has the focus and for how long, without the titles of windows."
        }
        Some(TitlePolicy::Hash) => {
            "Which application has the focus and for how long. Of a window's title only a code is \
             recorded, by which the same title is known again."
        }
        Some(TitlePolicy::Full) => {
            "Which window has the focus and for how long, with its title and its application."
        }
    };
    vec![sentence.to_owned()]
}

fn screens(screens: Option<Screens>) -> Vec<String> {
    let Some(screens) = screens else {
        return vec!["Your screens are not captured.".to_owned()];
    };
    let mut items = Vec::new();
    if let Some(interval) = screens.interval_s {
        let interval = seconds(Duration::from_secs(interval));
        items.push(format!("A picture of each screen, about every {interval}."));
    }
    if screens.on_window_change {
        items.push("A picture of each screen when you change to another window.".to_owned());
    }
    if screens.on_unlock {
        items.push("A picture of each screen when you unlock it.".to_owned());
    }
    let also = if items.is_empty() { "only" } else { "also" };
    items.push(format!("A picture of each screen {also} when you ask for one."));
    items
}

fn rules(scope: &Scope) -> Vec<String> {
    let mut items: Vec<String> = scope.rules.iter().map(rule).collect();
    items.push(if scope.builtin_rules {
        "Private browsing is not recorded, and password managers only without titles, as far as \
         the built-in rules know them."
            .to_owned()
    } else {
        "The built-in rules for private browsing and password managers are switched off.".to_owned()
    });
    if scope.screens.is_some() {
        items.push("In pictures, windows that a rule names are covered.".to_owned());
    }
    items
}

fn rule(rule: &devpulse_protocol::Rule) -> String {
    let which = match (&rule.app, &rule.title) {
        (None, None) => "Every window".to_owned(),
        (Some(app), None) => format!("A window of an application that matches \"{app}\""),
        (None, Some(title)) => format!("A window whose title matches \"{title}\""),
        (Some(app), Some(title)) => format!(
            "A window of an application that matches \"{app}\", with a title that matches \
             \"{title}\","
        ),
    };
    match rule.action {
        RuleAction::Drop => format!("{which} is not recorded."),
        RuleAction::AppOnly => format!("{which} is recorded without its title."),
        RuleAction::Redact => format!("{which} is recorded with what matches blotted out."),
    }
}

fn always(heartbeat: &str) -> Vec<String> {
    vec![
        "What other programs on this computer hand over to DevPulse as events of their own."
            .to_owned(),
        format!(
            "Every {heartbeat}, that DevPulse runs, what it can observe here, and how much waits \
             to be sent."
        ),
        "When you enroll: your user name, this computer's name, its operating system and \
         processor, and a code made from its machine id for this server alone."
            .to_owned(),
    ]
}

fn never(scope: &Scope) -> Vec<String> {
    let mut items = vec![
        "The keys that you press, the clipboard, the position of the pointer, sound, and the \
         camera."
            .to_owned(),
    ];
    if scope.titles.is_none() {
        items.push("Windows, by the policy that holds now.".to_owned());
    }
    if scope.screens.is_none() {
        items.push("Your screens, by the policy that holds now.".to_owned());
    }
    items
}

fn receiver(server: Option<&ServerUrl>) -> String {
    match server {
        None => "To the server where this computer is enrolled, and nowhere else.".to_owned(),
        Some(server) => format!("To {server}, the server of your organisation, and nowhere else."),
    }
}

fn storage(config: &Config) -> Vec<String> {
    let hours = config.limits.history.as_secs() / 3600;
    let history = match hours {
        0 => "What was delivered is deleted here.".to_owned(),
        hours => format!("What was delivered stays readable here for {}.", count(hours, "hour")),
    };
    vec![
        "What waits to be sent stays until the server has confirmed it.".to_owned(),
        history,
        format!(
            "It lies in a folder that only you can read, and takes {} MB at the most. How long \
             the server keeps it is for your organisation to say.",
            config.limits.max_disk_bytes / (1024 * 1024)
        ),
    ]
}

fn readers() -> Vec<String> {
    vec![
        "You: everything is shown as it is sent, by DevPulse's window and by devpulse-client \
         events."
            .to_owned(),
        "Whomever your organisation lets read what its server received.".to_owned(),
        "No other user of this computer, but its administrator.".to_owned(),
    ]
}

fn control(config: &Config) -> Vec<String> {
    let pause = if config.pause.allowed {
        let longest = seconds(config.pause.max);
        format!("You may pause recording, for {longest} at a time: devpulse-client pause.")
    } else {
        "The policy does not let you pause recording.".to_owned()
    };
    vec![
        pause,
        "Where more is asked for than you agreed to, you see old and new first, and nothing more \
         is recorded before you agree. Where less is asked for, that holds at once."
            .to_owned(),
        "devpulse-client unenroll ends all of it and wipes what was recorded from this computer."
            .to_owned(),
    ]
}

/// A time in the largest unit that divides it.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        whole if whole > 0 && whole % 3600 == 0 => count(whole / 3600, "hour"),
        whole if whole > 0 && whole % 60 == 0 => count(whole / 60, "minute"),
        whole => count(whole, "second"),
    }
}

fn count(number: u64, unit: &str) -> String {
    match number {
        1 => format!("1 {unit}"),
        _ => format!("{number} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::{Rule, Trigger};

    use super::*;
    use crate::origin::PlainHttp;

    fn text(disclosure: &Disclosure) -> String {
        let lines = disclosure.sections.iter().flat_map(|section| section.items.iter().cloned());
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_text_follows_the_policy() {
        let mut config = Config::default();
        let server = ServerUrl::parse("https://pulse.example", PlainHttp::LoopbackOnly).unwrap();
        let default = text(&of(&config, Some(&server)));
        for told in [
            "with its title and its application",
            "A picture of each screen only when you ask for one.",
            "https://pulse.example",
            "stays readable here for 24 hours",
            "takes 512 MB at the most",
            "for 1 hour at a time",
            "after 5 minutes without input",
            "Private browsing is not recorded",
        ] {
            assert!(default.contains(told), "{told}\n{default}");
        }
        config.window.title_policy = TitlePolicy::AppOnly;
        config.window.builtin_rules = false;
        config.window.rules =
            vec![Rule { app: Some("Signal".to_owned()), title: None, action: RuleAction::Drop }];
        config.screenshot.interval = Duration::from_secs(90);
        config.screenshot.triggers.push(Trigger::Unlock);
        config.pause.allowed = false;
        config.limits.history = Duration::ZERO;
        let other = text(&of(&config, None));
        for told in [
            "without the titles of windows",
            "about every 90 seconds",
            "when you unlock it",
            "A window of an application that matches \"Signal\" is not recorded.",
            "are switched off",
            "does not let you pause",
            "What was delivered is deleted here.",
        ] {
            assert!(other.contains(told), "{told}\n{other}");
        }
        assert!(!other.contains("with its title and"), "{other}");
    }

    #[test]
    fn what_the_policy_switches_off_is_said_to_be_off() {
        let mut config = Config::default();
        config.window.enabled = false;
        config.screenshot.enabled = false;
        let told = text(&of(&config, None));
        assert!(told.contains("Windows and applications are not recorded."), "{told}");
        assert!(told.contains("Your screens are not captured."), "{told}");
        assert!(!told.contains("Private browsing"), "{told}");
    }

    #[test]
    fn the_general_text_promises_nothing_of_a_policy() {
        let told = text(&general());
        assert!(told.contains("The keys that you press"), "{told}");
        for unknown in ["You may pause", "512 MB", "24 hours", "by the policy that holds now"] {
            assert!(!told.contains(unknown), "{unknown}\n{told}");
        }
    }

    #[test]
    fn a_widening_has_the_words_of_before_and_after() {
        let before = Scope::of(&Config::default());
        let mut config = Config::default();
        config.screenshot.interval = Duration::from_secs(300);
        let told = widenings(&before, &Scope::of(&config));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].aspect, Aspect::Screenshots);
        assert_eq!(told[0].before, ["A picture of each screen only when you ask for one."]);
        assert_eq!(told[0].after[0], "A picture of each screen, about every 5 minutes.");
    }
}
