//! `consent` for people: what is captured, old and new where something waits.

use devpulse_agent::printable::printable;
use devpulse_control::{Aspect, ConsentReport, Disclosure, Widening};

/// The whole of it, a line each.
pub(crate) fn lines(report: &ConsentReport) -> Vec<String> {
    let mut lines = disclosure(&report.in_force);
    lines.push(String::new());
    match &report.record {
        None => {
            lines.push(
                "Nobody was asked on this device: the server's policy holds as it is.".to_owned(),
            );
            lines.push("Agree to it, and to nothing more, with: consent --accept".to_owned());
        }
        Some(record) => {
            let version = record.policy_version.map(|version| format!(", version {version}"));
            lines.push(format!("Agreed on {}{}.", record.accepted_at, version.unwrap_or_default()));
        }
    }
    if report.is_awaiting() {
        lines.push(String::new());
        lines.push("The server asks for more, which is not in force:".to_owned());
        lines.extend(report.proposal.widenings.iter().flat_map(widening));
        lines.push(String::new());
        lines.push("Agree to it with: devpulse-client consent --accept".to_owned());
    }
    lines
}

fn disclosure(disclosure: &Disclosure) -> Vec<String> {
    let mut lines = vec![disclosure.title.clone()];
    for section in &disclosure.sections {
        lines.push(String::new());
        lines.push(section.heading.clone());
        lines.extend(points(&section.items));
    }
    lines
}

fn widening(widening: &Widening) -> Vec<String> {
    let what = match widening.aspect {
        Aspect::Windows => "Windows",
        Aspect::Rules => "Rules",
        Aspect::Screenshots => "Pictures of the screen",
    };
    let mut lines = vec![String::new(), format!("{what}, as agreed:")];
    lines.extend(points(&widening.before));
    lines.push(format!("{what}, as asked for:"));
    lines.extend(points(&widening.after));
    lines
}

/// The items; they may quote the server's rules.
fn points(items: &[String]) -> Vec<String> {
    items.iter().map(|item| format!("  - {}", printable(item))).collect()
}
