//! Whether rules that a person counts on still do what they did.
//!
//! The first rule that matches a window holds. So a rule loses its effect not only by
//! going away: a weaker one before it is enough. Patterns are compared as they are
//! written; one that was rewritten counts as another.

use devpulse_protocol::{Rule, RuleAction, WindowConfig};

use super::scope::Scope;

/// Whether the proposed rules let through what the consented ones keep back, so that the
/// person has to agree.
pub(super) fn are_weakened(consented: &Scope, proposed: &Scope) -> bool {
    let is_new = |rule: &Rule| !consented.rules.contains(rule);
    // A rule that blots out next to nothing would stand for the built-in ones.
    let before_builtin =
        proposed.rules.iter().any(|rule| rule.action == RuleAction::Redact && is_new(rule));
    let loses_builtin = consented.builtin_rules && (!proposed.builtin_rules || before_builtin);
    loses_builtin || !contain(&proposed.rules, &consented.rules)
}

/// Whether the configuration's rules can hold as they are.
pub(super) fn are_kept(consented: &Scope, config: &WindowConfig) -> bool {
    let is_new = |rule: &Rule| !consented.rules.contains(rule);
    let before_builtin =
        config.rules.iter().any(|rule| rule.action != RuleAction::Drop && is_new(rule));
    let keeps_builtin = !consented.builtin_rules || (config.builtin_rules && !before_builtin);
    keeps_builtin && contain(&config.rules, &consented.rules)
}

/// The rules of both, the strongest first, so that none takes another's windows away.
pub(super) fn joined(consented: &Scope, config: &WindowConfig) -> Vec<Rule> {
    let mut rules = consented.rules.clone();
    rules.extend(config.rules.iter().filter(|rule| !consented.rules.contains(rule)).cloned());
    if consented.builtin_rules {
        rules.extend(devpulse_capture::builtin_rules());
    }
    rules.sort_by_key(|rule| std::cmp::Reverse(strength(rule.action)));
    rules
}

/// Whether each of the rules is there, with none before it that could weaken it.
fn contain(proposed: &[Rule], consented: &[Rule]) -> bool {
    consented.iter().enumerate().all(|(place, rule)| {
        let Some(found) = proposed.iter().position(|one| one == rule) else { return false };
        let is_harmless = |before: &Rule| {
            consented[..place].contains(before)
                || strength(before.action) > strength(rule.action)
                || (before.action == rule.action && rule.action != RuleAction::Redact)
        };
        proposed[..found].iter().all(is_harmless)
    })
}

/// How much a rule keeps back, as a rank.
const fn strength(action: RuleAction) -> u8 {
    match action {
        RuleAction::Redact => 0,
        RuleAction::AppOnly => 1,
        RuleAction::Drop => 2,
    }
}

#[cfg(test)]
mod tests {
    use devpulse_capture::{CapturePolicy, Reported, WindowRules};
    use devpulse_protocol::Config;

    use super::*;
    use crate::consent::scope::narrowed;

    fn rule(app: &str, action: RuleAction) -> Rule {
        Rule { app: Some(app.to_owned()), title: None, action }
    }

    fn config(rules: &[Rule]) -> Config {
        let mut config = Config::default();
        config.window.rules = rules.to_vec();
        config
    }

    fn weakened(before: &[Rule], after: &[Rule]) -> bool {
        are_weakened(&Scope::of(&config(before)), &Scope::of(&config(after)))
    }

    fn reported(config: &Config, app: &str, title: &str) -> Reported {
        let rules = WindowRules::new(&CapturePolicy::from_config(config, [0; 32]));
        rules.judge(Some(app), Some(title)).reported
    }

    #[test]
    fn more_rules_are_no_weakening_unless_they_come_before_stronger_ones() {
        let drop = rule("^Signal$", RuleAction::Drop);
        let strip = rule("^Mail$", RuleAction::AppOnly);
        assert!(!weakened(&[], std::slice::from_ref(&drop)));
        assert!(!weakened(std::slice::from_ref(&strip), &[drop.clone(), strip.clone()]));
        assert!(!weakened(std::slice::from_ref(&drop), &[drop.clone(), strip.clone()]));
        assert!(weakened(std::slice::from_ref(&drop), &[strip.clone(), drop.clone()]));
        assert!(weakened(&[drop.clone(), strip.clone()], &[strip, drop]));
    }

    #[test]
    fn a_rule_that_blots_out_nothing_does_not_undo_the_others() {
        let drop = rule("^Signal$", RuleAction::Drop);
        let nothing = Rule { app: None, title: Some("()^".to_owned()), action: RuleAction::Redact };
        let asked = config(&[nothing.clone(), drop.clone()]);
        assert!(weakened(std::slice::from_ref(&drop), &asked.window.rules));
        assert!(weakened(&[], std::slice::from_ref(&nothing)), "the built-in rules are undone");
        let held = narrowed(&asked, &Scope::of(&config(&[drop])));
        assert_eq!(reported(&held, "Signal", "a chat"), Reported::Nothing);
        let private = "Jobs — Mozilla Firefox (Private Browsing)";
        assert_eq!(reported(&held, "firefox", private), Reported::Nothing);
        assert_eq!(reported(&held, "KeePassXC", "bank"), Reported::ApplicationOnly);
    }

    #[test]
    fn a_window_that_rules_of_both_match_is_left_to_the_stronger_one() {
        let drop = rule("^Signal$", RuleAction::Drop);
        let strip = rule("^Signal$", RuleAction::AppOnly);
        for (consented, asked) in [(&drop, &strip), (&strip, &drop)] {
            let scope = Scope::of(&config(std::slice::from_ref(consented)));
            let held = narrowed(&config(std::slice::from_ref(asked)), &scope);
            assert_eq!(reported(&held, "Signal", "a chat"), Reported::Nothing);
        }
    }

    #[test]
    fn built_in_rules_that_are_turned_off_stay_on() {
        let mut asked = config(&[]);
        asked.window.builtin_rules = false;
        let scope = Scope::of(&config(&[]));
        assert!(are_weakened(&scope, &Scope::of(&asked)));
        assert_eq!(reported(&narrowed(&asked, &scope), "Tor Browser", "x"), Reported::Nothing);
    }
}
