//! `sync`: everything pending, now.

use std::path::PathBuf;
use std::time::Duration;

use devpulse_control::{
    ClientError, ControlClient, SyncOutcome, SyncRequest, SyncResult, SyncUpdate,
};

use crate::cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::count;
use crate::render::progress::Progress;
use crate::session::Session;

/// Time beyond the timeout that an agent has to say how it ended.
const LAST_WORD: Duration = Duration::from_secs(10);

pub(super) async fn sync(home: Option<PathBuf>, arguments: cli::Sync) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let request = SyncRequest { timeout: arguments.timeout };
    let outcome = match session.connect().await {
        Ok(client) => through_agent(&client, request).await?,
        Err(ClientError::NoAgent) => session.sync_by_itself(request).await?,
        Err(error) => return Err(error.into()),
    };
    conclude(&outcome)
}

async fn through_agent(
    client: &ControlClient,
    request: SyncRequest,
) -> Result<SyncOutcome, Failure> {
    let following = async {
        let mut progress = Progress::begin();
        let mut sync = client.sync(request).await?;
        loop {
            match sync.next().await? {
                SyncUpdate::Progress(report) => progress.show(&report),
                SyncUpdate::Ended(outcome) => return Ok(outcome),
            }
        }
    };
    let overdue = request.timeout.saturating_add(LAST_WORD);
    tokio::time::timeout(overdue, following)
        .await
        .unwrap_or_else(|_| Err(ClientError::Silent.into()))
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
        SyncResult::TimedOut => Err(Failure::new(
            Exit::StillPending,
            format!("the time was over with {left} still pending: {cause}"),
        )
        .with_hint("they are safe and will be sent; more with: devpulse-client status")),
        SyncResult::Revoked => Err(Failure::new(
            Exit::Refused,
            format!("the server has revoked this device, {left} still pending"),
        )
        .with_hint("ask an administrator; after enrolling again they will be sent")),
        SyncResult::Stopped => {
            Err(Failure::new(Exit::Failed, format!("the agent stopped with {left} still pending"))
                .with_hint("they are safe; start the agent again with: devpulse-client run"))
        }
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
        failed(SyncResult::Stopped, Exit::Failed, "stopped");
    }
}
