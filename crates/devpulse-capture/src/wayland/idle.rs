//! Whether there is input, as the compositor counts it: by ext-idle-notify, else by the older
//! protocol of KDE.
//!
//! Neither tells of the time before it was asked, so a hook that begins says only that it
//! listens. Neither can be asked about another threshold while it counts: a notification that
//! has told of quiet is kept until there is input again, because only it tells of the return.

use std::time::Duration;

use devpulse_protocol::InhibitorRule;
use tokio_util::sync::CancellationToken;
use wayland_client::protocol::wl_callback::WlCallback;
use wayland_client::protocol::wl_registry::WlRegistry;
use wayland_client::protocol::wl_seat::WlSeat;
use wayland_client::{Connection, Dispatch, QueueHandle, delegate_dispatch};
use wayland_protocols::ext::idle_notify::v1::client::ext_idle_notification_v1::{
    self, ExtIdleNotificationV1,
};
use wayland_protocols::ext::idle_notify::v1::client::ext_idle_notifier_v1::ExtIdleNotifierV1;
use wayland_protocols_plasma::idle::client::org_kde_kwin_idle::OrgKdeKwinIdle;
use wayland_protocols_plasma::idle::client::org_kde_kwin_idle_timeout::{
    self, OrgKdeKwinIdleTimeout,
};

use super::wire::{Basics, Listener, Registry, Settled, Wire};
use crate::clock::Moment;
use crate::desktop::Desktop;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal};
use crate::signals::Signal;

/// From this version on, input can be told from what keeps the screen awake.
const TELLS_INPUT: u32 = 2;

const NOT_ALONE: &str = "this compositor does not count time without input while a program keeps \
                         the screen awake, although the policy asks for it";

/// The compositor may tell of the end of a count this much late.
const SLACK: Duration = Duration::from_millis(300);

/// Which protocol counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    ExtIdleNotify,
    KdeIdle,
}

impl Protocol {
    pub(super) const fn backend(self) -> &'static str {
        match self {
            Self::ExtIdleNotify => "ext-idle-notify",
            Self::KdeIdle => "kde-idle",
        }
    }
}

/// Watches the input.
pub(super) struct IdleHook {
    protocol: Protocol,
    wire: Wire<Ears>,
    ears: Ears,
    seat: WlSeat,
    counter: Counter,
}

/// Who counts.
enum Counter {
    Ext(ExtIdleNotifierV1),
    Kde(OrgKdeKwinIdle),
}

/// A count that runs.
enum Count {
    Ext(ExtIdleNotificationV1),
    Kde(OrgKdeKwinIdleTimeout),
}

impl Drop for Count {
    fn drop(&mut self) {
        match self {
            Self::Ext(notification) => notification.destroy(),
            Self::Kde(timeout) => timeout.release(),
        }
    }
}

/// What the compositor said of the count that bears this number.
#[derive(Default)]
struct Ears {
    basics: Basics,
    told: Vec<(u64, Told)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Idle,
    Resumed,
}

impl IdleHook {
    pub(super) async fn open(desktop: &Desktop, protocol: Protocol) -> Result<Self, Refusal> {
        let mut ears = Ears::default();
        let mut wire = Wire::open(desktop, &mut ears).await?;
        let seat = wire.bind(&mut ears, 1).ok_or_else(|| {
            Refusal::Failed("the compositor has no seat, so there is no input".to_owned())
        })?;
        let counter = match protocol {
            Protocol::ExtIdleNotify => {
                wire.bind(&mut ears, TELLS_INPUT).map(Counter::Ext).ok_or_else(|| {
                    Refusal::Unfit("the compositor offers no ext_idle_notifier_v1".to_owned())
                })?
            }
            Protocol::KdeIdle => wire.bind(&mut ears, 1).map(Counter::Kde).ok_or_else(|| {
                Refusal::Unfit(
                    "the compositor offers neither ext_idle_notifier_v1 nor org_kde_kwin_idle, so \
                     it does not tell when input stops"
                        .to_owned(),
                )
            })?,
        };
        wire.settle(&mut ears).await.map_err(|error| Refusal::Failed(error.to_string()))?;
        Ok(Self { protocol, wire, ears, seat, counter })
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let ready = self.wire.readiness()?;
        let mut rule = out.idle_rule();
        let mut state = State::Listening(out.now());
        let mut number = 0;
        let mut timing = *rule.borrow_and_update();
        let mut _count = self.count(timing.threshold, timing.inhibitors, number);
        self.wire.settle(&mut self.ears).await?;
        out.send(Observation::Listening, out.now()).await;
        out.shortcoming(self.shortcoming(timing.inhibitors));
        let mut outdated = false;
        loop {
            tokio::select! {
                heard = self.wire.dispatch(&ready, &mut self.ears) => heard?,
                changed = rule.changed() => match changed {
                    Ok(()) => outdated = true,
                    Err(_) => return Ok(()),
                },
            }
            for (of, told) in std::mem::take(&mut self.ears.told) {
                if of == number {
                    let (next, observation, at) = state.told(told, timing.threshold, out.now());
                    state = next;
                    out.send(observation, at).await;
                }
            }
            if outdated && !matches!(state, State::Quiet) {
                outdated = false;
                number += 1;
                timing = *rule.borrow_and_update();
                state = State::Listening(out.now());
                _count = self.count(timing.threshold, timing.inhibitors, number);
                out.shortcoming(self.shortcoming(timing.inhibitors));
            }
        }
    }

