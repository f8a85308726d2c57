//! Whether there is input, as GNOME's Mutter counts it.

use std::time::Duration;

use devpulse_protocol::InhibitorRule;
use tokio_util::sync::CancellationToken;

use super::bus::{Bus, CallError, Object};
use crate::clock::Moment;
use crate::hook::{BoxFuture, Hook, HookError, Observation, Observations, Refusal};
use crate::idle::IdleRule;
use crate::signals::Signal;

/// Its name in `doctor`.
pub(super) const BACKEND: &str = "mutter-idle-monitor";

const MUTTER: &str = "org.gnome.Mutter.IdleMonitor";

const MONITOR: Object<'_> =
    Object { peer: MUTTER, path: "/org/gnome/Mutter/IdleMonitor/Core", interface: MUTTER };

/// Two readings of the same last input may differ by this much.
const SLACK: Duration = Duration::from_millis(500);

const NOT_ALONE: &str = "GNOME does not count time without input while a program keeps the screen \
                         awake, although the policy asks for it";

/// Watches the input.
pub(super) struct IdleHook {
    bus: Bus,
    /// The connection that Mutter has: nobody else is believed.
    mutter: String,
}

/// What Mutter was asked to tell of.
#[derive(Default)]
struct Watches {
    quiet: Option<(u32, Duration)>,
    input: Option<u32>,
}

impl IdleHook {
    pub(super) async fn open(bus: Bus) -> Result<Self, Refusal> {
        let mutter = bus
            .owner(MUTTER)
            .await
            .ok_or_else(|| Refusal::Unfit("Mutter does not run on the session bus".to_owned()))?;
        Ok(Self { bus, mutter })
    }

    async fn watch(mut self, out: Observations) -> Result<(), HookError> {
        let fired = format!("type='signal',sender='{MUTTER}',member='WatchFired'");
        self.bus.subscribe(&fired).await.map_err(unheard)?;
        let owner = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";
        self.bus.subscribe(&format!("{owner},arg0='{MUTTER}'")).await.map_err(unheard)?;
        let mut rule = out.idle_rule();
        let mut watches = Watches::default();
        let mut quiet_since = None;
        let mut shown = None;
        loop {
            let IdleRule { threshold, inhibitors } = *rule.borrow_and_update();
            quiet_since = self.look(&out, threshold, quiet_since, &mut watches).await?;
            if shown != Some(inhibitors) {
                let ignored = inhibitors == InhibitorRule::Ignored;
                out.shortcoming(ignored.then(|| NOT_ALONE.to_owned()));
                shown = Some(inhibitors);
            }
            loop {
                tokio::select! {
                    message = self.bus.next_signal() => {
                        let message = message?;
                        let header = message.header();
                        match header.member().map(|member| member.as_str()) {
                            Some("NameOwnerChanged") => {
                                return Err(HookError::new("Mutter went away"));
                            }
                            Some("WatchFired") if header.sender().is_some_and(|sender| sender.as_str() == self.mutter) => {
                                let which = message.body().deserialize::<u32>().ok();
                                if which == watches.input {
                                    // It is told of once.
                                    watches.input = None;
                                }
                                break;
                            }
                            _ => {}
                        }
                    }
                    changed = rule.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return Ok(()),
                    },
                }
            }
        }
    }

    /// Says how things are, and has the next change told.
    async fn look(
        &self,
        out: &Observations,
        threshold: Duration,
        quiet_since: Option<Moment>,
        watches: &mut Watches,
    ) -> Result<Option<Moment>, HookError> {
        if watches.quiet.is_none_or(|(_, of)| of != threshold) {
            if let Some((old, _)) = watches.quiet.take() {
                self.ask::<_, ()>("RemoveWatch", &old).await?;
            }
            let millis = u64::try_from(threshold.as_millis()).unwrap_or(u64::MAX);
            watches.quiet = Some((self.ask("AddIdleWatch", &millis).await?, threshold));
        }
        let idle = self.idle().await?;
        let last_input = out.now().minus(idle);
        // A threshold that is raised while nobody is there brings nobody back.
        let same = quiet_since.is_some_and(|since| last_input.since(since) <= SLACK);
        if idle + SLACK.min(threshold / 2) < threshold && !same {
            out.send(Observation::Input, last_input).await;
            return Ok(None);
        }
        if watches.input.is_none() {
            watches.input = Some(self.ask("AddUserActiveWatch", &()).await?);
        }
        if self.idle().await? + SLACK < idle {
            // There was input before that was heard.
            out.send(Observation::Input, out.now()).await;
            return Ok(None);
        }
        out.send(Observation::Quiet { since: last_input }, out.now()).await;
        Ok(Some(last_input))
    }

    async fn idle(&self) -> Result<Duration, HookError> {
        self.ask::<_, u64>("GetIdletime", &()).await.map(Duration::from_millis)
    }

    async fn ask<B, R>(&self, method: &str, body: &B) -> Result<R, HookError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
        R: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        self.bus.call(MONITOR, method, body).await.map_err(unheard)
    }
}

fn unheard(error: CallError) -> HookError {
    HookError::with_source("Mutter does not answer", error)
}

impl Hook for IdleHook {
    fn signal(&self) -> Signal {
        Signal::Idle
    }

    fn backend(&self) -> &'static str {
        BACKEND
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        cancel: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move { cancel.run_until_cancelled(self.watch(out)).await.unwrap_or(Ok(())) })
    }
}
