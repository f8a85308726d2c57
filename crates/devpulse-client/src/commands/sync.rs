//! `sync`: everything pending, now.

use std::path::PathBuf;
use std::time::Duration;

use devpulse_agent::AgentError;
use devpulse_agent::instance_lock::LockError;
use devpulse_agent::one_shot;
use devpulse_control::{
    ClientError, ControlClient, SyncOutcome, SyncRequest, SyncResult, SyncUpdate,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::count;
use crate::render::progress::Progress;
use crate::session::Session;

/// Time beyond the timeout that an agent has to say how it ended.
const LAST_WORD: Duration = Duration::from_secs(10);

/// Time between two tries where an agent comes or goes meanwhile.
const AGAIN: Duration = Duration::from_millis(50);

/// Reports of a one-shot synchronisation that may wait to be shown.
const REPORTS: usize = 16;

pub(super) async fn sync(home: Option<PathBuf>, arguments: cli::Sync) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let outcome = drain(&session, arguments.timeout).await?;
    conclude(&outcome)
}

/// What came of one try.
enum Attempt {
    /// It ended, and said how.
    Ended(SyncOutcome),
    /// An agent came or went.
    Interrupted(Failure),
}

/// Sends through the running agent, or in its place where none runs. Where an agent
/// starts or stops meanwhile, the other way goes on until the time is over.
async fn drain(session: &Session, timeout: Duration) -> Result<SyncOutcome, Failure> {
    let deadline = Instant::now() + timeout;
    let mut progress = Progress::begin();
    let mut sent_before = 0;
    loop {
        let request = SyncRequest { timeout: deadline.saturating_duration_since(Instant::now()) };
        let attempt = match session.connect().await {
            Ok(client) => through_agent(&client, request, &mut progress).await?,
            Err(ClientError::NoAgent) => by_itself(session, request, &mut progress).await?,
            Err(error) => return Err(error.into()),
        };
        let is_over = Instant::now() >= deadline;
        match attempt {
            Attempt::Ended(outcome) if outcome.result != SyncResult::Stopped || is_over => {
                return Ok(SyncOutcome { sent: outcome.sent + sent_before, ..outcome });
            }
            Attempt::Ended(outcome) => sent_before += outcome.sent,
            Attempt::Interrupted(failure) if is_over => return Err(failure),
            Attempt::Interrupted(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn through_agent(
    client: &ControlClient,
    request: SyncRequest,
    progress: &mut Progress,
) -> Result<Attempt, Failure> {
    let following = async {
        let mut sync = client.sync(request).await?;
        loop {
            match sync.next().await? {
                SyncUpdate::Progress(report) => progress.show(&report),
                SyncUpdate::Ended(outcome) => return Ok(outcome),
            }
        }
    };
    let overdue = request.timeout.saturating_add(LAST_WORD);
    match tokio::time::timeout(overdue, following).await.unwrap_or(Err(ClientError::Silent)) {
        Ok(outcome) => Ok(Attempt::Ended(outcome)),
        Err(error) if error.is_loss() => Ok(Attempt::Interrupted(error.into())),
        Err(error) => Err(error.into()),
    }
}

async fn by_itself(
    session: &Session,
    request: SyncRequest,
    progress: &mut Progress,
) -> Result<Attempt, Failure> {
    let (reports, mut incoming) = mpsc::channel(REPORTS);
    let syncing = one_shot::sync(session.settings.clone(), request, reports);
    let showing = async {
        while let Some(report) = incoming.recv().await {
            progress.show(&report);
        }
    };
    match tokio::join!(syncing, showing) {
        (Ok(outcome), ()) => Ok(Attempt::Ended(outcome)),
        (Err(error @ AgentError::Lock(LockError::HeldBy(_))), ()) => {
            Ok(Attempt::Interrupted(Failure::from(&error)))
        }
        (Err(error), ()) => Err(Failure::from(&error)),
    }
}

fn conclude(outcome: &SyncOutcome) -> Result<(), Failure> {
    let left = count(outcome.pending, "event");
    let cause = outcome.in_the_way.as_deref().unwrap_or("the server did not take them in time");
    match outcome.result {
        SyncResult::Drained => {
            let mut output = Output::stdout();
            output.line(&match outcome.sent {
                0 => "nothing was pending".to_owned(),
                sent => format!("{} delivered, none pending", count(sent, "event")),
            })?;
            Ok(output.flush()?)
        }
        SyncResult::TimedOut | SyncResult::Stopped => Err(Failure::new(
            Exit::StillPending,
            format!("the time was over with {left} still pending: {cause}"),
        )
        .with_hint("they are safe and wait; more with: devpulse-client status")),
        SyncResult::Revoked => Err(Failure::new(
            Exit::Refused,
            format!("the server has revoked this device, {left} still pending"),
        )
        .with_hint("ask an administrator; after enrolling again they will be sent")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_end_has_its_exit_code_and_says_what_is_left() {
        let ended = |result| {
            let in_the_way = Some("connection refused".to_owned());
            conclude(&SyncOutcome { result, sent: 1, pending: 2, in_the_way })
        };
        let failed = |result, exit: Exit, part: &str| match ended(result) {
            Err(Failure::Error { exit: found, cause, .. }) => {
                assert_eq!(found, exit);
                assert!(cause.contains(part) && cause.contains("2 events"), "{cause}");
            }
            other => panic!("{other:?}"),
        };
        failed(SyncResult::TimedOut, Exit::StillPending, "connection refused");
        failed(SyncResult::Revoked, Exit::Refused, "revoked");
        failed(SyncResult::Stopped, Exit::StillPending, "connection refused");
    }
}
