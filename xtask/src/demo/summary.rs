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

/// Hundredths of a second; a difference that rounds to nothing has no sign.
fn seconds(millis: i64) -> String {
    let hundredths = (millis as f64 / 10.0).round() + 0.0;
    format!("{:.2} s", hundredths / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_that_rounds_to_nothing_has_no_sign() {
        assert_eq!(seconds(-4), "0.00 s");
        assert_eq!(seconds(-15), "-0.02 s");
        assert_eq!(seconds(2_420), "2.42 s");
    }
}