    /// What cannot be counted as the policy asks.
    fn shortcoming(&self, inhibitors: InhibitorRule) -> Option<String> {
        (inhibitors == InhibitorRule::Ignored && !self.tells_input()).then(|| NOT_ALONE.to_owned())
    }

    /// Whether input can be told from what keeps the screen awake.
    fn tells_input(&self) -> bool {
        match &self.counter {
            Counter::Kde(_) => false,
            Counter::Ext(notifier) => wayland_client::Proxy::version(notifier) >= TELLS_INPUT,
        }
    }

    /// Begins to count anew.
    fn count(&self, threshold: Duration, inhibitors: InhibitorRule, number: u64) -> Count {
        let millis = u32::try_from(threshold.as_millis()).unwrap_or(u32::MAX);
        let queue = self.wire.handle();
        match &self.counter {
            Counter::Kde(idle) => {
                Count::Kde(idle.get_idle_timeout(&self.seat, millis, &queue, number))
            }
            Counter::Ext(notifier) => Count::Ext(match inhibitors {
                InhibitorRule::Ignored if self.tells_input() => {
                    notifier.get_input_idle_notification(millis, &self.seat, &queue, number)
                }
                _ => notifier.get_idle_notification(millis, &self.seat, &queue, number),
            }),
        }
    }
}

/// What is known of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was told since the count began here; input only makes it begin again.
    Listening(Moment),
    /// There was input since then.
    Input,
    /// There is none.
    Quiet,
}

impl State {
    fn told(self, told: Told, threshold: Duration, now: Moment) -> (Self, Observation, Moment) {
        match told {
            Told::Resumed => (Self::Input, Observation::Input, now),
            Told::Idle => {
                let since = now.minus(threshold);
                let observation = match self {
                    // The count has run since it began: whether there was input before it did
                    // is not known.
                    Self::Listening(begun) if since.since(begun) <= SLACK => {
                        Observation::StillQuiet { since: begun }
                    }
                    _ => Observation::Quiet { since },
                };
                (Self::Quiet, observation, now)
            }
        }
    }
}

impl Hook for IdleHook {
    fn signal(&self) -> Signal {
        Signal::Idle
    }

    fn backend(&self) -> &'static str {
        self.protocol.backend()
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(self.watch(out)).await.unwrap_or(Ok(())) })
    }
}

impl Listener for Ears {
    fn basics(&mut self) -> &mut Basics {
        &mut self.basics
    }
}

delegate_dispatch!(Ears: [WlRegistry: Registry] => Registry);
delegate_dispatch!(Ears: [WlCallback: Settled] => Settled);
wayland_client::delegate_noop!(Ears: ignore WlSeat);
wayland_client::delegate_noop!(Ears: ExtIdleNotifierV1);
wayland_client::delegate_noop!(Ears: OrgKdeKwinIdle);

impl Dispatch<ExtIdleNotificationV1, u64> for Ears {
    fn event(
        ears: &mut Self,
        _: &ExtIdleNotificationV1,
        event: ext_idle_notification_v1::Event,
        number: &u64,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            ext_idle_notification_v1::Event::Idled => ears.told.push((*number, Told::Idle)),
            ext_idle_notification_v1::Event::Resumed => ears.told.push((*number, Told::Resumed)),
            _ => {}
        }
    }
}

impl Dispatch<OrgKdeKwinIdleTimeout, u64> for Ears {
    fn event(
        ears: &mut Self,
        _: &OrgKdeKwinIdleTimeout,
        event: org_kde_kwin_idle_timeout::Event,
        number: &u64,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            org_kde_kwin_idle_timeout::Event::Idle => ears.told.push((*number, Told::Idle)),
            org_kde_kwin_idle_timeout::Event::Resumed => ears.told.push((*number, Told::Resumed)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use devpulse_protocol::Timestamp;

    use super::*;

    const THRESHOLD: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Moment {
        Moment { mono: Duration::ZERO, wall: Timestamp::from_millis(1_000_000) }
            .plus(Duration::from_secs(seconds))
    }

    #[track_caller]
    fn quiet_since(state: State, now: Moment) -> (bool, Moment) {
        match state.told(Told::Idle, THRESHOLD, now) {
            (State::Quiet, Observation::Quiet { since }, _) => (true, since),
            (State::Quiet, Observation::StillQuiet { since }, _) => (false, since),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn quiet_began_a_threshold_before_it_was_told() {
        assert_eq!(quiet_since(State::Input, at(50)), (true, at(40)));
    }

    #[test]
    fn input_makes_the_count_begin_again_without_a_word() {
        assert_eq!(quiet_since(State::Listening(at(0)), at(25)), (true, at(15)));
    }

    #[test]
    fn a_count_that_ran_from_its_beginning_does_not_know_the_last_input() {
        assert_eq!(quiet_since(State::Listening(at(0)), at(10)), (false, at(0)));
    }
}
