//! `run`: the agent in the foreground.

use std::path::PathBuf;

use devpulse_agent::{Agent, AgentError, Desktop, logging};
use devpulse_protocol::ActivityType;

use crate::cli::Run;
use crate::endings::Endings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::service_manager;
use crate::session::{Session, flag};

pub(super) async fn run(home: Option<PathBuf>, arguments: Run) -> Result<(), Failure> {
    let server = arguments.server.as_deref().map(|url| flag("--server", "server_url", url));
    let session = Session::open(home, server.into_iter().collect())?;
    let mut endings = Endings::listen().map_err(|error| {
        Failure::new(Exit::Failed, format!("signals cannot be listened to: {error}"))
    })?;
    if !session.enrolled {
        return Err(Failure::from(&AgentError::NotEnrolled));
    }
    let local = session.settings.local();
    local
        .home
        .create()
        .map_err(|error| Failure::from_error(Exit::Failed, &error).with_hint(error.hint()))?;
    let _logs = logging::init(&local.log, Some(&local.home.logs()))
        .map_err(|error| Failure::from_error(Exit::Failed, &error))?;
    let agent = Agent::start(session.settings.clone(), Desktop::from_env())
        .await
        .map_err(|error| Failure::from(&error))?;
    let ending = tokio::select! {
        ending = endings.next() => ending,
        () = agent.asked_to_stop() => ActivityType::NormalShutdown,
        () = service_manager::serve(&agent) => ActivityType::NormalShutdown,
    };
    service_manager::ended();
    agent.stop(ending).await;
    Ok(())
}
