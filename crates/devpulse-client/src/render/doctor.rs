//! `doctor` for people: a line for each check, and what to do below it.

use devpulse_agent::doctor::{CheckState, Report};
use devpulse_agent::printable::printable;

/// The whole report, its lines ended.
pub(crate) fn text(report: &Report) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let (state, detail) = (check.state.as_str(), printable(&check.detail));
        text.push_str(&format!("{state:<9}{name:<13}{detail}\n", name = check.name));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("{:<22}hint: {}\n", "", printable(remedy)));
        }
    }
    let count = |state| report.checks.iter().filter(|check| check.state == state).count() as u64;
    let failed = super::count(count(CheckState::Failed), "check");
    let warnings = super::count(count(CheckState::Warning), "warning");
    text.push_str(&format!("\n{failed} failed, {warnings}\n"));
    text
}

#[cfg(test)]
mod tests {
    use devpulse_agent::doctor::Check;

    use super::*;

    #[test]
    fn a_check_is_a_line_and_its_remedy_the_next() {
        let check = |name, state, detail: &str, remedy: Option<&str>| Check {
            name,
            state,
            detail: detail.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        let report = Report {
            version: "0.1.0",
            checks: vec![
                check("agent", CheckState::Ok, "it runs", None),
                check("server", CheckState::Failed, "it is\x1b[31m down", Some("start it")),
                check("event_log", CheckState::Unknown, "not looked at", None),
            ],
        };
        let expected = "\
ok       agent        it runs
failed   server       it is\\u{1b}[31m down
                      hint: start it
unknown  event_log    not looked at

1 check failed, 0 warnings
";
        assert_eq!(text(&report), expected);
    }
}
