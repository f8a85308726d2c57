//! The first-run wizard, and the consent that a wider policy needs.

use std::time::Duration;

use devpulse_agent::consent::{self, ConsentError};
use devpulse_agent::credentials::{KeptIn, SystemKeychain};
use devpulse_agent::enrollment::{self, Backlog, BacklogChoice, EnrollError, EnrollmentRequest};
use devpulse_agent::instance_lock::LockError;
use devpulse_agent::machine;
use devpulse_agent::preset::{Preset, PresetError, SecretError, Spent};
use devpulse_agent::replacement;
use devpulse_agent::settings::{Flag, Place, Settings, SettingsError};
use devpulse_control::{
    AcceptRequest, Aspect, ClientError, ConsentReport, ControlClient, Disclosure, ErrorCode,
    PipelineState, Topic, Widening,
};
use devpulse_protocol::{EnrollmentSecret, Username};
use tauri::State;
use tokio::time::Instant;

use crate::backend::{self, Backend};
use crate::parley::ToTray;
use crate::text::remedy;
use crate::view::{
    ConsentView, DisclosureSection, DisclosureText, DisclosureTopic, EnrollField, EnrollForm,
    EnrollProblem, Enrolled, FormerEnrollment, FormerFate, Problem, Widened, WidenedAspect, Wizard,
};

/// How long the tray's agent has to give up the home.
const AGENT_ENDS: Duration = Duration::from_secs(10);

const SERVER_FLAG: &str = "--server";
const USERNAME_FLAG: &str = "--username";

/// What the wizard begins with.
#[tauri::command]
pub(super) async fn wizard(backend: State<'_, Backend>) -> Result<Wizard, Problem> {
    let (sources, settings) = backend::settings(Vec::new())?;
    let (preset, preset_problem) = match Preset::of_this_computer() {
        Ok(preset) => (preset, None),
        Err(error) => (None, Some(Problem::of(&error, error.hint()))),
    };
    let is_enrolled = sources.is_enrolled();
    let former = if is_enrolled { revoked(&backend, &settings).await } else { None };
    let local = settings.local();
    Ok(Wizard {
        disclosure: consent::general().into(),
        preset_server: preset.as_ref().map(|preset| preset.server_url.as_str().to_owned()),
        has_preset_secret: preset.is_some_and(|preset| preset.enrollment_secret_file.is_some()),
        preset_problem,
        server_url: local.server_url.as_ref().map(|url| url.as_str().to_owned()),
        username: local
            .username
            .as_ref()
            .map(|name| name.as_str().to_owned())
            .or_else(machine::login_name),
        is_enrolled,
        former,
    })
}

/// Enrolls this device, in place of an enrollment that is there where the form says so.
/// Nothing is captured for another person or server before the consent that follows.
#[tauri::command]
pub(super) async fn enroll(
    backend: State<'_, Backend>,
    form: EnrollForm,
) -> Result<Enrolled, EnrollProblem> {
    let EnrollForm { server_url, username, secret, former } = form;
    let username = username.trim().to_owned();
    if username.is_empty() {
        return Err(EnrollProblem::at(EnrollField::Username, "nobody is named", None));
    }
    let preset = Preset::of_this_computer().map_err(EnrollProblem::from)?;
    let server = match &preset {
        Some(preset) => preset.server_url.as_str().to_owned(),
        None => server_url.trim().to_owned(),
    };
    let secret = match (secret, &preset) {
        (Some(secret), _) => EnrollmentSecret::new(secret.trim()),
        (None, Some(preset)) => preset.secret().map_err(EnrollProblem::from)?,
        (None, None) => EnrollmentSecret::new(""),
    };
    if secret.expose().is_empty() {
        let hint = Some("ask your administrator for one".to_owned());
        return Err(EnrollProblem::at(EnrollField::Secret, "the secret is empty", hint));
    }
    let flag = |flag, setting, value| Flag { flag, setting, value };
    let (_, settings) = backend::settings(vec![
        flag(SERVER_FLAG, "server_url", server),
        flag(USERNAME_FLAG, "username", username.clone()),
    ])
    .map_err(|error| EnrollProblem::of_settings(&error))?;
    let request = EnrollmentRequest {
        username: Username::new(username),
        secret,
        hostname: None,
        force: former != FormerFate::Stays,
        backlog: Backlog {
            pending: 0,
            choice: match former {
                FormerFate::Stays | FormerFate::SentFirst => BacklogChoice::Refuse,
                FormerFate::Discarded => BacklogChoice::Discard,
            },
        },
    };
    let enrolled = in_place(&backend, &request, &settings)
        .await
        .map_err(|error| EnrollProblem::of_enrollment(&error))?;
    backend.say(ToTray::Look);
    if let Some(preset) = preset
        && let Spent::Remains { path, cause } = preset.spend()
    {
        tracing::warn!(path = %path.display(), %cause, "the spent secret remains");
    }
    Ok(enrolled.into())
}

