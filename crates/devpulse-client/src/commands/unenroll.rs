//! `unenroll`: the end of an enrollment, and of what was captured under it.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use devpulse_agent::backlog::Waiting;
use devpulse_agent::offline;
use devpulse_agent::printable::printable;
use devpulse_agent::unenroll::{self, KeyAtServer, UnenrollError, Unenrolled};
use devpulse_control::{ClientError, PipelineState, Status};

use crate::cli::Unenroll;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::render::count;
use crate::session::Session;

/// Time that an agent has to end.
const AGENT_ENDS: Duration = Duration::from_secs(10);

pub(super) async fn unenroll(home: Option<PathBuf>, arguments: &Unenroll) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    if !unenroll::is_needed(&session.settings) {
        return Err(failure(&UnenrollError::NotEnrolled));
    }
    if !arguments.yes {
        confirm(&session, arguments.discard).await?;
    }
    end_agent(&session).await?;
    let waiting = if arguments.discard { Waiting::Discard } else { Waiting::Send };
    let unenrolled =
        unenroll::unenroll(&session.settings, waiting).await.map_err(|error| failure(&error))?;
    if let KeyAtServer::Unknown(cause) = &unenrolled.key {
        output::note(&format!(
            "note: the server may still accept the device's key: {}",
            printable(cause)
        ));
    }
    let mut output = Output::stdout();
    output.line(&conclusion(&unenrolled))?;
    Ok(output.flush()?)
}

/// Asks the person at the terminal.
async fn confirm(session: &Session, discard: bool) -> Result<(), Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "unenrolling has to be confirmed, and nobody is at a terminal to ask",
        )
        .with_hint("confirm it with: devpulse-client unenroll --yes"));
    }
    let status = match session.connect().await {
        Ok(client) => client.status().await.ok(),
        Err(_) => offline::status(&session.settings).ok(),
    };
    let question = question(status.as_ref(), discard);
    let mut stderr = io::stderr().lock();
    let asked = stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush());
    let mut answer = String::new();
    let answered = asked.and_then(|()| stdin.lock().read_line(&mut answer));
    answered.map_err(|error| {
        Failure::new(Exit::Failed, format!("the terminal cannot be asked: {error}"))
    })?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "it was not confirmed, so nothing is changed")),
    }
}

fn question(status: Option<&Status>, discard: bool) -> String {
    let mut question = "This ends the enrollment of this device".to_owned();
    if let Some((username, server)) =
        status.and_then(|status| Some((status.username.as_ref()?, status.server_url.as_ref()?)))
    {
        let (username, server) = (printable(username.as_str()), printable(server));
        question.push_str(&format!(" for {username} at {server}"));
    }
    question.push_str(" and wipes what was captured from it.\n");
    if let Some(pending) = status.map(|status| status.pipeline.pending).filter(|&count| count > 0) {
        let waits = if pending == 1 { "waits and is" } else { "wait and are" };
        let fate = if discard { "discarded" } else { "sent first" };
        question.push_str(&format!("{} {waits} {fate}.\n", count(pending, "event")));
    }
    question.push_str("Go on? [y/N] ");
    question
}

/// Asks the agent that runs to end, and waits until it has hung up.
async fn end_agent(session: &Session) -> Result<(), Failure> {
    let ended = match session.connect().await {
        Err(ClientError::NoAgent) => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(client) => match client.stop().await {
            Err(error) if !error.is_loss() => return Err(error.into()),
            _ => tokio::time::timeout(AGENT_ENDS, client.lost())
                .await
                .map_err(|_| client.agent().pid),
        },
    };
    ended.map_err(|pid| {
        Failure::new(Exit::Failed, format!("the agent does not end (pid {pid})"))
            .with_hint(format!("end it with: kill {pid}"))
    })
}

fn conclusion(unenrolled: &Unenrolled) -> String {
    let discarded = unenrolled.discarded;
    let mut text = "this device is not enrolled any more".to_owned();
    if discarded.events > 0 {
        text.push_str(&format!("; {} discarded", count(discarded.events, "event")));
    }
    text
}

fn failure(error: &UnenrollError) -> Failure {
    let exit = match error {
        UnenrollError::NotEnrolled => Exit::NotEnrolled,
        UnenrollError::Undelivered(left) => match left.state {
            Some(PipelineState::Revoked | PipelineState::AuthBlocked) => Exit::Refused,
            Some(PipelineState::Offline) => Exit::Unreachable,
            _ => Exit::StillPending,
        },
        _ => Exit::Failed,
    };
    Failure::from_error(exit, error).with_some_hint(error.hint())
}
