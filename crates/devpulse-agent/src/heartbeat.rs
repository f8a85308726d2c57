//! Heartbeats: the agent lives, and this is what it has still to deliver.

use std::sync::Arc;

use devpulse_capture::{CaptureHandle, Figures};
use devpulse_control::Sample;
use devpulse_pipeline::wal::{Ledger, Wal};
use devpulse_protocol::{ConsentNote, HeartbeatType, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock_skew::ClockSkew;
use crate::consent;
use crate::credentials::SecretPlace;
use crate::pace::Pace;
use crate::settings::Settings;
use crate::trend::Trend;

/// Sends a heartbeat at every interval.
pub(crate) struct Heartbeat {
    pub(crate) capture: CaptureHandle,
    pub(crate) wal: Wal,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    pub(crate) trend: Trend,
    pub(crate) clock_skew: ClockSkew,
    pub(crate) secret_place: SecretPlace,
}

impl Heartbeat {
    /// Runs until `stop` is cancelled. A changed interval counts from the last heartbeat.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut last = tokio::time::Instant::now();
        self.figures().await;
        let mut share = Pace::HEARTBEAT.share(0, &mut rand::rng());
        loop {
            let interval = self.settings.borrow_and_update().config().heartbeat_interval;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(last + interval.mul_f64(share)) => {
                    last = tokio::time::Instant::now();
                    share = Pace::HEARTBEAT.share(1, &mut rand::rng());
                    self.beat(HeartbeatType::Regular).await;
                }
                changed = self.settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Sends one heartbeat.
    pub(crate) async fn beat(&self, kind: HeartbeatType) {
        let figures = self.figures().await;
        self.capture.heartbeat(kind, figures).await;
    }

    async fn figures(&self) -> Figures {
        let counted = self
            .wal
            .call(|store| {
                // Both times at once: between them somebody may set the clock.
                let oldest = store.oldest_pending()?;
                let age = oldest.map(|at| Timestamp::now().since(at).as_secs_f64());
                Ok((sample(store.ledger()), age))
            })
            .await;
        let (pending, oldest_pending_s, dropped) = match counted {
            Ok((sample, oldest_pending_s)) => {
                self.trend.take(sample);
                (sample.pending, oldest_pending_s, sample.dropped)
            }
            Err(error) => {
                tracing::warn!(%error, "a heartbeat goes without figures");
                (self.wal.state().borrow().pending, None, 0)
            }
        };
        let settings = self.settings.borrow();
        Figures {
            pending,
            oldest_pending_s,
            dropped,
            overrides: settings.overrides(),
            refused_settings: settings.refused().to_vec(),
            consent: consent::status(&settings).map(|consent| ConsentNote {
                accepted_at: consent.accepted_at,
                policy_version: consent.policy_version,
                awaiting: consent.awaiting,
            }),
            clock_skew_s: self.clock_skew.seconds(),
            key_expires_at: self.secret_place.key_expires_at(),
        }
    }
}

fn sample(ledger: &Ledger) -> Sample {
    Sample {
        at: Timestamp::now(),
        captured: ledger.captured,
        sent: ledger.delivered,
        pending: ledger.pending,
        dead_letter: ledger.dead,
        dropped: ledger.dropped_total(),
    }
}
