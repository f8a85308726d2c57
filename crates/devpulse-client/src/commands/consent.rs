//! `consent`: what is captured, and the person's word for it.

use std::path::PathBuf;

use devpulse_agent::consent::{self, ConsentError};
use devpulse_control::{AcceptRequest, ClientError, ConsentReport, ControlClient};

use crate::cli::Consent;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::render;
use crate::session::Session;

/// Who answers: the running agent, or the files where none runs.
enum Source {
    Agent(ControlClient),
    Files,
}

pub(super) async fn consent(home: Option<PathBuf>, arguments: Consent) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    if !session.enrolled {
        return Err(not_enrolled());
    }
    let source = match session.connect().await {
        Ok(agent) => Source::Agent(agent),
        Err(ClientError::NoAgent) => Source::Files,
        Err(error) => return Err(Failure::from(error)),
    };
    let mut report = match &source {
        Source::Agent(agent) => agent.consent().await?,
        Source::Files => consent::report(&session.settings),
    };
    if arguments.accept {
        let request = AcceptRequest {
            policy_version: arguments.policy_version.or(report.proposal.policy_version),
            digest: Some(report.proposal.digest.clone()),
        };
        report = match &source {
            Source::Agent(agent) => agent.accept(request).await?,
            Source::Files => accept(&session, &request)?,
        };
    }
    let mut output = Output::stdout();
    if arguments.json {
        let json = serde_json::to_string(&report)
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        output.line(&json)?;
    } else {
        for line in render::consent::lines(&report) {
            output.line(&line)?;
        }
    }
    Ok(output.flush()?)
}

fn accept(session: &Session, request: &AcceptRequest) -> Result<ConsentReport, Failure> {
    let record = consent::accept(&session.settings, request).map_err(|error| failure(&error))?;
    Ok(consent::report(&session.settings.with_consent(record)))
}

fn failure(error: &ConsentError) -> Failure {
    match error {
        ConsentError::NotEnrolled => not_enrolled(),
        error => Failure::from_error(Exit::Failed, error)
            .with_some_hint(error.hint().map(ToOwned::to_owned)),
    }
}

fn not_enrolled() -> Failure {
    Failure::new(Exit::NotEnrolled, "this device is not enrolled")
        .with_hint("enroll it first; see: devpulse-client enroll --help")
}
