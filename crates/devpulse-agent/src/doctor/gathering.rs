//! Looking at everything, side by side, each within its deadline.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use devpulse_capture::{Backends, Desktop, Probe, Refusal};
use devpulse_control::{ClientError, ControlClient, Status};
use devpulse_protocol::Timestamp;
use tokio::time::timeout;

use super::chain;
use super::facts::{
    AgentFact, Complaint, DiskFact, Facts, KeyFact, LogKeyFact, ProxyFact, ServerFact,
    SettingsFact, SignalFact,
};
use crate::agent::wal_hint;
use crate::credentials::log_key::{self, LogKeyState};
use crate::credentials::{DeviceIdentity, KeptIn, KeychainState, kept_in, keychain_state};
use crate::home::access;
use crate::http::{HttpOptions, Route, SetBy};
use crate::offline;
use crate::origin::ServerUrl;
use crate::server::ServerApi;
use crate::settings::{Origin, Settings};

/// Time that the agent has to greet and to answer.
const AGENT_DEADLINE: Duration = Duration::from_secs(5);
/// Time that a backend has to say whether it can serve.
const PROBE_DEADLINE: Duration = Duration::from_secs(4);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const SERVER_DEADLINE: Duration = Duration::from_secs(8);
/// Time that the key of the event log has to be found and tried.
const KEY_DEADLINE: Duration = Duration::from_secs(8);
/// Time to count the files.
const DISK_DEADLINE: Duration = Duration::from_secs(3);

pub(super) async fn gather(settings: &Settings, desktop: &Desktop) -> Facts {
    let (key, identity) = key(settings);
    let server = identity.map(|identity| identity.server_url);
    let server = server.or_else(|| settings.local().server_url.clone());
    let proxy = server.as_ref().map_or(ProxyFact::Direct, |url| proxy(settings, url));
    let ((agent, status, signals), (keychain, log_key), server, disk) = tokio::join!(
        agent(settings, desktop),
        keys(settings),
        ask_server(settings, server),
        disk(settings),
    );
    Facts {
        agent,
        status,
        settings: SettingsFact {
            refused: settings.refused().to_vec(),
            warnings: warnings(settings, false),
            of_administrator: warnings(settings, true),
            overrides: settings.overrides(),
        },
        key,
        choice: settings.local().secret_store,
        keychain,
        log_key,
        server,
        proxy,
        is_pinned: !settings.local().server_pins.is_empty(),
        disk,
        signals,
        now: Timestamp::now(),
    }
}

fn warnings(settings: &Settings, of_administrator: bool) -> Vec<String> {
    let warnings = settings.warnings().iter();
    let wanted = warnings.filter(|warning| warning.is_administrators() == of_administrator);
    wanted.map(ToString::to_string).collect()
}

/// Whether there is a key, without asking the keychain for it.
fn key(settings: &Settings) -> (KeyFact, Option<DeviceIdentity>) {
    let local = settings.local();
    if local.api_key.is_some() {
        let complete =
            settings.origin("client_id") != Origin::Default && local.server_url.is_some();
        let fact = if complete {
            KeyFact::Environment
        } else {
            KeyFact::Unusable(Complaint {
                cause: "DEVPULSE_API_KEY is set without DEVPULSE_CLIENT_ID or DEVPULSE_SERVER_URL"
                    .to_owned(),
                remedy: Some("set all three of them, or none".to_owned()),
            })
        };
        return (fact, None);
    }
    let unusable = |error: crate::credentials::CredentialsError| {
        KeyFact::Unusable(Complaint { cause: chain(&error), remedy: error.hint() })
    };
    match DeviceIdentity::load(&local.home) {
        Err(error) => (unusable(error), DeviceIdentity::peek(&local.home)),
        Ok(None) => (KeyFact::NotEnrolled, None),
        Ok(Some(identity)) => match identity.check_server(settings) {
            Err(error) => (unusable(error), Some(identity)),
            Ok(()) => {
                let kept_in = kept_in(&local.home);
                let expires_at = identity.expires_at;
                (KeyFact::Enrolled { kept_in, expires_at }, Some(identity))
            }
        },
    }
}

