//! The protocol of `sd_notify(3)`: datagrams to the socket in `NOTIFY_SOCKET`.

use std::time::Duration;

use devpulse_agent::Agent;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// How long the agent has to answer before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says that the agent runs, and then, as often as is asked for, that it still answers. An
/// agent that does not answer is not reported, so that it is ended and started again.
pub(crate) async fn serve(agent: &Agent) {
    tell(NotifyState::Ready);
    let Some(period) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut ticks = interval((period / 2).max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(PATIENCE.min(period / 4), agent.answers()).await {
            Ok(true) => tell(NotifyState::Watchdog),
            Ok(false) | Err(_) => tracing::error!("the agent does not answer its watchdog"),
        }
    }
}

/// Says that the agent is ending.
pub(crate) fn ended() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
