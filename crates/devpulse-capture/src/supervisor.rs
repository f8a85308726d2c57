//! Keeps one signal served: probes its backends in order, takes one only when it has
//! delivered, and begins again when it dies, by whatever cause.

mod own_task;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use devpulse_protocol::CapabilityState;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::desktop::{Arrival, Desktop};
use crate::hook::{Hook, HookError, Observations, Probe, Refusal, Report};
use crate::idle::IdleRule;
use crate::signals::{Signal, StatusEntry};
use own_task::OwnTask;

/// A backend that is silent for this long at its start is refused.
const FIRST_OBSERVATION: Duration = Duration::from_secs(5);

/// A backend that lived this long may be restarted at once.
const LIVED: Duration = Duration::from_secs(60);

/// A desktop that came back may take this long until all of it answers, and is asked often.
const STARTS: Duration = Duration::from_secs(20);

const EAGER_WAIT: Duration = Duration::from_millis(500);

const SHORTEST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Keeps one signal served.
pub(crate) struct Supervisor {
    pub(crate) signal: Signal,
    pub(crate) probes: Vec<Probe>,
    pub(crate) desktop: Arc<Desktop>,
    pub(crate) clock: Clock,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) status: StatusEntry,
    pub(crate) idle_rule: watch::Receiver<IdleRule>,
    pub(crate) cancel: CancellationToken,
}

/// How a round through all backends ended.
enum Round {
    /// None can ever serve here.
    Hopeless,
    /// None serves now.
    Refused,
    /// One served for so long, and died.
    Served(Duration),
}

impl Supervisor {
    /// Runs until it is cancelled, or until nothing can ever serve the signal here.
    pub(crate) async fn run(self) {
        let cancel = self.cancel.clone();
        cancel.run_until_cancelled(self.serve()).await;
    }

    async fn serve(self) {
        if self.probes.is_empty() {
            self.status.unserved(CapabilityState::Unavailable, unwatched(self.signal).to_owned());
            return;
        }
        let mut arrival = Arrival::of(&self.desktop);
        let mut wait = SHORTEST_WAIT;
        let mut came = None;
        loop {
            match self.round().await {
                Round::Hopeless => return,
                Round::Served(lived) if lived >= LIVED => wait = SHORTEST_WAIT,
                Round::Served(_) | Round::Refused => {}
            }
            let starting = came.is_some_and(|came: Instant| came.elapsed() < STARTS);
            tokio::select! {
                () = sleep_about(if starting { EAGER_WAIT } else { wait }) => {
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                () = arrival.next() => came = Some(Instant::now()),
            }
            if starting {
                wait = SHORTEST_WAIT;
            }
        }
    }

    async fn round(&self) -> Round {
        let mut refusals = Vec::new();
        let mut hopeful = Vec::new();
        for probe in &self.probes {
            let refusal = match self.open(probe).await {
                Ok(hook) => match self.watch(hook, &hopeful).await {
                    Ok(lived) => return Round::Served(lived),
                    Err(refusal) => refusal,
                },
                Err(refusal) => refusal,
            };
            tracing::info!(
                signal = self.signal.as_str(), backend = probe.backend, %refusal, "refused"
            );
            if !matches!(refusal, Refusal::Absent(_)) {
                hopeful.push(probe);
            }
            refusals.push(refusal);
        }
        if let Some(told) = Refusal::most_telling(&refusals) {
            let state = match told {
                Refusal::Denied(_) => CapabilityState::Denied,
                _ => CapabilityState::Unavailable,
            };
            self.status.unserved(state, told.to_string());
        }
        if refusals.iter().all(|refusal| matches!(refusal, Refusal::Absent(_))) {
            return Round::Hopeless;
        }
        Round::Refused
    }

    /// Tries a backend, off this task: what it does wrong ends it alone.
    async fn open(&self, probe: &Probe) -> Result<Box<dyn Hook>, Refusal> {
        let (open, desktop) = (Arc::clone(&probe.open), Arc::clone(&self.desktop));
        let opened = OwnTask::spawn(async move { open(&desktop).await }).end().await;
        opened.unwrap_or_else(|_panicked| Err(Refusal::Failed(fault(probe.backend))))
    }

    /// Runs the hook until it ends, or until one of those that were tried before it could
    /// serve; returns how long it served, or why it was not taken.
    async fn watch(&self, hook: Box<dyn Hook>, before: &[&Probe]) -> Result<Duration, Refusal> {
        let backend = hook.backend();
        let out = Observations::new(
            backend,
            self.clock.clone(),
            self.reports.clone(),
            self.status.clone(),
            self.idle_rule.clone(),
        );
        let first = out.first();
        let cancel = self.cancel.child_token();
        let mut run = OwnTask::spawn(async move { hook.run(out, cancel).await });
        let early_end = tokio::select! {
            biased;
            taken = timeout(FIRST_OBSERVATION, first.delivered()) => match taken {
                Ok(()) => None,
                Err(_) => return Err(Refusal::Failed(format!("{backend} told nothing"))),
            },
            end = run.end() => Some(ended(backend, end)),
        };
        tracing::info!(signal = self.signal.as_str(), backend, "serves");
        let since = Instant::now();
        let end = match early_end {
            Some(end) if !first.has_delivered() => {
                let reason = end.err().map_or("it ended at once".to_owned(), |e| describe(&e));
                return Err(Refusal::Failed(reason));
            }
            Some(end) => end,
            None => tokio::select! {
                end = run.end() => ended(backend, end),
                better = self.opens(before) => Err(HookError::new(format!("{better} serves again"))),
            },
        };
        if self.cancel.is_cancelled() {
            return Ok(since.elapsed());
        }
        let reason = end.err().map_or("it ended".to_owned(), |error| describe(&error));
        tracing::warn!(signal = self.signal.as_str(), backend, reason, "lost");
        self.status.unserved(CapabilityState::Unavailable, reason);
        self.reports.send(Report::Lost(self.signal, self.clock.now())).await.ok();
        Ok(since.elapsed())
    }

    /// Returns once one of these opens, with its name; for ever where there is none.
    async fn opens(&self, probes: &[&Probe]) -> &'static str {
        if probes.is_empty() {
            return std::future::pending().await;
        }
        let mut wait = SHORTEST_WAIT;
        loop {
            sleep_about(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            for probe in probes {
                if self.open(probe).await.is_ok() {
                    return probe.backend;
                }
            }
        }
    }
}

/// How a hook ended that may have panicked.
fn ended(
    backend: &str,
    end: Result<Result<(), HookError>, own_task::Panicked>,
) -> Result<(), HookError> {
    end.unwrap_or_else(|_panicked| Err(HookError::new(fault(backend))))
}

/// What is said of a backend that panicked. What it panicked with may quote a title.
fn fault(backend: &str) -> String {
    format!("{backend} stopped by a fault of its own and is started again")
}

/// The wait, varied by a quarter.
async fn sleep_about(wait: Duration) {
    sleep(wait.mul_f64(0.75 + 0.5 * rand::random::<f64>())).await;
}

/// What is true where no backend exists.
const fn unwatched(signal: Signal) -> &'static str {
    match signal {
        Signal::Focus => "the focus is not watched on this desktop",
        Signal::Idle => "input is not watched on this desktop",
        Signal::Session => "lock and sleep are not watched on this desktop",
        Signal::Screen => "screens are not captured on this desktop",
    }
}

/// An error with its causes, on one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
