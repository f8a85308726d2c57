//! What may be captured, and what is left of a window before it is reported.

use std::fmt;
use std::time::Duration;

use devpulse_protocol::{Config, Rule, RuleAction, ScreenshotConfig, TitlePolicy, WindowConfig};
use hmac::{Hmac, KeyInit, Mac};
use regex::Regex;
use sha2::Sha256;

use crate::hook::WindowFacts;

/// No window session is reported in pieces longer than this.
const LONGEST_PIECE: Duration = Duration::from_secs(15 * 60);

/// Longer titles are cut here, in bytes.
const MAX_TITLE_BYTES: usize = 2048;

/// Stands for what a rule blots out of a title.
const BLOT: &str = "[redacted]";

/// What may be captured.
#[derive(Clone, PartialEq)]
pub struct CapturePolicy {
    /// Time without input after which the person is inactive.
    pub idle_threshold: Duration,
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
            screenshot: config.screenshot.clone(),
            window: config.window.clone(),
            title_key,
            longest_piece: LONGEST_PIECE,
        }
    }
}

impl fmt::Debug for CapturePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturePolicy")
            .field("idle_threshold", &self.idle_threshold)
            .field("screenshot", &self.screenshot)
            .field("window", &self.window)
            .field("longest_piece", &self.longest_piece)
            .finish_non_exhaustive()
    }
}

/// A window as it may be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) window: u64,
    pub(crate) title: Option<String>,
    pub(crate) app_name: Option<String>,
    pub(crate) pid: Option<u32>,
    pub(crate) visibility: Visibility,
}

/// Whether a session may be reported at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Reported,
    Withheld,
}

/// The rules and the title policy, ready to be applied.
#[derive(Clone)]
pub(crate) struct TitleRules {
    rules: Vec<CompiledRule>,
    policy: TitlePolicy,
    key: [u8; 32],
}

#[derive(Clone)]
struct CompiledRule {
    app: Pattern,
    title: Pattern,
    action: RuleAction,
}

/// An absent pattern matches everything; so does a broken one, because a rule hides something.
#[derive(Clone)]
enum Pattern {
    Any,
    Regex(Regex),
}

impl TitleRules {
    pub(crate) fn new(policy: &CapturePolicy) -> Self {
        Self {
            rules: policy.window.rules.iter().map(CompiledRule::new).collect(),
            policy: policy.window.title_policy,
            key: policy.title_key,
        }
    }

    /// What is left of the window.
    pub(crate) fn apply(&self, facts: &WindowFacts) -> Shown {
        let rule = self.matching(facts.app_name.as_deref(), facts.title.as_deref());
        let title = facts.title.as_deref().filter(|title| !title.is_empty());
        let title = match rule.map(|rule| (rule, rule.action)) {
            Some((_, RuleAction::Drop | RuleAction::AppOnly)) => None,
            Some((rule, RuleAction::Redact)) => title.map(|title| rule.blot(title)),
            None => title.map(str::to_owned),
        };
        let title = title.and_then(|title| self.by_policy(title));
        Shown {
            window: facts.window,
            title,
            app_name: facts.app_name.clone(),
            pid: facts.pid,
            visibility: match rule {
                Some(CompiledRule { action: RuleAction::Drop, .. }) => Visibility::Withheld,
                _ => Visibility::Reported,
            },
        }
    }

    /// Whether any rule hides something of this window.
    pub(crate) fn hides(&self, app_name: Option<&str>, title: Option<&str>) -> bool {
        self.matching(app_name, title).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn matching(&self, app_name: Option<&str>, title: Option<&str>) -> Option<&CompiledRule> {
        let app_name = app_name.unwrap_or_default();
        let title = title.unwrap_or_default();
        self.rules.iter().find(|rule| rule.app.matches(app_name) && rule.title.matches(title))
    }

    fn by_policy(&self, title: String) -> Option<String> {
        match self.policy {
            TitlePolicy::Full => Some(cut(title)),
            TitlePolicy::AppOnly => None,
            TitlePolicy::Hash => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
                mac.update(title.as_bytes());
                Some(hex(&mac.finalize().into_bytes()))
            }
        }
    }
}

impl CompiledRule {
    fn new(rule: &Rule) -> Self {
        Self {
            app: Pattern::new(rule.app.as_deref()),
            title: Pattern::new(rule.title.as_deref()),
            action: rule.action,
        }
    }

