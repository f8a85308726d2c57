//! `status`: from the running agent, or from the files where none runs.

use std::path::PathBuf;
use std::time::Duration;

use devpulse_agent::offline;
use devpulse_control::{ClientError, ControlClient, Status};
use devpulse_protocol::Timestamp;

use crate::cli;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::render;
use crate::session::Session;

/// Time between two looks of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Time that an agent has to tell its state, which it knows without looking anything up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Moves to the top left and clears what is below.
const CLEAR: &str = "\x1b[H\x1b[2J";

pub(super) async fn status(home: Option<PathBuf>, arguments: cli::Status) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let mut agent = None;
    loop {
        let status = look(&session, &mut agent).await?;
        show(&status, &arguments)?;
        if !arguments.watch {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(WATCH_INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Asks the agent, over the connection of the last look where there is one.
async fn look(session: &Session, agent: &mut Option<ControlClient>) -> Result<Status, Failure> {
    if let Some(client) = agent.take()
        && let Ok(status) = ask(&client).await
    {
        *agent = Some(client);
        return Ok(status);
    }
    match session.connect().await {
        Ok(client) => {
            let status = ask(&client).await?;
            *agent = Some(client);
            Ok(status)
        }
        Err(ClientError::NoAgent) => offline::status(&session.settings)
            .map_err(|error| Failure::from_error(Exit::Failed, &error)),
        Err(error) => Err(error.into()),
    }
}

async fn ask(client: &ControlClient) -> Result<Status, ClientError> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.status()).await;
    answer.unwrap_or(Err(ClientError::Silent))
}

fn show(status: &Status, arguments: &cli::Status) -> Result<(), Failure> {
    let mut output = Output::stdout();
    if arguments.json {
        output.json(status)?;
    } else if arguments.prometheus {
        output.text(&render::prometheus::text(status))?;
    } else {
        if arguments.watch && Output::is_terminal() {
            output.text(CLEAR)?;
        }
        output.text(&render::status::text(status, Timestamp::now()))?;
        if arguments.watch && !Output::is_terminal() {
            output.line("")?;
        }
    }
    Ok(output.flush()?)
}
