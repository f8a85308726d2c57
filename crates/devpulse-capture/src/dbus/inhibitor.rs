//! The delay inhibitor: logind lets the machine sleep or shut down only once it is let go,
//! or once logind loses patience.

use std::time::Duration;

use tokio::time::Instant;
use zbus::zvariant::OwnedFd;

use super::bus::{Bus, CallError};
use super::logind::MANAGER;
use crate::hook::BoxFuture;

/// It is let go after this long, whatever the disk does. logind waits for five seconds
/// (`InhibitDelayMaxSec`), and warns of those who use them up.
const LONGEST: Duration = Duration::from_secs(4);

/// What is held, and until when.
pub(super) enum Inhibitor {
    /// Nothing.
    Free,
    /// The machine waits for us.
    Held(OwnedFd),
    /// It is let go as soon as the last events are durable.
    Leaving { _held: OwnedFd, durable: BoxFuture<()>, latest: Instant },
}

impl Inhibitor {
    /// Takes the inhibitor, where it is not held.
    ///
    /// # Errors
    /// Fails where logind does not grant it.
    pub(super) async fn take(&mut self, bus: &Bus) -> Result<(), CallError> {
        *self = match std::mem::replace(self, Self::Free) {
            Self::Held(held) | Self::Leaving { _held: held, .. } => Self::Held(held),
            Self::Free => {
                let why = "The last events are being stored";
                let request = ("sleep:shutdown", "DevPulse Client", why, "delay");
                Self::Held(bus.call(MANAGER, "Inhibit", &request).await?)
            }
        };
        Ok(())
    }

    /// Lets it go once the events are durable. Where it is about to be let go already, these
    /// are waited for as well, but no longer.
    pub(super) fn leave(&mut self, durable: BoxFuture<()>) {
        *self = match std::mem::replace(self, Self::Free) {
            Self::Free => Self::Free,
            Self::Held(held) => {
                Self::Leaving { _held: held, durable, latest: Instant::now() + LONGEST }
            }
            Self::Leaving { _held, latest, .. } => Self::Leaving { _held, durable, latest },
        };
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self, Self::Leaving { .. })
    }

    /// Returns when it is time to let go; for ever where it is not about to be let go.
    /// Loses nothing when dropped.
    pub(super) async fn due(&mut self) {
        let Self::Leaving { durable, latest, .. } = self else {
            return std::future::pending().await;
        };
        if tokio::time::timeout_at(*latest, durable).await.is_err() {
            tracing::warn!("the machine goes to sleep before the last events are known to be safe");
        }
    }

    /// Lets it go.
    pub(super) fn release(&mut self) {
        *self = Self::Free;
    }
}
