//! What the system says when the app is to end.

use devpulse_protocol::ActivityType;

/// Returns once the system asks, with what it means.
///
/// # Errors
/// Fails where the system's requests cannot be heard.
#[cfg(unix)]
pub(crate) async fn asked() -> std::io::Result<ActivityType> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => ActivityType::UserInterrupt,
        _ = terminate.recv() => ActivityType::NormalShutdown,
        _ = hang_up.recv() => ActivityType::NormalShutdown,
    })
}

/// Returns once the system asks, with what it means.
///
/// # Errors
/// Fails where the system's requests cannot be heard.
#[cfg(windows)]
pub(crate) async fn asked() -> std::io::Result<ActivityType> {
    tokio::signal::ctrl_c().await?;
    Ok(ActivityType::UserInterrupt)
}