/// How the keychain is, and the key of the event log, for which a keychain that is not open
/// is not asked: it would ask the person.
async fn keys(settings: &Settings) -> (KeychainState, LogKeyFact) {
    let keychain = keychain_state().await;
    let is_there = kept_in(&settings.local().home) == Some(KeptIn::Keyring);
    if is_there && keychain != KeychainState::Unlocked {
        return (keychain, LogKeyFact::NotAsked);
    }
    let settings = settings.clone();
    let looking = tokio::task::spawn_blocking(move || log_key::look(&settings));
    let fact = match timeout(KEY_DEADLINE, looking).await {
        Ok(Ok(Ok(LogKeyState::None))) => LogKeyFact::None,
        Ok(Ok(Ok(LogKeyState::Held(place)))) => LogKeyFact::Held(place),
        Ok(Ok(Ok(LogKeyState::Trouble(locked)))) => LogKeyFact::Missing(locked.to_string()),
        Ok(Ok(Err(error))) => LogKeyFact::NotTold(chain(&error)),
        Ok(Err(_)) | Err(_) => LogKeyFact::NotTold("it could not be looked at in time".to_owned()),
    };
    (keychain, fact)
}

type AgentFacts = (AgentFact, Result<Status, Complaint>, [SignalFact; 4]);

/// Asks the agent; where none runs, reads the files and probes the backends.
async fn agent(settings: &Settings, desktop: &Desktop) -> AgentFacts {
    match timeout(AGENT_DEADLINE, ask_agent(settings)).await.unwrap_or(Err(ClientError::Silent)) {
        Ok((version, pid, status)) if status.agent.running => {
            let signals = status.capture.signals().map(|(_, signal)| signal.clone());
            let signals = signals.map(SignalFact::Served);
            (AgentFact::Running { version, pid }, Ok(status), signals)
        }
        // A sync that will end by itself.
        Ok((_, _, status)) => (AgentFact::NotRunning, Ok(status), probe_all(desktop).await),
        Err(ClientError::NoAgent) => {
            let (status, signals) = tokio::join!(read_files(settings), probe_all(desktop));
            (AgentFact::NotRunning, status, signals)
        }
        Err(error) => {
            let remedy = match &error {
                ClientError::WrongOwner => "run this as the user whose agent it is",
                ClientError::Version { .. } => {
                    "restart the agent, so that both are of the same version"
                }
                _ => "look into its logs, and restart it if it is stuck",
            };
            let complaint = Complaint { cause: chain(&error), remedy: Some(remedy.to_owned()) };
            let signals = [const { SignalFact::NotTold }; 4];
            (AgentFact::Unusable(complaint.clone()), Err(complaint), signals)
        }
    }
}

async fn ask_agent(settings: &Settings) -> Result<(String, u32, Status), ClientError> {
    let client = ControlClient::connect(&settings.local().home.socket()).await?;
    let status = client.status().await?;
    Ok((client.agent().version.clone(), client.agent().pid, status))
}

async fn read_files(settings: &Settings) -> Result<Status, Complaint> {
    let settings = settings.clone();
    let reading = tokio::task::spawn_blocking(move || offline::status(&settings));
    match timeout(AGENT_DEADLINE, reading).await {
        Ok(Ok(Ok(status))) => Ok(status),
        Ok(Ok(Err(error))) => Err(Complaint { cause: chain(&error), remedy: wal_hint(&error) }),
        Ok(Err(_)) | Err(_) => Err(Complaint {
            cause: "the event log could not be read in time".to_owned(),
            remedy: Some("see whether the disk is healthy".to_owned()),
        }),
    }
}

async fn probe_all(desktop: &Desktop) -> [SignalFact; 4] {
    let Backends { focus, idle, session, screen } = Backends::of_this_system();
    let (focus, idle, session, screen) = tokio::join!(
        probe(focus, desktop),
        probe(idle, desktop),
        probe(session, desktop),
        probe(screen, desktop)
    );
    [focus, idle, session, screen]
}

