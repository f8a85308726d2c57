//! Taking a device in: the secret that an administrator issued becomes a key.
//!
//! It has two steps, because what waits for another server or person has to be
//! discarded after the server agreed and before the new key is kept: [`enroll`], then
//! [`Accepted::keep`].

use std::io;

use devpulse_pipeline::wal::WalError;
use devpulse_pipeline::{GrpcCode, Outcome, TransportFault};
use devpulse_protocol::{
    EnrollRequest, EnrollResponse, EnrollmentSecret, Platform, ProblemCode, Timestamp, Username,
};

use crate::agent::wal_hint;
use crate::backlog::Left;
use crate::consent::Record;
use crate::credentials::{
    Credentials, CredentialsError, DeviceIdentity, KeptIn, SecretStore, log_key,
};
use crate::home::HomeError;
use crate::http::{HttpOptions, HttpSetupError, fault_hint};
use crate::instance_lock::LockError;
use crate::machine;
use crate::origin::ServerUrl;
use crate::server::{RefusedCall, ServerApi};
use crate::server_config::StoredServerConfig;
use crate::settings::{Origin, Settings};
use crate::unenroll::KeyAtServer;

/// What a person asks for; the server comes from the settings.
#[derive(Clone, Debug)]
pub struct EnrollmentRequest {
    /// Who works on the device.
    pub username: Username,
    /// What the administrator issued.
    pub secret: EnrollmentSecret,
    /// The device's name, where the person gives it another than the machine's.
    pub hostname: Option<String>,
    /// Whether an enrollment that is there may be replaced.
    pub force: bool,
    /// What was captured and is not delivered yet.
    pub backlog: Backlog,
}

/// What was captured and is not delivered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// How many events wait.
    pub pending: u64,
    /// What becomes of them where the server or the person changes.
    pub choice: BacklogChoice,
}

/// What becomes of a backlog where the server or the person changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BacklogChoice {
    /// It stays, and nothing is enrolled.
    #[default]
    Refuse,
    /// It is discarded, by the person's explicit word.
    Discard,
}

/// The server took the device in, but nothing is kept yet.
#[derive(Debug)]
#[must_use = "the key is lost unless it is kept"]
pub struct Accepted {
    credentials: Credentials,
    config: Option<StoredServerConfig>,
    discards_backlog: bool,
}

/// The device is enrolled.
#[derive(Debug)]
pub struct Enrolled {
    /// Who the device is, and its key.
    pub credentials: Credentials,
    /// Where the key is kept.
    pub kept_in: KeptIn,
    /// The configuration that came with the answer.
    pub config: Option<StoredServerConfig>,
    /// What became of the key of a former enrollment at another server.
    pub former_key: KeyAtServer,
}

