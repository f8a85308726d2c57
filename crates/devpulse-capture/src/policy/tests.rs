use devpulse_protocol::Config;

use super::*;

fn rules(title_policy: TitlePolicy, rules: Vec<Rule>) -> WindowRules {
    let mut policy = CapturePolicy::from_config(&Config::default(), [1; 32]);
    policy.window.title_policy = title_policy;
    policy.window.rules = rules;
    policy.window.builtin_rules = false;
    WindowRules::new(&policy)
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
    assert_eq!(shown.title.as_deref(), Some("card █, code █"));
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

fn redacted(pattern: &str, title: &str) -> String {
    let redacting = rules(TitlePolicy::Full, vec![rule(None, Some(pattern), RuleAction::Redact)]);
    redacting.apply(&window("Bank", title)).title.unwrap()
}

#[test]
fn of_a_pattern_with_groups_only_the_groups_are_blotted_out() {
    assert_eq!(
        redacted(r"(?i)account (\d+)", "Account 123 and account 45"),
        "Account █ and account █"
    );
    assert_eq!(redacted(r"(\w+)@(\w+)\.org", "to ada@example.org"), "to █@█.org");
    assert_eq!(redacted(r"(?:invoice) \d+", "an invoice 12!"), "an █!");
    assert_eq!(redacted(r"x(a(b)c)y(d)?", "xabcy"), "x█y");
}

#[test]
fn a_group_that_took_no_part_in_the_match_hides_the_whole_match() {
    assert_eq!(redacted(r"salary(: \d+)?", "the salary of Ada"), "the █ of Ada");
    assert_eq!(redacted(".*", "all of it"), "█");
    assert_eq!(redacted("", "nothing matches"), "nothing matches");
}

#[test]
fn what_is_blotted_out_does_not_tell_how_long_it_was() {
    assert_eq!(redacted(r"\d+", "1 22 333"), "█ █ █");
}

fn with_builtin(own: Vec<Rule>) -> WindowRules {
    let mut policy = CapturePolicy::from_config(&Config::default(), [1; 32]);
    policy.window.rules = own;
    WindowRules::new(&policy)
}

#[test]
fn an_own_rule_comes_before_the_built_in_ones() {
    let builtin = with_builtin(vec![]);
    let private = "Search — Mozilla Firefox Private Browsing";
    let ruling = builtin.judge(Some("firefox"), Some(private));
    assert_eq!(ruling.reported, Reported::Nothing);
    assert_eq!(ruling.by, Some(AppliedRule::BuiltIn("private-firefox")));
    let own = with_builtin(vec![rule(Some("(?i)^firefox$"), None, RuleAction::AppOnly)]);
    let ruling = own.judge(Some("firefox"), Some(private));
    assert_eq!(ruling.reported, Reported::ApplicationOnly);
    assert_eq!(ruling.by, Some(AppliedRule::Own(1)));
}

#[test]
fn a_ruling_says_what_is_reported_and_why() {
    let own = vec![
        rule(Some("^Mail$"), None, RuleAction::AppOnly),
        rule(None, Some(r"\d+"), RuleAction::Redact),
    ];
    let judge = |policy, app, title| rules(policy, own.clone()).judge(Some(app), Some(title));
    let full = |app, title| judge(TitlePolicy::Full, app, title);
    assert_eq!(full("Editor", "notes"), Ruling { reported: Reported::InFull, by: None });
    assert_eq!(full("Mail", "a").reported, Reported::ApplicationOnly);
    let redacted = full("Editor", "page 7");
    assert_eq!(redacted.reported, Reported::Redacted("page █".to_owned()));
    assert_eq!(redacted.by, Some(AppliedRule::Own(2)));
    assert_eq!(full("Editor", "").reported, Reported::ApplicationOnly);
    assert_eq!(judge(TitlePolicy::Hash, "Editor", "page 7").reported, Reported::Hashed);
    let by_policy = judge(TitlePolicy::AppOnly, "Editor", "notes");
    assert_eq!(by_policy, Ruling { reported: Reported::ApplicationOnly, by: None });
}

#[test]
fn debug_output_shows_no_pattern() {
    let own = with_builtin(vec![rule(None, Some("project-x"), RuleAction::Drop)]);
    assert!(!format!("{own:?}").contains("project-x"));
}
