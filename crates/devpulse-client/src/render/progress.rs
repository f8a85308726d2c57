//! How far a synchronisation has got: a bar on a terminal, plain lines elsewhere.

use std::time::Duration;

use devpulse_agent::printable::printable;
use devpulse_control::{PipelineState, SyncProgress};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::count;
use crate::output;

/// Time between two plain lines that tell nothing but other numbers.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

const BAR: &str = "{bar:32} {pos} of {len} events  {msg}";

/// Shows progress on standard error; the bar goes when this is dropped.
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines { last: Option<(Instant, Option<String>)> },
}

impl Progress {
    pub(crate) fn begin() -> Self {
        if !output::errors_are_watched() {
            return Self::Lines { last: None };
        }
        let style =
            ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self::Bar(ProgressBar::new(0).with_style(style))
    }

    pub(crate) fn show(&mut self, report: &SyncProgress) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(report.sent.saturating_add(report.pending));
                bar.set_position(report.sent);
                bar.set_message(obstacle(report).unwrap_or_default());
            }
            Self::Lines { last } => {
                let now = Instant::now();
                let obstacle = obstacle(report);
                let is_news = last.as_ref().is_none_or(|(at, known)| {
                    *known != obstacle || now.duration_since(*at) >= LINE_INTERVAL
                });
                if is_news {
                    output::note(&line(report, obstacle.as_deref()));
                    *last = Some((now, obstacle));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(report: &SyncProgress, obstacle: Option<&str>) -> String {
    let figures = format!("{} delivered, {} pending", count(report.sent, "event"), report.pending);
    match obstacle {
        Some(obstacle) => format!("{figures}; {obstacle}"),
        None => figures,
    }
}

/// What keeps events from being sent, in words.
fn obstacle(report: &SyncProgress) -> Option<String> {
    if matches!(report.state, PipelineState::Idle | PipelineState::Sending) {
        return None;
    }
    let state = report.state.as_str().replace('_', " ");
    Some(match &report.last_error {
        Some(error) => format!("{state}: {}", printable(error)),
        None => state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_figures_and_what_stands_in_the_way() {
        let mut report = SyncProgress {
            sent: 1,
            pending: 3,
            state: PipelineState::Sending,
            last_error: Some("timed out".to_owned()),
        };
        assert_eq!(line(&report, obstacle(&report).as_deref()), "1 event delivered, 3 pending");
        report.state = PipelineState::BackingOff;
        assert_eq!(
            line(&report, obstacle(&report).as_deref()),
            "1 event delivered, 3 pending; backing off: timed out"
        );
    }
}