/// Why the device is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// No server is named.
    #[error("no server is given")]
    NoServer,
    /// An enrollment is there.
    #[error("this device is enrolled already, for {username} at {server}")]
    AlreadyEnrolled {
        /// For whom.
        username: Username,
        /// Where.
        server: ServerUrl,
    },
    /// Events wait that belong to another server or person.
    #[error(
        "{pending} events wait that belong to {username} at {server}{why}",
        why = .cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default()
    )]
    Backlog {
        /// How many.
        pending: u64,
        /// Whose.
        username: Username,
        /// For which server.
        server: ServerUrl,
        /// Why they were not sent there, where that was tried.
        cause: Option<String>,
    },
    /// What waits cannot be read, so that it can be neither sent nor carried along.
    #[error(
        "{amount} would be left behind: {cause}",
        amount = .0.amount(),
        cause = .0.cause.as_deref().unwrap_or("what was captured before cannot be read")
    )]
    Shut(Left),
    /// Nothing answers.
    #[error("{fault} ({server})")]
    Unreachable {
        /// The server.
        server: ServerUrl,
        /// Why.
        fault: TransportFault,
    },
    /// An agent runs on the enrollment that is to be replaced.
    #[error("an agent is running on the former enrollment (pid {0})")]
    AgentRuns(u32),
    /// Somebody else works on the home.
    #[error(transparent)]
    Lock(LockError),
    /// The event log of the former enrollment cannot be used.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The event log of the former enrollment cannot be removed.
    #[error("what the former enrollment captured cannot be removed")]
    FormerLog(#[source] io::Error),
    /// Something answers, but not in a way to enroll now.
    #[error("{server} cannot enroll devices now: {refused}")]
    NotReady {
        /// The server.
        server: ServerUrl,
        /// What it answered.
        refused: RefusedCall,
    },
    /// The secret is unknown, spent or expired.
    #[error("the server does not accept the enrollment secret")]
    BadSecret,
    /// The person may not enroll devices.
    #[error("the server does not let {0} enroll devices")]
    Suspended(Username),
    /// The server holds an enrollment of this device.
    #[error("the server says that this device is enrolled already")]
    KnownToServer,
    /// The server refuses for another reason.
    #[error("the server refuses to enroll this device: {0}")]
    Refused(RefusedCall),
    /// The answer is no enrollment.
    #[error("{server} answered {status}, but with no enrollment")]
    NotAnEnrollment {
        /// The server.
        server: ServerUrl,
        /// The status, that of HTTP or the one that says the same.
        status: u16,
    },
    /// There is no usable home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// No request can be made.
    #[error(transparent)]
    Setup(#[from] HttpSetupError),
    /// Credentials cannot be read or kept.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The former server's configuration cannot be removed.
    #[error("the configuration of the former server cannot be removed")]
    FormerConfig(#[source] io::Error),
    /// The consent that was given for another server or by another person cannot be removed.
    #[error("the consent of the former enrollment cannot be removed")]
    FormerConsent(#[source] io::Error),
    /// The administrator has decided otherwise.
    #[error(
        "{given} (set by {origin}) is another server than {preset}, where the administrator of \
         this computer wants it to be enrolled"
    )]
    OtherThanPreset {
        /// The server that is set.
        given: ServerUrl,
        /// Where it is set.
        origin: Origin,
        /// The server of the preset.
        preset: ServerUrl,
    },
}

/// Kinds of failure that programs tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Something here is wrong.
    Failed,
    /// The request was not complete.
    Usage,
    /// The server cannot be reached.
    Unreachable,
    /// The server refuses.
    Refused,
}

