//! The demo's last words: what was done, beside what the server holds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::verdict::Compared;

/// Prints windows and counts.
pub(super) fn print(compared: &[Compared<'_>], events: &[Value], images: usize) {
    if !compared.is_empty() {
        println!("\n{:<54}  {:>9}  {:>9}  {:>10}", "WINDOW", "LOOKED AT", "REPORTED", "DIFFERENCE");
    }
    for stay in compared {
        let (reported, difference) = match stay.reported {
            Some(reported) => (seconds(reported), seconds(reported - stay.done())),
            None => ("missing".to_owned(), String::new()),
        };
        let done = seconds(stay.done());
        println!("{:<54}  {done:>9}  {reported:>9}  {difference:>10}", stay.stay.title);
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        *kinds.entry(event["event_type"].as_str().unwrap_or("unknown")).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("\n{} events arrived: {}", events.len(), kinds.join(", "));
    println!("images that arrived, and open: {images}");
}

fn seconds(millis: i64) -> String {
    format!("{:.2} s", millis as f64 / 1000.0)
}
