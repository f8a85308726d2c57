//! What a person agreed to have captured, and what holds until they agree to more.
//!
//! Whoever shows the disclosure records the consent in the home. From then on nothing is
//! captured beyond it: what is asked for in addition waits until the person has seen the
//! old and the new, and what is asked for less holds at once. Where no consent is
//! recorded, on a device that an administrator enrolled by the command line, the policy
//! holds as it is.

mod disclosure;
mod rules;
mod scope;

use std::io;

use devpulse_control::{
    AcceptRequest, AcceptedConsent, ConsentReport, ConsentStatus, Disclosure, Proposal,
};
use devpulse_protocol::{Config, Timestamp, Username};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use scope::{Scope, Screens, narrowed};

use crate::credentials::DeviceIdentity;
use crate::home::{Home, atomic_write};
use crate::offline;
use crate::origin::{PlainHttp, ServerUrl};
use crate::settings::Settings;

/// What a person agreed to, as it lies in `consent.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub accepted_at: Timestamp,
    /// The version of the server's configuration that they saw.
    pub policy_version: Option<i64>,
    /// The server that receives what is captured; at another one the consent is void.
    pub server_url: String,
    /// Who agreed; for another person it is void.
    pub username: Username,
    /// What may be captured.
    pub scope: Scope,
    /// What they were shown.
    pub disclosure: Disclosure,
}

/// Why a consent was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// There is nobody whose consent it could be.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// What is asked for is not what was shown.
    #[error("what is asked for has changed since it was shown")]
    Outdated,
    /// The home cannot be written.
    #[error("the consent cannot be recorded")]
    Unwritable(#[source] io::Error),
}

impl ConsentError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotEnrolled => Some("enroll it first; see: devpulse-client enroll --help"),
            Self::Outdated => Some("read it again with: devpulse-client consent"),
            Self::Unwritable(_) => Some("see that the home of DevPulse can be written"),
        }
    }
}

/// What the program can do at the most: shown before a server is known.
#[must_use]
pub fn general() -> Disclosure {
    disclosure::general()
}

/// What a configuration captures, and what becomes of it.
#[must_use]
pub fn of(config: &Config, server: Option<&ServerUrl>) -> Disclosure {
    disclosure::of(config, server)
}

/// How things stand between what is asked for and what the person agreed to.
#[must_use]
pub fn report(settings: &Settings) -> ConsentReport {
    let server = settings.local().server_url.as_ref();
    let shown = of(settings.asked_for(), server);
    let widenings = settings.consent().map_or_else(Vec::new, |record| {
        disclosure::widenings(&record.scope, &Scope::of(settings.asked_for()))
    });
    ConsentReport {
        record: settings.consent().map(|record| AcceptedConsent {
            accepted_at: record.accepted_at,
            policy_version: record.policy_version,
            disclosure: record.disclosure.clone(),
        }),
        in_force: of(settings.config(), server),
        proposal: Proposal {
            policy_version: settings.server_version(),
            digest: digest(&shown, &Scope::of(settings.asked_for())),
            disclosure: shown,
            widenings,
        },
    }
}

/// The consent as `status` shows it.
#[must_use]
pub fn status(settings: &Settings) -> Option<ConsentStatus> {
    settings.consent().map(|record| ConsentStatus {
        accepted_at: record.accepted_at,
        policy_version: record.policy_version,
        awaiting: !record.scope.widening(&Scope::of(settings.asked_for())).is_empty(),
    })
}

/// Records that the person agrees to what [`report`] proposes.
///
/// # Errors
/// Fails where the device is not enrolled, where something else is asked for than was
/// shown, or where the home cannot be written.
pub fn accept(settings: &Settings, request: &AcceptRequest) -> Result<Record, ConsentError> {
    let proposal = report(settings).proposal;
    let is_shown = request.policy_version == proposal.policy_version
        && request.digest.as_ref().is_none_or(|digest| *digest == proposal.digest);
    if !is_shown {
        return Err(ConsentError::Outdated);
    }
    record(settings)
}

/// Records that the person agrees to all that the settings ask for. The tray app starts
/// the agent after this, and not before.
///
/// # Errors
/// Fails where the device is not enrolled, or where the home cannot be written.
pub fn record(settings: &Settings) -> Result<Record, ConsentError> {
    let (server, username) = enrolled(settings).ok_or(ConsentError::NotEnrolled)?;
    let record = Record {
        accepted_at: Timestamp::now(),
        policy_version: settings.server_version(),
        server_url: server.as_str().to_owned(),
        username,
        scope: Scope::of(settings.asked_for()),
        disclosure: of(settings.asked_for(), Some(&server)),
    };
    record.save(&settings.local().home).map_err(ConsentError::Unwritable)?;
    Ok(record)
}

impl Record {
    /// The one on disk. One that cannot be read is a consent to nothing: what the person
    /// agreed to is not known.
    #[must_use]
    pub fn load(home: &Home) -> Option<Self> {
        let path = home.consent();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the consent cannot be read");
                return Some(Self::unknown());
            }
        };
        let record = serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the consent is damaged");
            Self::unknown()
        });
        Some(record)
    }

    /// Forgets the one on disk, which need not be there.
    ///
    /// # Errors
    /// Fails where the home cannot be written.
    pub fn remove(home: &Home) -> io::Result<()> {
        match std::fs::remove_file(home.consent()) {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether it is the consent of this person for this server.
    #[must_use]
    pub fn holds_for(&self, server: &ServerUrl, username: &Username) -> bool {
        if self.server_url.is_empty() {
            return true;
        }
        let given = ServerUrl::parse(&self.server_url, PlainHttp::Anywhere);
        self.username == *username && given.is_ok_and(|given| given.origin() == server.origin())
    }

    fn save(&self, home: &Home) -> io::Result<()> {
        atomic_write(&home.consent(), &serde_json::to_vec_pretty(self)?)
    }

    /// Of whoever it was, to nothing.
    fn unknown() -> Self {
        Self {
            accepted_at: Timestamp::from_millis(0),
            policy_version: None,
            server_url: String::new(),
            username: Username::new(""),
            scope: Scope::nothing(),
            disclosure: Disclosure { title: String::new(), sections: Vec::new() },
        }
    }
}

/// Whose consent it is and for which server: as the enrollment says, whatever a setting
/// says besides.
fn enrolled(settings: &Settings) -> Option<(ServerUrl, Username)> {
    let identity =
        DeviceIdentity::peek(&settings.local().home).or_else(|| offline::stand_in(settings))?;
    Some((identity.server_url, identity.username))
}

fn digest(disclosure: &Disclosure, scope: &Scope) -> String {
    let text = serde_json::to_vec(&(disclosure, scope)).unwrap_or_default();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