    fn blot(&self, title: &str) -> String {
        match &self.title {
            Pattern::Any => BLOT.to_owned(),
            Pattern::Regex(regex) => regex.replace_all(title, BLOT).into_owned(),
        }
    }
}

impl Pattern {
    fn new(pattern: Option<&str>) -> Self {
        pattern.and_then(|pattern| Regex::new(pattern).ok()).map_or(Self::Any, Self::Regex)
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

fn cut(mut title: String) -> String {
    if title.len() > MAX_TITLE_BYTES {
        let end = (0..=MAX_TITLE_BYTES).rev().find(|end| title.is_char_boundary(*end));
        title.truncate(end.unwrap_or(0));
    }
    title
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(title_policy: TitlePolicy, rules: Vec<Rule>) -> TitleRules {
        let mut policy = CapturePolicy::from_config(&Config::default(), [1; 32]);
        policy.window.title_policy = title_policy;
        policy.window.rules = rules;
        TitleRules::new(&policy)
    }

    fn window(app: &str, title: &str) -> WindowFacts {
        WindowFacts {
            window: 1,
            title: Some(title.to_owned()),
            app_name: Some(app.to_owned()),
            pid: None,
        }
    }

    fn rule(app: Option<&str>, title: Option<&str>, action: RuleAction) -> Rule {
        Rule { app: app.map(str::to_owned), title: title.map(str::to_owned), action }
    }

    #[test]
    fn the_first_rule_that_matches_holds() {
        let rules = rules(
            TitlePolicy::Full,
            vec![
                rule(Some("^Mail$"), Some("invoice"), RuleAction::AppOnly),
                rule(Some("^Mail$"), None, RuleAction::Drop),
                rule(None, Some(r"\d{4}"), RuleAction::Redact),
            ],
        );
        let shown = rules.apply(&window("Mail", "invoice 1234"));
        assert_eq!((shown.title, shown.visibility), (None, Visibility::Reported));
        let shown = rules.apply(&window("Mail", "hello"));
        assert_eq!((shown.title, shown.visibility), (None, Visibility::Withheld));
        let shown = rules.apply(&window("Bank", "card 1234, code 5678"));
        assert_eq!(shown.title.as_deref(), Some("card [redacted], code [redacted]"));
        let shown = rules.apply(&window("Editor", "notes"));
        assert_eq!(shown.title.as_deref(), Some("notes"));
    }

    #[test]
    fn a_hashed_title_depends_on_the_title_and_on_the_key_of_the_device() {
        let hashed = rules(TitlePolicy::Hash, vec![]);
        let one = hashed.apply(&window("Editor", "notes")).title;
        assert_eq!(
            one.as_deref(),
            Some("3a78b6d705f3c769c52c7aadfb8fa68cdf5e6ce8318a44ab0f308862e548d107")
        );
        assert_eq!(one, hashed.apply(&window("Editor", "notes")).title);
        assert_ne!(one, hashed.apply(&window("Editor", "other")).title);
        let mut other_device = hashed;
        other_device.key = [2; 32];
        assert_ne!(one, other_device.apply(&window("Editor", "notes")).title);
    }

    #[test]
    fn app_only_leaves_the_application() {
        let shown = rules(TitlePolicy::AppOnly, vec![]).apply(&window("Editor", "notes"));
        assert_eq!((shown.app_name.as_deref(), shown.title), (Some("Editor"), None));
    }

    #[test]
    fn an_empty_title_is_none_and_an_endless_one_is_cut_between_characters() {
        let full = rules(TitlePolicy::Full, vec![]);
        assert_eq!(full.apply(&window("Editor", "")).title, None);
        let title = full.apply(&window("Editor", &"é€".repeat(2000))).title.unwrap();
        assert!((MAX_TITLE_BYTES - 3..=MAX_TITLE_BYTES).contains(&title.len()));
    }

    #[test]
    fn a_rule_that_cannot_be_read_hides_rather_than_shows() {
        let broken = rules(TitlePolicy::Full, vec![rule(Some("["), None, RuleAction::Drop)]);
        assert_eq!(broken.apply(&window("Editor", "a")).visibility, Visibility::Withheld);
    }
}
