//! Signals.

use std::io;

use devpulse_protocol::ActivityType;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What ends the agent from outside.
pub(crate) struct Endings {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Endings {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal, and says what it means. Nobody listens for a second one: the
    /// end is bounded to 3 s anyway.
    pub(crate) async fn next(&mut self) -> ActivityType {
        tokio::select! {
            _ = self.interrupt.recv() => ActivityType::UserInterrupt,
            _ = self.terminate.recv() => ActivityType::NormalShutdown,
            _ = self.hang_up.recv() => ActivityType::NormalShutdown,
        }
    }
}
