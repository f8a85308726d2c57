//! What was captured: the day, the events, their images.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devpulse_agent::settings::Settings;
use devpulse_agent::{event_summary, image};
use devpulse_control::{EventsQuery, ListedEvent, Which};
use devpulse_protocol::{Event, EventBody, EventId, Screenshot, Timestamp};
use jiff::{ToSpan, Zoned};
use serde::Deserialize;
use tauri::State;

use crate::backend::{self, Backend};
use crate::day::{self, Day, DayBounds, OpenWindow, Whereabouts};
use crate::indented::indented;
use crate::view::{
    ImageView, Outbox, OutboxCounts, OutboxEvent, OutboxRequest, OutboxWhich, Problem, Today,
};

/// The most events that are shown at a time.
const LONGEST_LIST: u32 = 1_000;
/// Days back that can still be told; history is kept for thirty days at the most.
const FARTHEST_DAY: u32 = 30;

/// A day as it was captured: today, or so many days ago.
#[tauri::command]
pub(super) async fn today(backend: State<'_, Backend>, days_ago: u32) -> Result<Today, Problem> {
    let (_, settings) = backend::settings(Vec::new())?;
    let bounds = bounds(&Zoned::now(), days_ago.min(FARTHEST_DAY))?;
    let mut day = Day::new(bounds);
    for (which, whereabouts) in [
        (Which::Sent, Whereabouts::Delivered),
        (Which::Pending, Whereabouts::Here),
        (Which::Dead, Whereabouts::Here),
    ] {
        let query = EventsQuery { which, limit: None };
        let take = |listed: ListedEvent| {
            if let Ok(event) = serde_json::from_str(listed.json.get()) {
                day.take(&event, whereabouts);
            }
            ControlFlow::Continue(())
        };
        backend.link().events(&settings, query, take).await?;
    }
    let open = if days_ago == 0 { open_window(&backend).await } else { None };
    Ok(day.finish(open))
}

/// Events as they are sent.
#[tauri::command]
pub(super) async fn outbox(
    backend: State<'_, Backend>,
    request: OutboxRequest,
) -> Result<Outbox, Problem> {
    let (_, settings) = backend::settings(Vec::new())?;
    let limit = request.limit.clamp(1, LONGEST_LIST);
    let which = match request.which {
        OutboxWhich::Pending => Which::Pending,
        OutboxWhich::Sent => Which::Sent,
        OutboxWhich::Dead => Which::Dead,
    };
    let query = EventsQuery { which, limit: Some(u64::from(limit) + 1) };
    let mut listed = Vec::new();
    let take = |event| {
        listed.push(event);
        ControlFlow::Continue(())
    };
    backend.link().events(&settings, query, take).await?;
    let has_more = listed.len() > limit as usize;
    if request.which == OutboxWhich::Sent {
        listed.reverse();
    }
    listed.truncate(limit as usize);
    let pipeline = backend.link().status(&settings).await?.pipeline;
    let counts =
        OutboxCounts { pending: pipeline.pending, sent: pipeline.sent, dead: pipeline.dead_letter };
    let counts = counts.of_list(request.which, listed.len() as u64, has_more);
    let events = listed.iter().filter_map(|event| shown(event, &settings)).collect();
    Ok(Outbox { events, counts, has_more })
}

/// The image with this hash as a `data:` URL.
#[tauri::command]
pub(super) async fn image(backend: State<'_, Backend>, sha256: String) -> Result<String, Problem> {
    let (_, settings) = backend::settings(Vec::new())?;
    let image = match backend.link().client().await {
        Ok(client) => image::ask(&client, &sha256).await,
        Err(_) => {
            let read = move || image::read(&settings, &sha256);
            let reading = tauri::async_runtime::spawn_blocking(read).await;
            reading.map_err(|error| Problem::of(&error, None))?
        }
    };
    let image = image.map_err(|error| Problem::of(&error, None))?;
    Ok(format!("data:{};base64,{}", image.media_type, STANDARD.encode(&image.bytes)))
}

