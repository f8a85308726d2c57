//! The agent, its settings and its key.

use devpulse_control::PipelineState;

use super::Check;
use super::facts::{AgentFact, Facts, KeyFact, LogKeyFact};
use super::way::date;
use crate::agent::LOCKED_HINT;
use crate::credentials::{KeptIn, KeychainState};
use crate::settings::SecretStoreChoice;

/// A key that ends sooner than this is worth a warning.
const SOON_S: i64 = 14 * 24 * 60 * 60;

const ENROLL: &str =
    "enroll it with: devpulse-client enroll --server URL --enrollment-secret-file FILE";

pub(super) fn agent(facts: &Facts) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    match &facts.agent {
        AgentFact::Running { version, pid } if version == ours => {
            Check::ok("agent", format!("version {version} is running, pid {pid}"))
        }
        AgentFact::Running { version, pid } => Check::warning(
            "agent",
            format!("version {version} is running, pid {pid}; this program is version {ours}"),
            "restart the agent, so that both are of the same version",
        ),
        AgentFact::NotRunning => Check::warning(
            "agent",
            "no agent is running, so nothing is captured",
            "start it with: devpulse-client run",
        ),
        AgentFact::Unusable(complaint) => {
            Check::failed("agent", complaint.cause.clone(), complaint.remedy.clone())
        }
    }
}

pub(super) fn settings(facts: &Facts) -> Check {
    let settings = &facts.settings;
    let mut complaints: Vec<String> =
        settings.refused.iter().map(|refused| format!("the server's {refused}")).collect();
    let is_servers = !complaints.is_empty();
    complaints.extend(settings.of_administrator.iter().cloned());
    complaints.extend(settings.warnings.iter().cloned());
    let overrides: Vec<_> =
        settings.overrides.iter().map(|(name, origin)| format!("{name} by {origin}")).collect();
    let overridden = if overrides.is_empty() {
        String::new()
    } else {
        format!("; set otherwise than by the server: {}", overrides.join(", "))
    };
    if complaints.is_empty() {
        return Check::ok("settings", format!("all of them are valid{overridden}"));
    }
    let remedy = if is_servers {
        "tell your administrator which values of the server are refused; the others are in force"
    } else if !settings.of_administrator.is_empty() {
        "tell your administrator; what is not refused is in force"
    } else {
        "correct or remove what is ignored"
    };
    Check::warning("settings", format!("{}{overridden}", complaints.join("; ")), remedy)
}

pub(super) fn credentials(facts: &Facts) -> Check {
    const NAME: &str = "credentials";

    let (place, expires_at) = match &facts.key {
        KeyFact::NotEnrolled => {
            return Check::warning(NAME, "this device is not enrolled", ENROLL);
        }
        KeyFact::Unusable(complaint) => {
            return Check::failed(NAME, complaint.cause.clone(), complaint.remedy.clone());
        }
        KeyFact::Environment => ("the key is given in the environment", None),
        KeyFact::Enrolled { kept_in: Some(KeptIn::Keyring), expires_at } => {
            ("the key is kept in the system's keychain", *expires_at)
        }
        KeyFact::Enrolled { expires_at, .. } => {
            ("the key is kept in credentials.json, which only you can read", *expires_at)
        }
    };
    let pipeline = facts.status.as_ref().ok().map(|status| &status.pipeline);
    let again = "ask your administrator, then enroll again with: devpulse-client enroll --force";
    match pipeline.map(|pipeline| pipeline.state) {
        Some(PipelineState::Revoked) => {
            return Check::failed(NAME, "the server has revoked this device", Some(again.into()));
        }
        Some(PipelineState::AuthBlocked) => {
            // The key of the server, or that of the log.
            let cause = pipeline.and_then(|pipeline| pipeline.last_error.clone());
            let cause = cause.unwrap_or_else(|| "the server does not accept the key".to_owned());
            let remedy = format!("put back what is missing; where the key is refused, {again}");
            return Check::failed(NAME, cause, Some(remedy));
        }
        _ => {}
    }
    let left = expires_at.map(|end| (end, (end.as_millis() - facts.now.as_millis()) / 1000));
    match left {
        Some((end, left)) if left <= 0 => {
            Check::failed(NAME, format!("the key ended on {}", date(end)), Some(again.into()))
        }
        Some((end, left)) if left < SOON_S => {
            Check::warning(NAME, format!("{place}, and ends on {}", date(end)), again)
        }
        Some((end, _)) => Check::ok(NAME, format!("{place}, and is valid until {}", date(end))),
        None => Check::ok(NAME, place),
    }
}

