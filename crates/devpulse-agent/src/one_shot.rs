//! A sync without an agent: it takes the agent's place for as long as it sends.

use std::sync::Arc;
use std::time::Duration;

use devpulse_control::{ControlServer, SyncOutcome, SyncProgress, SyncRequest, SyncResult};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::agent::AgentError;
use crate::controller::{Front, FrontRole};
use crate::credentials::SecretPlace;
use crate::delivery::Delivery;
use crate::instance_lock::{InstanceLock, Role};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;
use crate::upstream::Upstream;

/// Sends everything that waits on a home whose agent does not run. Where an agent
/// starts meanwhile, the home is handed over to it and the result is
/// [`SyncResult::Stopped`]: whoever wants to wait on asks that agent.
///
/// # Errors
/// Fails where the device is not enrolled, the home is in use, or something that it
/// needs cannot be had.
pub async fn sync(
    settings: Settings,
    request: SyncRequest,
    progress: mpsc::Sender<SyncProgress>,
) -> Result<SyncOutcome, AgentError> {
    let home = settings.local().home.clone();
    let upstream = Upstream::of(&settings).await?.ok_or(AgentError::NotEnrolled)?;
    let identity = upstream.identity().clone();
    home.create()?;
    let lock = InstanceLock::acquire(&home, Role::Sync)?;
    let delivery = Delivery::start(&settings, &identity, &upstream.transport())?;
    let socket = ControlServer::bind(&home.socket())?;
    let hand_over = CancellationToken::new();
    let (_stored, server_config) = watch::channel(StoredServerConfig::load(&home));
    let role = FrontRole::OneShot { hand_over: hand_over.clone() };
    let secret_place = SecretPlace::of(&settings);
    let front = Arc::new(Front::new(secret_place, identity, &delivery, server_config, role));
    let synchroniser = front.synchroniser();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(socket.serve(front, stop.clone()));

    let outcome = tokio::select! {
        outcome = synchroniser.run(request, progress) => outcome,
        () = hand_over.cancelled() => SyncOutcome {
            result: SyncResult::Stopped,
            sent: 0,
            pending: delivery.wal().state().borrow().pending,
            in_the_way: Some("an agent started and took over".to_owned()),
        },
    };
    stop.cancel();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the control socket failed");
    }
    drop(synchroniser);
    delivery.stop(Duration::ZERO).await;
    drop(lock);
    Ok(outcome)
}
