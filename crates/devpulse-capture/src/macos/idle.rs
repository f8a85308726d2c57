//! Idle time. macOS tells when the last input was, but not that there is some: while there
//! is, the next look is when the threshold would be reached; while there is none, input is
//! looked for every other second.

use std::time::Duration;

use objc2_core_graphics::{CGEventSource, CGEventSourceStateID, CGEventType};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::assertions::kept_screen;
use crate::clock::Moment;
use crate::guard::idle::IdleClaims;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations};
use crate::idle::KeptScreen;
use crate::signals::Signal;

/// How often to look for input while there is none.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// A timer may end this much before the threshold is reached.
const MARGIN: Duration = Duration::from_millis(50);

/// Two readings of the same last input may differ by this much.
const SLACK: Duration = Duration::from_millis(500);

/// Input of any kind (`kCGAnyInputEventType`).
const ANY_INPUT: CGEventType = CGEventType(u32::MAX);

/// Watches the input.
pub(super) struct IdleHook;

impl Hook for IdleHook {
    fn signal(&self) -> Signal {
        Signal::Idle
    }

    fn backend(&self) -> &'static str {
        "cgeventsource"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(watch(&out)).await.unwrap_or(Ok(())) })
    }
}

async fn watch(out: &Observations) -> Result<(), HookError> {
    let mut rule = out.idle_rule();
    let mut claims = IdleClaims::default();
    let mut quiet_since: Option<Moment> = None;
    let mut last_kept: Option<KeptScreen> = None;
    loop {
        let now = out.now();
        let limit = rule.borrow_and_update().threshold;
        let idle = claims.believed(since_last_input()?, now.mono, uptime());
        let last_input = now.minus(idle);
        // A threshold that is raised while nobody is there brings nobody back.
        let stays = quiet_since.is_some_and(|since| since.plus(SLACK).mono >= last_input.mono);
        let next_look = if stays || idle >= limit {
            let kept = kept_screen();
            if last_kept != Some(kept) {
                last_kept = Some(kept);
                out.send(Observation::Screen(kept), now).await;
            }
            if !stays {
                out.send(Observation::Quiet { since: last_input }, now).await;
                quiet_since = Some(last_input);
            }
            LOOK_AGAIN
        } else {
            out.send(Observation::Input, last_input).await;
            quiet_since = None;
            limit - idle + MARGIN
        };
        tokio::select! {
            () = sleep(next_look) => {}
            changed = rule.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

fn since_last_input() -> Result<Duration, HookError> {
    let seconds = CGEventSource::seconds_since_last_event_type(
        CGEventSourceStateID::HIDSystemState,
        ANY_INPUT,
    );
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| HookError::with_source("the last input is not told", error))
}

/// Since the machine was started; this clock counts its sleep.
fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or(Duration::MAX)
}