/// Opens the backends in their order until one can serve, and lets go of it at once.
async fn probe(probes: Vec<Probe>, desktop: &Desktop) -> SignalFact {
    let mut refusals: Vec<(&'static str, Refusal)> = Vec::new();
    let deadline = tokio::time::Instant::now() + PROBE_DEADLINE;
    for probe in probes {
        let refusal = match tokio::time::timeout_at(deadline, (probe.open)(desktop)).await {
            Ok(Ok(_hook)) => return SignalFact::Could(probe.backend),
            Ok(Err(refusal)) => refusal,
            Err(_) => Refusal::Failed("it did not answer in time".to_owned()),
        };
        refusals.push((probe.backend, refusal));
    }
    SignalFact::CouldNot(told(&refusals))
}

/// What there is to say of why nothing serves: backends of other desktops are passed over.
fn told(refusals: &[(&'static str, Refusal)]) -> Vec<(&'static str, String)> {
    let all: Vec<Refusal> = refusals.iter().map(|(_, refusal)| refusal.clone()).collect();
    let Some(gravest) = Refusal::most_telling(&all) else { return Vec::new() };
    let grave = |refusal: &&Refusal| match gravest {
        Refusal::Failed(_) => matches!(refusal, Refusal::Failed(_)),
        gravest => *refusal == gravest,
    };
    let told = refusals.iter().filter(|(_, refusal)| grave(&refusal));
    told.map(|(backend, refusal)| (*backend, refusal.to_string())).collect()
}

async fn ask_server(settings: &Settings, url: Option<ServerUrl>) -> ServerFact {
    let Some(url) = url else { return ServerFact::None };
    let options = HttpOptions {
        connect_timeout: CONNECT_DEADLINE,
        timeout: SERVER_DEADLINE,
        ..HttpOptions::of(settings.local())
    };
    let api = match ServerApi::new(url.clone(), &options) {
        Ok(api) => api,
        Err(error) => {
            let remedy = error.hint().map(ToOwned::to_owned);
            return ServerFact::NoRequest(url, Complaint { cause: chain(&error), remedy });
        }
    };
    let begun = Instant::now();
    let (outcome, certificate) = api.inspect().await;
    let took = begun.elapsed();
    ServerFact::Asked { url, outcome, took, certificate, at: Timestamp::now().minus(took / 2) }
}

/// Which proxy the requests go through, by the rules that the requests follow.
fn proxy(settings: &Settings, server: &ServerUrl) -> ProxyFact {
    match Route::to(server, &HttpOptions::of(settings.local())) {
        Route::Direct => ProxyFact::Direct,
        Route::Through(through) => ProxyFact::Through {
            proxy: through.proxy().to_string(),
            set_by: match through.set_by() {
                SetBy::Setting => settings.origin("proxy").to_string(),
                SetBy::Variable(name) => name.to_owned(),
            },
        },
    }
}

async fn disk(settings: &Settings) -> DiskFact {
    let limit = settings.config().limits.max_disk_bytes;
    let settings = settings.clone();
    let looking = tokio::task::spawn_blocking(move || look_at_disk(&settings));
    match timeout(DISK_DEADLINE + Duration::from_secs(1), looking).await {
        Ok(Ok(fact)) => fact,
        Ok(Err(_)) | Err(_) => DiskFact { limit, ..DiskFact::default() },
    }
}

fn look_at_disk(settings: &Settings) -> DiskFact {
    let local = settings.local();
    let home = local.home.root();
    let existing = home.ancestors().find(|path| path.exists()).unwrap_or(home);
    let end = Instant::now() + DISK_DEADLINE;
    let mut log = local.wal_db_path.clone().into_os_string();
    log.push("-wal");
    let files = [local.wal_db_path.as_path(), Path::new(&log)];
    let log_bytes: u64 =
        files.into_iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum();
    DiskFact {
        free: free(existing),
        used: size(&local.screenshot_dir, end).map(|images| images + log_bytes),
        limit: settings.config().limits.max_disk_bytes,
        complaint: complaint(home),
    }
}

/// Why the home cannot be used; a home that is not there yet can be.
fn complaint(home: &Path) -> Option<Complaint> {
    let shown = home.display();
    let complaint = |cause: String, remedy: String| Some(Complaint { cause, remedy: Some(remedy) });
    let metadata = match fs::metadata(home) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            let cause = format!("the home {shown} cannot be looked at: {error}");
            return complaint(cause, "set DEVPULSE_HOME to a directory of yours".to_owned());
        }
    };
    if !metadata.is_dir() {
        let cause = format!("the home {shown} is not a directory");
        return complaint(cause, "set DEVPULSE_HOME to a directory of yours".to_owned());
    }
    if !access::is_mine(home, &metadata) {
        let cause = format!("the home {shown} belongs to another user");
        return complaint(cause, "run as the user that owns it".to_owned());
    }
    if access::is_open_to_others(home, &metadata) {
        let cause = format!("the home {shown} is open to other users");
        return complaint(cause, format!("close it: {}", access::closing(home)));
    }
    if access::check_writable(home).is_err() {
        let cause = format!("the home {shown} cannot be written");
        return complaint(cause, format!("make it writable: chmod u+rwx {shown}"));
    }
    None
}

/// Bytes of all files below a directory; `None` where the time was over before.
fn size(directory: &Path, end: Instant) -> Option<u64> {
    let mut total = 0;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        let Ok(entries) = fs::read_dir(directory) else { continue };
        for entry in entries.flatten() {
            if Instant::now() > end {
                return None;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => left.push(entry.path()),
                Ok(metadata) => total += metadata.len(),
                Err(_) => {}
            }
        }
    }
    Some(total)
}

#[cfg(unix)]
fn free(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(path).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(windows)]
fn free(path: &Path) -> Option<u64> {
    devpulse_windows::free_bytes(path)
}