pub(super) fn keychain(facts: &Facts) -> Check {
    const NAME: &str = "keychain";

    let is_needed = facts.choice == SecretStoreChoice::Keyring
        || matches!(facts.key, KeyFact::Enrolled { kept_in: Some(KeptIn::Keyring), .. });
    if facts.choice == SecretStoreChoice::File && !is_needed {
        return Check::ok(NAME, "it is not asked, because the settings keep the key in a file");
    }
    let (state, remedy) = match &facts.keychain {
        KeychainState::Unlocked => return Check::ok(NAME, "it is open and answers"),
        KeychainState::Startable if !is_needed => {
            return Check::ok(NAME, "it is started when it is asked");
        }
        KeychainState::NoSession => (
            "this session has no keychain (DBUS_SESSION_BUS_ADDRESS is not set)".to_owned(),
            "log in to a desktop session, or set DEVPULSE_SECRET_STORE=file",
        ),
        KeychainState::NotRunning => (
            "no keychain runs in this session".to_owned(),
            "install and start one, such as gnome-keyring, or set DEVPULSE_SECRET_STORE=file",
        ),
        KeychainState::Startable => (
            "the keychain does not run yet; it is started when the key is needed".to_owned(),
            "unlock it when it asks for the password",
        ),
        KeychainState::Empty => (
            "the keychain holds no default collection".to_owned(),
            "open the keychain's program once, such as seahorse, and make a default keyring",
        ),
        KeychainState::Locked => {
            ("the keychain is locked".to_owned(), "unlock it; the agent asks it again by itself")
        }
        KeychainState::Silent => (
            "the keychain did not answer within 5 s".to_owned(),
            "restart it, or log out and in again",
        ),
        KeychainState::Failed(cause) => (
            format!("the keychain cannot be asked: {cause}"),
            "log out and in again, or set DEVPULSE_SECRET_STORE=file",
        ),
    };
    if is_needed && facts.keychain != KeychainState::Startable {
        return Check::failed(NAME, format!("{state}, and it has the key"), Some(remedy.into()));
    }
    Check::warning(NAME, format!("{state}; until then the key is kept in a file"), remedy)
}

pub(super) fn log_key(facts: &Facts) -> Check {
    const NAME: &str = "log_key";
    const HELD: &str = "and opens what waits";

    match &facts.log_key {
        LogKeyFact::None => Check::ok(NAME, "none is needed before something is captured"),
        LogKeyFact::Held(KeptIn::Keyring) => {
            Check::ok(NAME, format!("it is in the system's keychain, {HELD}"))
        }
        LogKeyFact::Held(KeptIn::File) => Check::ok(
            NAME,
            format!(
                "it is in the file log-key, which only you can read, {HELD}; what is copied with it is not protected"
            ),
        ),
        LogKeyFact::NotAsked if facts.keychain == KeychainState::Startable => {
            Check::unknown(NAME, "it is in the system's keychain, which does not run yet")
        }
        LogKeyFact::NotAsked => Check::failed(
            NAME,
            "it is in the system's keychain, which cannot be asked now, so that what was captured \
             before the last start can be neither read nor sent",
            Some(LOCKED_HINT.to_owned()),
        ),
        LogKeyFact::Missing(cause) => {
            Check::failed(NAME, cause.clone(), Some(LOCKED_HINT.to_owned()))
        }
        LogKeyFact::NotTold(cause) => Check::unknown(NAME, cause.clone()),
    }
}
