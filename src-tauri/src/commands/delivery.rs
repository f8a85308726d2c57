//! Sync now, pause, screenshot.

use std::time::Duration;

use devpulse_control::{
    ClientError, PauseRequest, SyncOutcome, SyncProgress, SyncRequest, SyncResult, SyncUpdate,
    Synchronisation,
};
use tauri::State;
use tauri::ipc::Channel;

use crate::backend::Backend;
use crate::view::{PauseView, Problem, SyncEnd, SyncReport};

/// How long the window waits for everything to be sent; the person may stop before.
const LONGEST_SYNC: Duration = Duration::from_secs(600);

/// Sends everything that waits, and tells how far it has got.
#[tauri::command]
pub(super) async fn sync(
    backend: State<'_, Backend>,
    progress: Channel<SyncReport>,
) -> Result<SyncEnd, Problem> {
    let cancelled = backend.begin_sync();
    let client = backend.link().client().await?;
    let request = SyncRequest { timeout: LONGEST_SYNC };
    let mut synchronisation = client.sync(request).await?;
    let mut sent = 0;
    let following = follow(&mut synchronisation, |report| {
        sent = report.sent;
        progress.send(report).ok();
    });
    tokio::select! {
        outcome = following => Ok(ending(outcome?)),
        () = cancelled.cancelled() => Ok(SyncEnd::Stopped { sent }),
    }
}

async fn follow(
    synchronisation: &mut Synchronisation,
    mut show: impl FnMut(SyncReport),
) -> Result<SyncOutcome, ClientError> {
    loop {
        match synchronisation.next().await? {
            SyncUpdate::Progress(progress) => show(progress.into()),
            SyncUpdate::Ended(outcome) => return Ok(outcome),
        }
    }
}

fn ending(outcome: SyncOutcome) -> SyncEnd {
    let SyncOutcome { result, sent, pending, in_the_way } = outcome;
    match result {
        SyncResult::Drained => SyncEnd::Drained { sent },
        SyncResult::TimedOut => SyncEnd::TimedOut { sent, pending, in_the_way },
        SyncResult::Revoked => SyncEnd::Revoked { pending },
        SyncResult::Stopped => SyncEnd::Stopped { sent },
    }
}

/// Stops waiting for a synchronisation; sending goes on by itself.
#[tauri::command]
pub(super) fn cancel_sync(backend: State<'_, Backend>) {
    backend.cancel_sync();
}

/// Pauses capture.
#[tauri::command]
pub(super) async fn pause(
    backend: State<'_, Backend>,
    minutes: u32,
    reason: Option<String>,
) -> Result<PauseView, Problem> {
    let reason = reason.map(|reason| reason.trim().to_owned()).filter(|text| !text.is_empty());
    let request = PauseRequest { minutes: Some(minutes), reason };
    let pause = backend.link().client().await?.pause(request).await?;
    Ok(pause.into())
}

/// Ends a pause.
#[tauri::command]
pub(super) async fn resume(backend: State<'_, Backend>) -> Result<(), Problem> {
    backend.link().client().await?.resume().await?;
    Ok(())
}

/// Captures every monitor now. Returns how many images were taken.
#[tauri::command]
pub(super) async fn take_screenshot(backend: State<'_, Backend>) -> Result<usize, Problem> {
    Ok(backend.link().client().await?.screenshot().await?.len())
}

impl From<SyncProgress> for SyncReport {
    fn from(progress: SyncProgress) -> Self {
        let SyncProgress { sent, pending, last_error, .. } = progress;
        Self { sent, pending, last_error }
    }
}
