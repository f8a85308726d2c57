//! Events as they reach the server, one aligned line each.

use std::io::IsTerminal;

use serde_json::Value;

use super::clock;

/// Prints events, in colour where a person looks at a terminal.
pub(super) struct Feed {
    colours: bool,
}

impl Feed {
    /// Prints the headings.
    pub(super) fn start() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        println!("\n{}", columns("TIME (UTC)", "TYPE", "APP", "WHAT", "SECONDS"));
        Self { colours }
    }

    pub(super) fn print(&self, event: &Value) {
        let kind = text(event, "event_type");
        let line = line(event);
        match colour(kind) {
            Some(colour) if self.colours => println!("\x1b[{colour}m{line}\x1b[0m"),
            _ => println!("{line}"),
        }
    }
}

fn line(event: &Value) -> String {
    let kind = text(event, "event_type");
    let time = clock::time_of_day(text(event, "timestamp"));
    let (app, what, seconds) = match kind {
        "activity" => ("", text(event, "activity_type").replace('_', " "), None),
        "heartbeat" => {
            let waiting = &event["pending"];
            ("", format!("{}, {waiting} waiting", text(event, "heartbeat_type")), None)
        }
        "window" => {
            let title = text(event, "window_title").to_owned();
            (text(event, "app_name"), title, event["duration"].as_f64())
        }
        "screenshot" => ("", picture(event), None),
        "custom" => ("", text(event, "name").to_owned(), None),
        _ => ("", event.to_string(), None),
    };
    let seconds = seconds.map(|seconds| format!("{seconds:.2}")).unwrap_or_default();
    columns(time, kind, app, &what, &seconds)
}

fn picture(event: &Value) -> String {
    let size = format!("{}x{}", event["width"], event["height"]);
    if event["duplicate_of"].is_string() {
        return format!("{size}, same as before");
    }
    let kilobytes = event["size_bytes"].as_u64().unwrap_or_default().div_ceil(1000);
    format!("{size} {}, {kilobytes} kB", text(event, "format"))
}

fn columns(time: &str, kind: &str, app: &str, what: &str, seconds: &str) -> String {
    let (app, what) = (fit(app, 10), fit(what, 54));
    format!("{time:<10}  {kind:<10}  {app:<10}  {what:<54}  {seconds:>7}").trim_end().to_owned()
}

/// The text in so many columns, without what would move the cursor.
fn fit(text: &str, width: usize) -> String {
    let printable = |c: char| if c.is_control() { '.' } else { c };
    let mut fitted: String = text.chars().take(width).map(printable).collect();
    if text.chars().count() > width {
        fitted.pop();
        fitted.push('~');
    }
    fitted
}

fn colour(kind: &str) -> Option<u8> {
    match kind {
        "activity" => Some(33),
        "window" => Some(36),
        "screenshot" => Some(35),
        "heartbeat" => Some(2),
        "gap" => Some(31),
        _ => None,
    }
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_columns_of_every_line_stand_below_each_other() {
        let heading = columns("TIME (UTC)", "TYPE", "APP", "WHAT", "SECONDS");
        let line = line(&json!({
            "event_type": "window", "timestamp": "2026-11-22T09:30:00.050Z",
            "app_name": "Editor", "window_title": "engine.rs", "duration": 2.4,
        }));
        assert_eq!(line.find("engine.rs"), heading.find("WHAT"));
        assert_eq!(line.find("Editor"), heading.find("APP"));
        assert_eq!(line.len(), heading.len());
        assert!(line.ends_with("   2.40"));
    }

    #[test]
    fn a_title_cannot_write_to_the_terminal() {
        let line = line(&json!({"event_type": "window", "window_title": "a\u{1b}[2Jb\nc"}));
        assert!(line.contains("a.[2Jb.c"), "{line}");
    }

    #[test]
    fn long_titles_are_cut_with_a_mark() {
        assert_eq!(fit("abcdef", 4), "abc~");
        assert_eq!(fit("abcd", 4), "abcd");
    }
}