impl EnrollError {
    /// What kind of failure it is.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::NoServer => FailureClass::Usage,
            Self::AlreadyEnrolled { .. }
            | Self::Backlog { .. }
            | Self::Shut(_)
            | Self::AgentRuns(_)
            | Self::Lock(_)
            | Self::Wal(_)
            | Self::FormerLog(_)
            | Self::Home(_)
            | Self::Setup(_)
            | Self::Credentials(_)
            | Self::FormerConfig(_)
            | Self::FormerConsent(_)
            | Self::OtherThanPreset { .. } => FailureClass::Failed,
            Self::Unreachable { .. } | Self::NotReady { .. } | Self::NotAnEnrollment { .. } => {
                FailureClass::Unreachable
            }
            Self::BadSecret | Self::Suspended(_) | Self::KnownToServer | Self::Refused(_) => {
                FailureClass::Refused
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoServer => "name it with --server https://... or DEVPULSE_SERVER_URL",
            Self::AlreadyEnrolled { .. } => "replace the enrollment with --force",
            Self::Backlog { .. } => {
                "deliver them first with devpulse-client sync, or discard them with \
                 --force --discard"
            }
            Self::Shut(_) => {
                "unlock the keychain, or put the key back where it was, and enroll again; or \
                 discard what waits with --force --discard"
            }
            Self::AgentRuns(_) => "end it, then enroll again",
            Self::Lock(error) => return error.hint(),
            Self::Wal(error) => return wal_hint(error),
            Self::Unreachable { fault, .. } => fault_hint(fault),
            Self::NotReady { .. } => "try again later, or ask your administrator",
            Self::BadSecret => "ask your administrator for a new enrollment secret",
            Self::Suspended(_) => "ask your administrator",
            Self::KnownToServer => {
                "ask your administrator to revoke the former enrollment of this device"
            }
            Self::Refused(_) => "show this to your administrator",
            Self::NotAnEnrollment { .. } => {
                "check the address; a network's sign-in page may stand in the way"
            }
            Self::Home(error) => return Some(error.hint()),
            Self::Setup(error) => return error.hint().map(str::to_owned),
            Self::Credentials(error) => return error.hint(),
            Self::OtherThanPreset { origin: Origin::Flag, .. } => {
                "leave out --server, or ask your administrator"
            }
            Self::OtherThanPreset { origin, .. } => {
                return Some(format!("take the server out of {origin}, or ask your administrator"));
            }
            Self::FormerConfig(_) | Self::FormerConsent(_) | Self::FormerLog(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// Asks the server of the settings to take this device in. Makes the home, and keeps
/// nothing in it.
///
/// # Errors
/// Refuses where an enrollment is there and `force` is not given, or where events wait
/// that belong to another server or person; says why the server cannot be reached or
/// does not agree.
pub async fn enroll(
    request: &EnrollmentRequest,
    settings: &Settings,
) -> Result<Accepted, EnrollError> {
    let local = settings.local();
    let server = wanted_server(settings)?;
    local.home.create()?;
    let discards_backlog = check_former(request, settings, &server)?;
    let api = ServerApi::new(server.clone(), &HttpOptions::of(local))?;
    check_health(api.health().await, &server)?;
    let answer = api
        .enroll(&EnrollRequest {
            username: request.username.clone(),
            hostname: request.hostname.clone().unwrap_or_else(machine::hostname),
            platform: Platform::current(),
            enrollment_secret: request.secret.clone(),
            device: machine::device_info(server.over_http().origin()),
        })
        .await;
    let response = read(answer, &server, &request.username)?;
    let now = Timestamp::now();
    let config = StoredServerConfig::new(response.config, None, now).ok();
    let identity = DeviceIdentity {
        server_url: server,
        device_id: response.device_id,
        user_id: Some(response.user_id),
        username: request.username.clone(),
        issued_at: Some(now),
        expires_at: response.expires_at,
    };
    let credentials = Credentials { identity, api_key: response.api_key };
    Ok(Accepted { credentials, config, discards_backlog })
}

impl Accepted {
    /// Whether the caller has to discard the backlog before [`Accepted::keep`], so that
    /// it never reaches the new server.
    #[must_use]
    pub const fn discards_backlog(&self) -> bool {
        self.discards_backlog
    }

    /// Keeps the credentials and the configuration. May wait for the keychain.
    ///
    /// # Errors
    /// Fails where the home cannot be written; the former enrollment is then left.
    pub fn keep(
        self,
        settings: &Settings,
        store: &dyn SecretStore,
    ) -> Result<Enrolled, EnrollError> {
        let local = settings.local();
        StoredServerConfig::remove(&local.home).map_err(EnrollError::FormerConfig)?;
        let DeviceIdentity { server_url, username, .. } = &self.credentials.identity;
        let consent = Record::load(&local.home);
        if consent.is_some_and(|record| !record.holds_for(server_url, username)) {
            Record::remove(&local.home).map_err(EnrollError::FormerConsent)?;
        }
        let kept_in = self.credentials.save(&local.home, local.secret_store, store)?;
        if let Err(error) = log_key::rotate(&local.home, store) {
            tracing::warn!(%error, "the event log goes on with the key that it had");
        }
        if let Some(config) = &self.config
            && let Err(error) = config.save(&local.home)
        {
            tracing::warn!(%error, "the server's configuration is not kept");
        }
        let Self { credentials, config, .. } = self;
        Ok(Enrolled { credentials, kept_in, config, former_key: KeyAtServer::None })
    }
}

/// Where the settings want the device enrolled; the administrator's preset stands above
/// them.
pub(crate) fn wanted_server(settings: &Settings) -> Result<ServerUrl, EnrollError> {
    let wanted = settings.local().server_url.clone();
    let preset = settings.preset().map(|preset| &preset.server_url);
    match (wanted, preset) {
        (Some(given), Some(preset)) if given.origin() != preset.origin() => {
            // An enrollment from before the preset is replaced by one at its server.
            if settings.origin("server_url") == Origin::Default {
                return Ok(preset.clone());
            }
            let origin = settings.origin("server_url");
            Err(EnrollError::OtherThanPreset { given, origin, preset: preset.clone() })
        }
        (wanted, preset) => wanted.or_else(|| preset.cloned()).ok_or(EnrollError::NoServer),
    }
}

/// Whether the former enrollment may be replaced, and whether its backlog is to be
/// discarded.
fn check_former(
    request: &EnrollmentRequest,
    settings: &Settings,
    server: &ServerUrl,
) -> Result<bool, EnrollError> {
    let former = match DeviceIdentity::load(&settings.local().home) {
        Err(_) if request.force => return Ok(false),
        former => former?,
    };
    let Some(former) = former else { return Ok(false) };
    if !request.force {
        let DeviceIdentity { username, server_url, .. } = former;
        return Err(EnrollError::AlreadyEnrolled { username, server: server_url });
    }
    let is_same =
        former.server_url.origin() == server.origin() && former.username == request.username;
    match request.backlog {
        Backlog { pending: 0, .. } => Ok(false),
        _ if is_same => Ok(false),
        Backlog { choice: BacklogChoice::Discard, .. } => Ok(true),
        Backlog { pending, choice: BacklogChoice::Refuse } => Err(EnrollError::Backlog {
            pending,
            username: former.username,
            server: former.server_url,
            cause: None,
        }),
    }
}

/// A server that has no such route is there all the same.
fn check_health(outcome: Outcome, server: &ServerUrl) -> Result<(), EnrollError> {
    let status = match &outcome {
        Outcome::Http(answer) => answer.status,
        Outcome::Grpc(answer) if answer.code == GrpcCode::Unimplemented => 404,
        Outcome::Grpc(answer) => answer.code.http_status(),
        Outcome::Fault(_) | Outcome::NoKey(_) => return Err(refused(outcome, server)),
    };
    match status {
        300..=399 | 429 | 499..=599 => {
            Err(EnrollError::NotReady { server: server.clone(), refused: RefusedCall::of(outcome) })
        }
        _ => Ok(()),
    }
}

fn read(
    outcome: Outcome,
    server: &ServerUrl,
    username: &Username,
) -> Result<EnrollResponse, EnrollError> {
    let answered = match &outcome {
        Outcome::Http(answer) if matches!(answer.status, 200 | 201) => {
            Some((answer.status, &answer.body))
        }
        Outcome::Grpc(answer) if answer.code == GrpcCode::Ok => Some((200, &answer.reply)),
        _ => None,
    };
    if let Some((status, body)) = answered {
        return serde_json::from_slice(body)
            .ok()
            .filter(is_usable)
            .ok_or_else(|| EnrollError::NotAnEnrollment { server: server.clone(), status });
    }
    Err(match refused(outcome, server) {
        EnrollError::Refused(refused) => match refused.status() {
            Some((401, None | Some(ProblemCode::BadSecret))) => EnrollError::BadSecret,
            Some((403, None | Some(ProblemCode::UserSuspended))) => {
                EnrollError::Suspended(username.clone())
            }
            Some((409, None | Some(ProblemCode::AlreadyEnrolled))) => EnrollError::KnownToServer,
            Some((202..=399 | 404 | 405 | 408 | 425 | 429 | 499..=599, _)) => {
                EnrollError::NotReady { server: server.clone(), refused }
            }
            _ => EnrollError::Refused(refused),
        },
        error => error,
    })
}

fn refused(outcome: Outcome, server: &ServerUrl) -> EnrollError {
    match outcome {
        Outcome::Fault(fault) => EnrollError::Unreachable { server: server.clone(), fault },
        outcome => EnrollError::Refused(RefusedCall::of(outcome)),
    }
}

/// Whether ids and key can be kept and sent again.
fn is_usable(response: &EnrollResponse) -> bool {
    let is_plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
    is_plain(response.device_id.as_str())
        && is_plain(response.user_id.as_str())
        && is_plain(response.api_key.expose())
}