/// The enrollment that is there, where it was revoked.
async fn revoked(backend: &Backend, settings: &Settings) -> Option<FormerEnrollment> {
    let status = backend.link().status(settings).await;
    let status = status
        .inspect_err(|error| tracing::warn!(%error, "the former enrollment is not known"))
        .ok()
        .filter(|status| status.pipeline.state == PipelineState::Revoked)?;
    Some(FormerEnrollment {
        username: status.username?.as_str().to_owned(),
        server_url: status.server_url?,
        events: status.pipeline.pending,
        images: status.pipeline.blobs_pending,
    })
}

/// Enrolls on a home that the tray's own agent may be at work on.
async fn in_place(
    backend: &Backend,
    request: &EnrollmentRequest,
    settings: &Settings,
) -> Result<enrollment::Enrolled, EnrollError> {
    let keychain = SystemKeychain::new();
    let is_ending = request.force && ends_own_agent(backend).await;
    let deadline = Instant::now() + AGENT_ENDS;
    loop {
        match replacement::enroll(request.clone(), settings, &keychain).await {
            Err(EnrollError::AgentRuns(_) | EnrollError::Lock(LockError::HeldBy(None)))
                if is_ending && Instant::now() < deadline =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            enrolled => return enrolled,
        }
    }
}

/// Has the tray's agent make room, which starts again by itself. An agent that another
/// program runs is left alone. Answers whether there was one to end.
async fn ends_own_agent(backend: &Backend) -> bool {
    let Some((tray, _)) = backend.tray() else { return false };
    let Ok(agent) = backend.link().client().await else { return false };
    if agent.agent().pid != tray {
        return false;
    }
    match agent.stop().await {
        Err(error) if !error.is_loss() => {
            tracing::warn!(%error, "the agent does not make room");
            false
        }
        _ => true,
    }
}

/// What the person agreed to, and what waits for a word.
#[tauri::command]
pub(super) async fn consent(backend: State<'_, Backend>) -> Result<ConsentView, Problem> {
    match backend.link().ask(|client| async move { client.consent().await }).await {
        Ok(report) => Ok(report.into()),
        Err(error) if is_for_the_files(&error) => Ok(consent::report(&settings()?).into()),
        Err(error) => Err(error.into()),
    }
}

/// Agrees to what was shown. Capture begins, or goes on with the wider policy.
#[tauri::command]
pub(super) async fn accept_consent(
    backend: State<'_, Backend>,
    policy_version: Option<i64>,
    digest: String,
) -> Result<(), Problem> {
    let request = AcceptRequest { policy_version, digest: Some(digest) };
    let asked = backend.link().ask(|client| accept(client, request.clone())).await;
    match asked {
        Ok(_) => {}
        Err(error) if is_for_the_files(&error) => {
            consent::accept(&settings()?, &request)?;
        }
        Err(error) => return Err(error.into()),
    }
    backend.say(ToTray::Look);
    Ok(())
}

async fn accept(client: ControlClient, request: AcceptRequest) -> Result<(), ClientError> {
    client.accept(request).await.map(|_| ())
}

/// Whether the files answer in place of the agent: none runs, or it knows no such request.
fn is_for_the_files(error: &ClientError) -> bool {
    match error {
        ClientError::NoAgent => true,
        ClientError::Refused(refusal) => refusal.code == ErrorCode::Unsupported,
        _ => false,
    }
}

fn settings() -> Result<Settings, Problem> {
    Ok(backend::settings(Vec::new())?.1)
}

