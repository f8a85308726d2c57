//! A day as it was captured, from its events alone. Pure: the moment is an argument.

use std::collections::BTreeMap;

use devpulse_protocol::{ActivityType, Event, EventBody, Timestamp};

use crate::view::{ApplicationTime, Band, BandKind, Span, Today, TodayImage};

/// Where a day begins and where its knowledge ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DayBounds {
    /// The day of the local calendar, `2026-11-22`.
    pub date: String,
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment, or now.
    pub to: Timestamp,
}

/// What has the focus now, which no event tells yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpenWindow {
    /// The application.
    pub app: String,
    /// Its title, as it would be reported.
    pub title: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// Whether the server has an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// It was delivered.
    Delivered,
    /// It waits, or is a dead letter.
    Here,
}

/// Collects the events of a day, in any order.
#[derive(Debug)]
pub(crate) struct Day {
    bounds: DayBounds,
    spans: Vec<(Timestamp, Timestamp, Span)>,
    deeds: Vec<(Timestamp, Deed)>,
    images: Vec<TodayImage>,
    earliest: Option<Timestamp>,
}

/// What opens or closes a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Opens(BandKind),
    Closes(BandKind),
    /// The agent began: what was open before is not known to have ended any earlier.
    Begins,
    /// The agent lives.
    Lives,
}

impl Day {
    /// A day without events.
    #[must_use]
    pub(crate) const fn new(bounds: DayBounds) -> Self {
        Self { bounds, spans: Vec::new(), deeds: Vec::new(), images: Vec::new(), earliest: None }
    }

    /// Takes an event; one of another day counts only for what it opens.
    pub(crate) fn take(&mut self, event: &Event, whereabouts: Whereabouts) {
        let at = event.header.timestamp;
        self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        match &event.body {
            EventBody::Window(window) => {
                let (from, to) = (window.start_time, window.end_time);
                if to <= self.bounds.from || from >= self.bounds.to {
                    return;
                }
                let whole = to.since(from).as_secs_f64();
                let (start, end) = (from.max(self.bounds.from), to.min(self.bounds.to));
                let inside = end.since(start).as_secs_f64();
                // The monotonic duration counts, except for what lies outside the day.
                let seconds = (window.duration - (whole - inside)).clamp(0.0, inside.max(0.0));
                let seconds = if inside < whole { seconds } else { window.duration };
                let span = Span {
                    app: application(window.app_name.as_deref()),
                    title: window.window_title.clone(),
                    start: start.to_string(),
                    end: end.to_string(),
                    seconds,
                    is_delivered: whereabouts == Whereabouts::Delivered,
                    is_open: false,
                };
                self.spans.push((start, end, span));
            }
            EventBody::Activity(activity) => {
                if let Some(deed) = deed(activity.activity_type) {
                    self.deeds.push((at, deed));
                }
            }
            EventBody::Heartbeat(_) => self.deeds.push((at, Deed::Lives)),
            EventBody::Screenshot(shot) if at >= self.bounds.from && at < self.bounds.to => {
                self.images.push(TodayImage {
                    at: at.to_string(),
                    event_id: event.header.event_id.to_string(),
                    sha256: shot.screenshot_hash.clone(),
                });
            }
            EventBody::Screenshot(_) | EventBody::Custom(_) | EventBody::Gap(_) => {}
        }
    }

    /// The day as it is shown, with what has the focus now.
    #[must_use]
    pub(crate) fn finish(mut self, open: Option<OpenWindow>) -> Today {
        if let Some(open) = open.filter(|open| open.since < self.bounds.to) {
            let start = open.since.max(self.bounds.from);
            let span = Span {
                app: open.app,
                title: open.title,
                start: start.to_string(),
                end: self.bounds.to.to_string(),
                seconds: self.bounds.to.since(start).as_secs_f64(),
                is_delivered: false,
                is_open: true,
            };
            self.spans.push((start, self.bounds.to, span));
        }
        self.spans.sort_by_key(|(start, ..)| *start);
        self.images.sort_by(|one, other| one.at.cmp(&other.at));
        self.deeds.sort();
        let bands = bands(&self.deeds, &self.bounds);
        let seconds_of = |kind| {
            let of_kind = bands.iter().filter(|(found, ..)| *found == kind);
            of_kind.map(|(_, from, to)| to.since(*from).as_secs_f64()).sum()
        };
        let (idle_s, locked_s) = (seconds_of(BandKind::Idle), seconds_of(BandKind::Locked));
        let active_s = active(&self.spans, &bands);
        let spans: Vec<_> = self.spans.into_iter().map(|(.., span)| span).collect();
        Today {
            date: self.bounds.date,
            from: self.bounds.from.to_string(),
            to: self.bounds.to.to_string(),
            applications: applications(&spans),
            spans,
            bands: bands
                .into_iter()
                .map(|(kind, from, to)| Band { kind, start: from.to_string(), end: to.to_string() })
                .collect(),
            images: self.images,
            active_s,
            idle_s,
            locked_s,
            known_from: self.earliest.filter(|at| *at > self.bounds.from).map(|at| at.to_string()),
        }
    }
}

