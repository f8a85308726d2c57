//! What an event says, in a few words that command no terminal.

use devpulse_protocol::{Activity, EventBody, Gap, GapReason, Screenshot, Window};

use crate::printable::printable;
use crate::wording::{bytes, count, json_line};

/// Characters of a custom event's data that are shown.
const SHOWN_DATA: usize = 80;

/// What an event says, without when and what kind.
#[must_use]
pub fn of(body: &EventBody) -> String {
    match body {
        EventBody::Activity(activity) => deed(activity),
        EventBody::Heartbeat(heartbeat) => {
            format!("{}, {} pending", word(&heartbeat.heartbeat_type), heartbeat.pending)
        }
        EventBody::Window(window) => focus(window),
        EventBody::Screenshot(screenshot) => image(screenshot),
        EventBody::Custom(custom) => {
            let data: String = custom.data.get().chars().take(SHOWN_DATA).collect();
            let cut = if data.len() < custom.data.get().len() { " ..." } else { "" };
            format!("{} {}{cut}", printable(&custom.name), json_line(&data))
        }
        EventBody::Gap(gap) => missing(gap),
    }
}

fn deed(activity: &Activity) -> String {
    let mut text = word(&activity.activity_type);
    if let Some(until) = activity.until {
        text.push_str(&format!(" until {until}"));
    }
    if let Some(reason) = &activity.reason {
        text.push_str(&format!(": {}", printable(reason)));
    }
    text
}

fn focus(window: &Window) -> String {
    let application = printable(window.app_name.as_deref().unwrap_or("?"));
    let title = window.window_title.as_deref().map(printable);
    let cut = if window.recovered { ", cut by a crash" } else { "" };
    match title {
        Some(title) => format!("{application}: {title} ({:.1} s{cut})", window.duration),
        None => format!("{application} ({:.1} s{cut})", window.duration),
    }
}

/// An image: of which monitor, how large, why.
#[must_use]
pub fn image(screenshot: &Screenshot) -> String {
    let same = if screenshot.duplicate_of.is_some() { ", as before" } else { "" };
    format!(
        "monitor {} of {}, {}x{} {}, {}, {}{same}",
        u64::from(screenshot.monitor_index) + 1,
        screenshot.monitor_count,
        screenshot.width,
        screenshot.height,
        screenshot.format.as_str(),
        bytes(screenshot.size_bytes),
        word(&screenshot.trigger),
    )
}

fn missing(gap: &Gap) -> String {
    if let (GapReason::FocusUnobserved, Some(from), Some(to)) =
        (gap.reason, gap.from_time, gap.to_time)
    {
        return format!("the focus was not observed for {:.1} s", to.since(from).as_secs_f64());
    }
    let bound = if gap.estimated { "at most " } else { "" };
    format!("{bound}{} missing: {}", count(gap.count, "event"), gap.reason.as_str())
}

/// An enum as the wire writes it, with spaces.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => "?".to_owned(),
    }
}