impl EnrollProblem {
    fn at(field: EnrollField, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { field: Some(field), message: message.into(), hint }
    }

    fn of_settings(error: &SettingsError) -> Self {
        let field = match error {
            SettingsError::Invalid { place: Place::Flag(SERVER_FLAG), .. } => {
                Some(EnrollField::ServerUrl)
            }
            SettingsError::Invalid { place: Place::Flag(USERNAME_FLAG), .. } => {
                Some(EnrollField::Username)
            }
            _ => None,
        };
        let Problem { message, hint } = Problem::of(error, error.hint());
        Self { field, message, hint }
    }

    fn of_enrollment(error: &EnrollError) -> Self {
        let field = match error {
            EnrollError::BadSecret => Some(EnrollField::Secret),
            EnrollError::Suspended(_) => Some(EnrollField::Username),
            EnrollError::NoServer
            | EnrollError::Unreachable { .. }
            | EnrollError::NotReady { .. }
            | EnrollError::NotAnEnrollment { .. } => Some(EnrollField::ServerUrl),
            EnrollError::Backlog { .. } => Some(EnrollField::Former),
            _ => None,
        };
        let hint = match error {
            EnrollError::Backlog { .. } => Some(remedy::FORMER.to_owned()),
            EnrollError::AlreadyEnrolled { .. } => None,
            error => error.hint(),
        };
        let Problem { message, hint } = Problem::of(error, hint);
        Self { field, message, hint }
    }
}

impl From<PresetError> for EnrollProblem {
    fn from(error: PresetError) -> Self {
        let Problem { message, hint } = Problem::of(&error, error.hint());
        Self { field: None, message, hint }
    }
}

impl From<SecretError> for EnrollProblem {
    fn from(error: SecretError) -> Self {
        let hint = Some("ask your administrator".to_owned());
        let Problem { message, hint } = Problem::of(&error, hint);
        Self { field: Some(EnrollField::Secret), message, hint }
    }
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        let hint = match error {
            ConsentError::Outdated => Some("read it again".to_owned()),
            _ => error.hint().map(ToOwned::to_owned),
        };
        Self::of(&error, hint)
    }
}

impl From<enrollment::Enrolled> for Enrolled {
    fn from(enrolled: enrollment::Enrolled) -> Self {
        let identity = enrolled.credentials.identity;
        let key_place = match enrolled.kept_in {
            KeptIn::Keyring => "the keychain",
            KeptIn::File => "a file that only you can read",
        };
        Self {
            username: identity.username.as_str().to_owned(),
            server_url: identity.server_url.as_str().to_owned(),
            key_place: key_place.to_owned(),
        }
    }
}

impl From<ConsentReport> for ConsentView {
    fn from(report: ConsentReport) -> Self {
        let ConsentReport { record, in_force, proposal } = report;
        Self {
            accepted_at: record.as_ref().map(|record| record.accepted_at.to_string()),
            accepted_version: record.and_then(|record| record.policy_version),
            in_force: in_force.into(),
            proposed: proposal.disclosure.into(),
            widened: proposal.widenings.into_iter().map(Into::into).collect(),
            policy_version: proposal.policy_version,
            digest: proposal.digest,
        }
    }
}

impl From<Disclosure> for DisclosureText {
    fn from(disclosure: Disclosure) -> Self {
        let section = |section: devpulse_control::Section| DisclosureSection {
            topic: match section.topic {
                Topic::Captured => DisclosureTopic::Captured,
                Topic::Never => DisclosureTopic::Never,
                Topic::Receiver => DisclosureTopic::Receiver,
                Topic::Storage => DisclosureTopic::Storage,
                Topic::Readers => DisclosureTopic::Readers,
                Topic::Control => DisclosureTopic::Control,
            },
            heading: section.heading,
            items: section.items,
        };
        let sections = disclosure.sections.into_iter().map(section).collect();
        Self { title: disclosure.title, sections }
    }
}

impl From<Widening> for Widened {
    fn from(widening: Widening) -> Self {
        let aspect = match widening.aspect {
            Aspect::Windows => WidenedAspect::Windows,
            Aspect::Rules => WidenedAspect::Rules,
            Aspect::Screenshots => WidenedAspect::Screenshots,
        };
        Self { aspect, before: widening.before, after: widening.after }
    }
}
