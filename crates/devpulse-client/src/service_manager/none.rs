//! Systems on which nobody asks.

use devpulse_agent::Agent;

pub(crate) async fn serve(_agent: &Agent) {
    std::future::pending().await
}

pub(crate) fn ended() {}
