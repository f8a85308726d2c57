//! The rules and the title policy: what is left of a window before it is reported.

use std::fmt;
use std::sync::LazyLock;

use devpulse_protocol::{Rule, RuleAction, TitlePolicy};
use hmac::{Hmac, KeyInit, Mac};
use regex::{Captures, Regex};
use sha2::Sha256;

use super::builtin::{self, Builtin};
use super::{CapturePolicy, hex};
use crate::hook::WindowFacts;

/// Longer titles are cut here, in bytes.
const MAX_TITLE_BYTES: usize = 2048;

/// Stands for what a rule blots out of a title, however long that was.
const BLOT: &str = "█";

/// The built-in rules, made ready once for the process.
static BUILTIN: LazyLock<Vec<CompiledRule>> =
    LazyLock::new(|| builtin::RULES.iter().map(CompiledRule::builtin).collect());

/// The rules and the title policy, ready to be applied. The first rule that matches
/// holds: the policy's own in their order, then the built-in ones.
#[derive(Clone)]
pub struct WindowRules {
    rules: Vec<CompiledRule>,
    policy: TitlePolicy,
    key: [u8; 32],
}

/// What the rules make of a window, without its title being told to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What is reported of it.
    pub reported: Reported,
    /// The rule that says so; `None` where none matches and the title policy alone holds.
    pub by: Option<AppliedRule>,
}

/// What is reported of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The application and the whole title.
    InFull,
    /// The application and what is left of the title.
    Redacted(String),
    /// The application and a keyed hash of the title, or of what a rule leaves of it.
    Hashed,
    /// The application alone.
    ApplicationOnly,
    /// Nothing but that one more window was withheld.
    Nothing,
}

/// Which rule holds for a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedRule {
    /// One of `window.rules`, counted from 1.
    Own(usize),
    /// A built-in one.
    BuiltIn(&'static str),
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

#[derive(Clone)]
struct CompiledRule {
    name: AppliedRule,
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

impl WindowRules {
    /// The rules of a policy.
    #[must_use]
    pub fn new(policy: &CapturePolicy) -> Self {
        let own = (1..).zip(&policy.window.rules);
        let own = own.map(|(number, rule)| CompiledRule::own(number, rule));
        let builtin = if policy.window.builtin_rules { BUILTIN.as_slice() } else { &[] };
        Self {
            rules: own.chain(builtin.iter().cloned()).collect(),
            policy: policy.window.title_policy,
            key: policy.title_key,
        }
    }

    /// What would be reported of a window, and by which rule.
    #[must_use]
    pub fn judge(&self, app_name: Option<&str>, title: Option<&str>) -> Ruling {
        let rule = self.matching(app_name, title);
        let title = title.filter(|title| !title.is_empty());
        let reported = match (rule.map(|rule| (rule, rule.action)), title) {
            (Some((_, RuleAction::Drop)), _) => Reported::Nothing,
            (Some((_, RuleAction::AppOnly)), _) | (_, None) => Reported::ApplicationOnly,
            (redacted, Some(title)) => match (self.policy, redacted) {
                (TitlePolicy::AppOnly, _) => Reported::ApplicationOnly,
                (TitlePolicy::Hash, _) => Reported::Hashed,
                (TitlePolicy::Full, Some((rule, _))) => Reported::Redacted(cut(rule.blot(title))),
                (TitlePolicy::Full, None) => Reported::InFull,
            },
        };
        Ruling { reported, by: rule.map(|rule| rule.name) }
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

impl fmt::Debug for WindowRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<_> = self.rules.iter().map(|rule| rule.name).collect();
        f.debug_struct("WindowRules").field("rules", &rules).finish_non_exhaustive()
    }
}

impl CompiledRule {
    fn own(number: usize, rule: &Rule) -> Self {
        Self {
            name: AppliedRule::Own(number),
            app: Pattern::new(rule.app.as_deref()),
            title: Pattern::new(rule.title.as_deref()),
            action: rule.action,
        }
    }

    fn builtin(rule: &Builtin) -> Self {
        Self {
            name: AppliedRule::BuiltIn(rule.name),
            app: Pattern::new(Some(rule.app)),
            title: Pattern::new(rule.title),
            action: rule.action,
        }
    }

    fn blot(&self, title: &str) -> String {
        match &self.title {
            Pattern::Any => BLOT.to_owned(),
            Pattern::Regex(regex) => blot(regex, title),
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

/// Blots out what the pattern matches: where it has groups that took part in the match,
/// what those matched, else the whole match.
fn blot(regex: &Regex, title: &str) -> String {
    let mut blotted = String::with_capacity(title.len());
    let mut written = 0;
    for captures in regex.captures_iter(title) {
        for (start, end) in hidden_parts(&captures) {
            if start >= end || end <= written {
                continue;
            }
            if start >= written {
                blotted.push_str(&title[written..start]);
                blotted.push_str(BLOT);
            }
            written = end;
        }
    }
    blotted.push_str(&title[written..]);
    blotted
}

/// From where to where a match is hidden, in bytes, leftmost first.
fn hidden_parts(captures: &Captures<'_>) -> Vec<(usize, usize)> {
    let mut groups: Vec<_> = captures.iter().skip(1).flatten().map(|part| part.range()).collect();
    if groups.iter().all(std::ops::Range::is_empty) {
        groups = captures.get(0).map(|whole| whole.range()).into_iter().collect();
    }
    groups.sort_by_key(|part| (part.start, part.end));
    groups.into_iter().map(|part| (part.start, part.end)).collect()
}

fn cut(mut title: String) -> String {
    if title.len() > MAX_TITLE_BYTES {
        let end = (0..=MAX_TITLE_BYTES).rev().find(|end| title.is_char_boundary(*end));
        title.truncate(end.unwrap_or(0));
    }
    title
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
