//! Whether there is input, by alarms on the server's `IDLETIME` counter: one for the time
//! without input reaching the threshold, then one for it falling back.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use x11rb::connection::{Connection as _, RequestConnection};
use x11rb::protocol::Event;
use x11rb::protocol::sync::{
    self, Alarm, ChangeAlarmAux, Counter, CreateAlarmAux, Int64, TESTTYPE, VALUETYPE,
};

use super::connection::{Connection, Readiness, gone};
use super::off_the_runtime;
use super::properties::reply;
use crate::clock::Moment;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations};
use crate::signals::Signal;

/// Two readings of the same last input may differ by this much.
const SLACK: Duration = Duration::from_millis(500);

/// Watches the input.
pub(super) struct IdleHook {
    connection: Connection,
}

impl IdleHook {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }
}

impl Hook for IdleHook {
    fn signal(&self) -> Signal {
        Signal::Idle
    }

    fn backend(&self) -> &'static str {
        "x11-sync"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            let readiness = self.connection.readiness()?;
            let watched = watch(self.connection, &readiness, &out);
            cancel.run_until_cancelled(watched).await.unwrap_or(Ok(()))
        })
    }
}

async fn watch(
    connection: Connection,
    readiness: &Readiness,
    out: &Observations,
) -> Result<(), HookError> {
    let mut rule = out.idle_rule();
    let opened = connection.clone();
    let mut alarms = off_the_runtime(move || Alarms::new(opened)).await??;
    let mut quiet_since = None;
    let mut due = true;
    loop {
        while let Some(event) = connection.next_event()? {
            due |= matches!(event, Event::SyncAlarmNotify(_));
        }
        if !due {
            tokio::select! {
                ready = readiness.wait() => ready?,
                changed = rule.changed() => match changed {
                    Ok(()) => due = true,
                    Err(_) => return Ok(()),
                },
            }
            continue;
        }
        let limits = Limits::new(rule.borrow_and_update().threshold, quiet_since, out.now());
        let (armed, returned) = off_the_runtime(move || (alarms.arm(limits), alarms)).await?;
        alarms = returned;
        due = false;
        let (state, idle) = armed?;
        let now = out.now();
        let last_input = now.minus(idle);
        match state {
            State::Quiet => {
                quiet_since = Some(last_input);
                out.send(Observation::Quiet { since: last_input }, now).await;
            }
            State::Input => {
                quiet_since = None;
                out.send(Observation::Input, last_input).await;
            }
        }
    }
}

/// Whether the time without input has reached its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    Input,
}

/// Times without input, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// From here on it is quiet.
    quiet: i64,
    /// From here on it is still quiet, after it was before.
    still_quiet: i64,
}

impl Limits {
    /// A threshold that is raised while nobody is there brings nobody back: it stays quiet
    /// until there is input.
    fn new(threshold: Duration, quiet_since: Option<Moment>, now: Moment) -> Self {
        let quiet = i64::try_from(threshold.as_millis()).unwrap_or(i64::MAX);
        let since_last_input = quiet_since
            .map(|since| now.wall.since(since.wall).saturating_sub(SLACK))
            .and_then(|duration| i64::try_from(duration.as_millis()).ok());
        Self { quiet, still_quiet: since_last_input.map_or(quiet, |since| since.clamp(1, quiet)) }
    }
}

/// The counter, and the one alarm on it. Its methods block.
struct Alarms {
    connection: Connection,
    counter: Counter,
    alarm: Alarm,
}

impl Alarms {
    fn new(connection: Connection) -> Result<Self, HookError> {
        let x = &*connection.x;
        if x.extension_information(sync::X11_EXTENSION_NAME).map_err(gone)?.is_none() {
            return Err(HookError::new("the X display has no SYNC extension"));
        }
        reply(sync::initialize(x, 3, 1).map_err(gone)?.reply())?;
        let counters = reply(sync::list_system_counters(x).map_err(gone)?.reply())?;
        let counter = counters
            .into_iter()
            .flat_map(|counters| counters.counters)
            .find(|counter| counter.name == b"IDLETIME")
            .map(|counter| counter.counter)
            .ok_or_else(|| HookError::new("the X display does not count idle time"))?;
        let alarm = x
            .generate_id()
            .map_err(|error| HookError::with_source("the X display is out of ids", error))?;
        let aux = CreateAlarmAux::new()
            .counter(counter)
            .value_type(VALUETYPE::ABSOLUTE)
            .value(int64(i64::MAX))
            .test_type(TESTTYPE::POSITIVE_COMPARISON)
            .delta(int64(0))
            .events(1);
        sync::create_alarm(x, alarm, &aux).map_err(gone)?;
        Ok(Self { connection, counter, alarm })
    }

    /// Sets the alarm for the next change of state, and returns the state and the time
    /// without input.
    fn arm(&self, limits: Limits) -> Result<(State, Duration), HookError> {
        let mut limit = limits.still_quiet;
        loop {
            let quiet = self.idle_ms()? >= limit;
            let (test, value) = if quiet {
                (TESTTYPE::NEGATIVE_COMPARISON, limit - 1)
            } else {
                limit = limits.quiet;
                (TESTTYPE::POSITIVE_COMPARISON, limit)
            };
            let aux = ChangeAlarmAux::new()
                .test_type(test)
                .value_type(VALUETYPE::ABSOLUTE)
                .value(int64(value))
                .delta(int64(0))
                .events(1);
            sync::change_alarm(&*self.connection.x, self.alarm, &aux).map_err(gone)?;
            // That may have changed before the alarm was set.
            let idle = self.idle_ms()?;
            if (idle >= limit) == quiet {
                let state = if quiet { State::Quiet } else { State::Input };
                return Ok((state, Duration::from_millis(idle.unsigned_abs())));
            }
        }
    }

    fn idle_ms(&self) -> Result<i64, HookError> {
        let cookie = sync::query_counter(&*self.connection.x, self.counter).map_err(gone)?;
        let value = reply(cookie.reply())?
            .ok_or_else(|| HookError::new("the X display lost its idle counter"))?
            .counter_value;
        Ok(((i64::from(value.hi) << 32) | i64::from(value.lo)).max(0))
    }
}

fn int64(value: i64) -> Int64 {
    Int64 { hi: (value >> 32) as i32, lo: value as u32 }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Timestamp;

    use super::*;

    #[test]
    fn a_raised_threshold_brings_nobody_back() {
        let now = Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000) };
        let threshold = Duration::from_secs(300);
        let fresh = Limits::new(threshold, None, now);
        assert_eq!(fresh, Limits { quiet: 300_000, still_quiet: 300_000 });
        let away = Limits::new(threshold, Some(now.minus(Duration::from_secs(60))), now);
        assert_eq!(away, Limits { quiet: 300_000, still_quiet: 59_500 });
        let long_away = Limits::new(threshold, Some(now.minus(Duration::from_secs(900))), now);
        assert_eq!(long_away, fresh);
    }

    #[test]
    fn counters_of_64_bits_keep_both_halves() {
        let halves = |value| (int64(value).hi, int64(value).lo);
        assert_eq!(halves(i64::MAX), (i32::MAX, u32::MAX));
        assert_eq!(halves((7 << 32) | 9), (7, 9));
    }
}
