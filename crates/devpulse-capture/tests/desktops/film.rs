//! Somebody who watches a film, or listens to a meeting: there is no input, and nobody is away.

use std::time::Duration;

use devpulse_capture::{CapturePolicy, Desktop, Signal};
use devpulse_protocol::{ActivityType, InhibitorRule, Timestamp};

use crate::capture_log::{CaptureLog, near, policy};

/// Without input for this long a person is away.
const IDLE: Duration = Duration::from_secs(3);

/// Boundaries may be off by this much.
const TOLERANCE: Duration = Duration::from_millis(500);

/// Somebody whose desktop can be kept awake.
pub(crate) trait Viewer {
    /// A film begins, or is over.
    async fn film(&mut self, runs: bool);
    async fn input(&mut self);
}

/// The settings with which a film counts so.
pub(crate) fn rule(inhibitors: InhibitorRule) -> CapturePolicy {
    CapturePolicy { idle_threshold: IDLE, inhibitors, ..policy() }
}

/// A film of twice the threshold keeps the viewer there, who leaves at its end.
pub(crate) async fn counts(desktop: Desktop, viewer: &mut impl Viewer) {
    let mut log = CaptureLog::start(rule(InhibitorRule::KeepActive), desktop);
    log.serves(Signal::Idle).await;
    log.serves(Signal::Session).await;
    log.activity(ActivityType::Started).await;
    viewer.film(true).await;
    viewer.input().await;
    log.passes(2 * IDLE).await;
    log.nothing_but_windows();
    let over = Timestamp::now();
    viewer.film(false).await;
    near(log.activity(ActivityType::Inactive).await.at, over, TOLERANCE);
}

/// A film keeps nobody there where the policy says so.
pub(crate) async fn does_not_count(desktop: Desktop, viewer: &mut impl Viewer) {
    viewer.input().await;
    let mut log = CaptureLog::start(rule(InhibitorRule::Ignored), desktop);
    log.serves(Signal::Idle).await;
    log.serves(Signal::Session).await;
    log.activity(ActivityType::Started).await;
    viewer.film(true).await;
    let last_input = Timestamp::now();
    viewer.input().await;
    near(log.activity(ActivityType::Inactive).await.at, last_input, TOLERANCE);
}