/// The name under which time is added up.
#[must_use]
pub(crate) fn application(name: Option<&str>) -> String {
    name.filter(|name| !name.is_empty()).unwrap_or("?").to_owned()
}

const fn deed(activity: ActivityType) -> Option<Deed> {
    Some(match activity {
        ActivityType::Inactive => Deed::Opens(BandKind::Idle),
        ActivityType::Active => Deed::Closes(BandKind::Idle),
        ActivityType::ScreenLocked => Deed::Opens(BandKind::Locked),
        ActivityType::ScreenUnlocked => Deed::Closes(BandKind::Locked),
        ActivityType::Suspended => Deed::Opens(BandKind::Suspended),
        ActivityType::Woke => Deed::Closes(BandKind::Suspended),
        ActivityType::Paused => Deed::Opens(BandKind::Paused),
        ActivityType::Unpaused => Deed::Closes(BandKind::Paused),
        ActivityType::NormalShutdown
        | ActivityType::SystemShutdown
        | ActivityType::UserInterrupt => Deed::Opens(BandKind::Off),
        ActivityType::Started => Deed::Begins,
    })
}

/// The bands of the day, each kind by itself, earliest first.
fn bands(deeds: &[(Timestamp, Deed)], bounds: &DayBounds) -> Vec<(BandKind, Timestamp, Timestamp)> {
    let mut open: BTreeMap<BandKind, Timestamp> = BTreeMap::new();
    let mut bands = Vec::new();
    let mut last_sign = None;
    for &(at, deed) in deeds {
        match deed {
            Deed::Opens(kind) => {
                open.entry(kind).or_insert(at);
            }
            Deed::Closes(kind) => {
                if let Some(from) = open.remove(&kind) {
                    bands.push((kind, from, at));
                }
            }
            Deed::Begins => {
                // What was open ended when the agent did; after a crash that was at its last sign.
                let off = open.remove(&BandKind::Off).or(last_sign);
                let ended = off.unwrap_or(at);
                for (kind, from) in std::mem::take(&mut open) {
                    if kind == BandKind::Paused {
                        open.insert(kind, from);
                    } else {
                        bands.push((kind, from, ended.max(from)));
                    }
                }
                if let Some(off) = off {
                    bands.push((BandKind::Off, off, at));
                }
            }
            Deed::Lives => {}
        }
        last_sign = Some(at);
    }
    bands.extend(open.into_iter().map(|(kind, from)| (kind, from, bounds.to)));
    for (_, from, to) in &mut bands {
        *from = (*from).max(bounds.from);
        *to = (*to).min(bounds.to);
    }
    bands.retain(|(_, from, to)| from < to);
    bands.sort_by_key(|(kind, from, _)| (*from, *kind));
    bands
}

fn applications(spans: &[Span]) -> Vec<ApplicationTime> {
    let mut times: BTreeMap<&str, (f64, u32)> = BTreeMap::new();
    for span in spans {
        let (seconds, visits) = times.entry(&span.app).or_default();
        *seconds += span.seconds;
        *visits += 1;
    }
    let mut times: Vec<_> = times
        .into_iter()
        .map(|(app, (seconds, visits))| ApplicationTime { app: app.to_owned(), seconds, visits })
        .collect();
    times.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    times
}

/// Seconds with a window in focus that lie in no band.
fn active(
    spans: &[(Timestamp, Timestamp, Span)],
    bands: &[(BandKind, Timestamp, Timestamp)],
) -> f64 {
    let mut away: Vec<_> = bands.iter().map(|&(_, from, to)| (from, to)).collect();
    away.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in away {
        match merged.last_mut() {
            Some((_, last)) if from <= *last => *last = (*last).max(to),
            _ => merged.push((from, to)),
        }
    }
    let mut seconds = 0.0;
    for (start, end, span) in spans {
        let lost: f64 = merged.iter().map(|&(from, to)| overlap((*start, *end), (from, to))).sum();
        seconds += (span.seconds - lost).max(0.0);
    }
    seconds
}

fn overlap(one: (Timestamp, Timestamp), other: (Timestamp, Timestamp)) -> f64 {
    let (from, to) = (one.0.max(other.0), one.1.min(other.1));
    if from < to { to.since(from).as_secs_f64() } else { 0.0 }
}

#[cfg(test)]
mod tests;