/// Puts a dead letter, or all of them, back among the events that wait.
#[tauri::command]
pub(super) async fn replay(
    backend: State<'_, Backend>,
    event_id: Option<EventId>,
) -> Result<u64, Problem> {
    Ok(backend.link().client().await?.replay(event_id).await?)
}

impl OutboxCounts {
    /// The agent counts a moment after it listed, and goes on meanwhile: a list that is whole
    /// is the count of its kind, one that is cut is shorter than it.
    fn of_list(mut self, which: OutboxWhich, listed: u64, has_more: bool) -> Self {
        let count = match which {
            OutboxWhich::Pending => &mut self.pending,
            OutboxWhich::Dead => &mut self.dead,
            OutboxWhich::Sent => return self,
        };
        *count = if has_more { listed.saturating_add(1).max(*count) } else { listed };
        self
    }
}

fn bounds(now: &Zoned, days_ago: u32) -> Result<DayBounds, Problem> {
    let day = now.checked_sub(i64::from(days_ago).days()).and_then(|day| day.start_of_day());
    let next = day.clone().and_then(|day| day.tomorrow());
    let (Ok(day), Ok(next)) = (day, next) else {
        return Err(Problem::new("this day has no place in the calendar", None));
    };
    let stamp = |moment: &Zoned| Timestamp::from_millis(moment.timestamp().as_millisecond());
    let to = stamp(&next).min(stamp(now));
    Ok(DayBounds { date: day.date().to_string(), from: stamp(&day), to })
}

async fn open_window(backend: &Backend) -> Option<OpenWindow> {
    let present = backend.link().ask(|client| async move { client.present().await }).await.ok()?;
    let window = present.window?;
    Some(OpenWindow {
        app: day::application(window.app_name.as_deref()),
        title: window.window_title,
        since: window.since,
    })
}

fn shown(listed: &ListedEvent, settings: &Settings) -> Option<OutboxEvent> {
    #[derive(Deserialize)]
    struct Header {
        event_id: String,
        seq: i64,
        event_type: String,
        timestamp: String,
    }
    let header: Header = serde_json::from_str(listed.json.get()).ok()?;
    let event: Option<Event> = serde_json::from_str(listed.json.get()).ok();
    let image = match event.as_ref().map(|event| &event.body) {
        Some(EventBody::Screenshot(shot)) => Some(image_view(shot, settings)),
        _ => None,
    };
    let reason = match (listed.status, &listed.reason) {
        (Some(status), Some(reason)) => Some(format!("{reason} ({status})")),
        (Some(status), None) => Some(status.to_string()),
        (None, reason) => reason.clone(),
    };
    Some(OutboxEvent {
        event_id: header.event_id,
        seq: header.seq,
        summary: event.map_or_else(String::new, |event| event_summary::of(&event.body)),
        event_type: header.event_type,
        timestamp: header.timestamp,
        json: indented(listed.json.get()),
        image,
        reason,
    })
}

fn image_view(shot: &Screenshot, settings: &Settings) -> ImageView {
    ImageView {
        sha256: shot.screenshot_hash.clone(),
        width: shot.width,
        height: shot.height,
        size_bytes: shot.size_bytes,
        is_here: image::is_here(settings, &shot.screenshot_hash, shot.size_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_a_list_is_that_of_its_rows_whatever_happened_since() {
        let later = OutboxCounts { pending: 7, sent: 900, dead: 2 };
        let whole = later.of_list(OutboxWhich::Pending, 5, false);
        assert_eq!(whole, OutboxCounts { pending: 5, ..later });
        let cut = later.of_list(OutboxWhich::Pending, 100, true);
        assert_eq!(cut, OutboxCounts { pending: 101, ..later });
        let long = OutboxCounts { pending: 5_000, ..later };
        assert_eq!(long.of_list(OutboxWhich::Pending, 100, true), long);
        assert_eq!(later.of_list(OutboxWhich::Dead, 0, false), OutboxCounts { dead: 0, ..later });
        assert_eq!(later.of_list(OutboxWhich::Sent, 100, false), later);
    }
}
