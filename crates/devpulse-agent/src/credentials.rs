//! Who the device is, and the key that proves it.
//!
//! The key and every token got for it go only to the origin that issued them.

mod exchange;
mod file;
mod keychain;
mod late_keychain;
pub(crate) mod log_key;
mod presence;
mod secret_store;

use std::fs;
use std::io;
use std::path::PathBuf;

use devpulse_control::KeyPlace;
use devpulse_protocol::{ApiKey, DeviceId, Timestamp, UserId, Username};
use serde::{Deserialize, Serialize};

pub(crate) use exchange::{Issued, KeyExchange};
pub use keychain::SystemKeychain;
pub(crate) use late_keychain::LateKeychain;
pub use log_key::LogKey;
pub use presence::{KeychainState, keychain_state};
pub use secret_store::{SecretStore, SecretStoreError, Secrets};

use crate::home::{Home, access};
use crate::machine;
use crate::origin::{PlainHttp, ServerUrl};
use crate::settings::{Origin, SecretStoreChoice, Settings};
use exchange::changing;
use file::CredentialsFile;

/// Who the device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// The server that took it in.
    pub server_url: ServerUrl,
    /// Its own id, which events bear as `client_id`.
    pub device_id: DeviceId,
    /// Whom it belongs to; unknown where the environment stands in for an enrollment.
    pub user_id: Option<UserId>,
    /// The person's name.
    pub username: Username,
    /// When the key was issued; unknown where the environment stands in.
    pub issued_at: Option<Timestamp>,
    /// When the key ends, where it does.
    pub expires_at: Option<Timestamp>,
}

/// Who the device is, and the key that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub identity: DeviceIdentity,
    /// The proof.
    pub api_key: ApiKey,
}

/// Whether the device is enrolled.
#[derive(Debug)]
pub enum Enrollment {
    /// It is not: nothing is captured.
    NotEnrolled,
    /// It is, and can prove it.
    Enrolled(Credentials),
    /// It is, but the keychain does not hand out the key now: capture goes on, and the
    /// keychain is asked again later.
    KeyUnavailable {
        /// Who the device is.
        identity: DeviceIdentity,
        /// Why there is no key.
        error: SecretStoreError,
    },
}

/// Where the key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptIn {
    /// In the operating system's keychain.
    Keyring,
    /// In the credentials file.
    File,
}

/// Why credentials cannot be used, kept or removed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Others can read the key.
    #[error("the credentials file {path} can be read by other users", path = .0.display())]
    Exposed(PathBuf),
    /// It is no credentials file.
    #[error("the credentials file {path} is damaged at line {line}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The file cannot be read.
    #[error("the credentials file {path} cannot be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written or removed.
    #[error("the credentials file {path} cannot be written", path = .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The key was to be kept in the keychain and could not be.
    #[error("the device's key is not in the keychain: {0}")]
    Keychain(#[from] SecretStoreError),
    /// The environment gives a key, but not whose and for what.
    #[error("DEVPULSE_API_KEY is set without {0}")]
    Incomplete(&'static str),
    /// A setting names another server than the one that issued the key.
    #[error(
        "{given} (set by {origin}) is another server than {enrolled}, where this device is enrolled"
    )]
    OtherServer {
        /// The server that is set.
        given: ServerUrl,
        /// Where it is set.
        origin: Origin,
        /// The server that issued the key.
        enrolled: ServerUrl,
    },
    /// The server is reached in the clear, which is no longer permitted.
    #[error("this device is enrolled at {0}, which is plain http to another machine")]
    PlainHttp(ServerUrl),
}

impl CredentialsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed(path) => Some(format!("close it: {}", access::closing(path))),
            Self::Damaged { .. } => Some("enroll again: devpulse-client enroll --force".to_owned()),
            Self::Unreadable { path, .. } => {
                Some(format!("make it readable to you: chmod u+r {}", path.display()))
            }
            Self::Unwritable { .. } => None,
            Self::Keychain(_) => Some(
                "unlock the keychain, or keep the key in a file: DEVPULSE_SECRET_STORE=file"
                    .to_owned(),
            ),
            Self::Incomplete(_) => Some(
                "DEVPULSE_API_KEY, DEVPULSE_CLIENT_ID and DEVPULSE_SERVER_URL stand in for an \
                 enrollment only together"
                    .to_owned(),
            ),
            Self::OtherServer { given, .. } => {
                Some(format!("enroll there: devpulse-client enroll --force --server {given}"))
            }
            Self::PlainHttp(_) => Some(
                "permit it with DEVPULSE_ALLOW_HTTP=1, or enroll at an https server".to_owned(),
            ),
        }
    }
}

impl Enrollment {
    /// Looks whether the device is enrolled: by the environment, else by the
    /// credentials file. May wait for the keychain for 5 s.
    ///
    /// # Errors
    /// Fails where credentials are there that must not or cannot be used.
    pub fn load(settings: &Settings, store: &dyn SecretStore) -> Result<Self, CredentialsError> {
        if let Some(credentials) = stand_in(settings)? {
            return Ok(Self::Enrolled(credentials));
        }
        Self::of_home(&settings.local().home, store)
    }

    /// The same, by the credentials file alone.
    ///
    /// # Errors
    /// As [`Enrollment::load`].
    pub fn of_home(home: &Home, store: &dyn SecretStore) -> Result<Self, CredentialsError> {
        let Some(file) = CredentialsFile::read(home)? else { return Ok(Self::NotEnrolled) };
        let identity = file.identity(home)?;
        match (file.secret_store, file.api_key) {
            (KeptIn::File, Some(api_key)) => Ok(Self::Enrolled(Credentials { identity, api_key })),
            (KeptIn::File, None) => {
                Err(CredentialsError::Damaged { path: home.credentials(), line: 1 })
            }
            (KeptIn::Keyring, _) => Ok(match key_in(store, home) {
                Ok(api_key) => Self::Enrolled(Credentials { identity, api_key }),
                Err(error) => Self::KeyUnavailable { identity, error },
            }),
        }
    }

    /// Who the device is, where it is enrolled.
    #[must_use]
    pub const fn identity(&self) -> Option<&DeviceIdentity> {
        match self {
            Self::NotEnrolled => None,
            Self::Enrolled(credentials) => Some(&credentials.identity),
            Self::KeyUnavailable { identity, .. } => Some(identity),
        }
    }
}

impl DeviceIdentity {
    /// Who the credentials file says that the device is, checked; `None` where there is
    /// none. Asks no keychain.
    ///
    /// # Errors
    /// Fails where the file must not or cannot be used.
    pub fn load(home: &Home) -> Result<Option<Self>, CredentialsError> {
        CredentialsFile::read(home)?.map(|file| file.identity(home)).transpose()
    }

    /// Who the credentials file says that the device is; `None` where it says nothing
    /// that can be read. Asks no keychain and checks no permission.
    #[must_use]
    pub fn peek(home: &Home) -> Option<Self> {
        CredentialsFile::peek(home)?.identity(home).ok()
    }

    /// Checks that the settings lead to the server that issued the key.
    ///
    /// # Errors
    /// Refuses another origin, and plain `http` to another machine unless permitted.
    pub fn check_server(&self, settings: &Settings) -> Result<(), CredentialsError> {
        let local = settings.local();
        if let Some(given) = &local.server_url
            && given.origin() != self.server_url.origin()
        {
            return Err(CredentialsError::OtherServer {
                given: given.clone(),
                origin: settings.origin("server_url"),
                enrolled: self.server_url.clone(),
            });
        }
        self.check_plain(settings)
    }

    /// Checks that the key does not go in the clear to another machine.
    ///
    /// # Errors
    /// Refuses plain `http` to another machine unless permitted.
    pub(crate) fn check_plain(&self, settings: &Settings) -> Result<(), CredentialsError> {
        let is_permitted = settings.local().plain_http == PlainHttp::Anywhere;
        if self.server_url.is_plain_to_a_far_host() && !is_permitted {
            return Err(CredentialsError::PlainHttp(self.server_url.clone()));
        }
        Ok(())
    }
}

impl Credentials {
    /// Keeps the credentials in place of those before; says where the key went. May
    /// wait for the keychain for 10 s.
    ///
    /// # Errors
    /// Fails where the file cannot be written, or where the keychain has to take the
    /// key and does not.
    pub fn save(
        &self,
        home: &Home,
        choice: SecretStoreChoice,
        store: &dyn SecretStore,
    ) -> Result<KeptIn, CredentialsError> {
        let _changing = changing();
        let api_key = self.api_key.clone();
        let secrets = Secrets { api_key, next_api_key: None, log_keys: Vec::new() };
        let kept_in = match choice {
            SecretStoreChoice::File => KeptIn::File,
            SecretStoreChoice::Keyring => {
                put_in(store, home, &secrets)?;
                KeptIn::Keyring
            }
            SecretStoreChoice::Auto if !store.is_present() => KeptIn::File,
            SecretStoreChoice::Auto => match put_in(store, home, &secrets) {
                Ok(()) => KeptIn::Keyring,
                Err(error) => {
                    tracing::warn!(%error, "the device's key is kept in a file");
                    KeptIn::File
                }
            },
        };
        let file = CredentialsFile {
            server_url: self.identity.server_url.as_str().to_owned(),
            device_id: self.identity.device_id.clone(),
            user_id: self.identity.user_id.clone(),
            username: self.identity.username.clone(),
            issued_at: self.identity.issued_at,
            expires_at: self.identity.expires_at,
            secret_store: kept_in,
            api_key: (kept_in == KeptIn::File).then(|| self.api_key.clone()),
            followed_order: None,
            next: None,
        };
        let was_in = CredentialsFile::peek(home).map(|file| file.secret_store);
        let leaves = (was_in, kept_in) == (Some(KeptIn::Keyring), KeptIn::File);
        let left = if leaves { log_key::take_from(store, home) } else { Ok(()) };
        file.write(home)?;
        match kept_in {
            KeptIn::Keyring => log_key::drop_file(home),
            KeptIn::File if leaves => {
                if let Err(error) = left.and_then(|()| store.remove(&item(home))) {
                    tracing::warn!(%error, "the former key stays in the keychain");
                }
            }
            KeptIn::File => {}
        }
        Ok(kept_in)
    }

    /// Removes the credentials of a home, if it has any, from wherever they are kept.
    ///
    /// # Errors
    /// Fails where the file cannot be removed, or, with the file already gone, where the
    /// keychain does not let go of the key.
    pub fn remove(home: &Home, store: &dyn SecretStore) -> Result<(), CredentialsError> {
        let path = home.credentials();
        let was_in = CredentialsFile::peek(home).map(|file| file.secret_store);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(CredentialsError::Unwritable { path, source }),
        }
        log_key::remove_all(home)
            .map_err(|source| CredentialsError::Unwritable { path: home.log_key(), source })?;
        access::sync_directory(home.root())
            .map_err(|source| CredentialsError::Unwritable { path, source })?;
        if was_in == Some(KeptIn::Keyring) {
            store.remove(&item(home))?;
        }
        Ok(())
    }
}

/// Moves the keys of a home from their files into a store; says whether there was one to
/// move. A key leaves its file only after the store has handed it back. May wait for the
/// store for 15 s.
///
/// # Errors
/// Fails where the store does not take the key, which then stays in the file.
pub fn move_key(home: &Home, store: &dyn SecretStore) -> Result<bool, CredentialsError> {
    let _changing = changing();
    let Some(mut file) = CredentialsFile::read(home)? else { return Ok(false) };
    let (KeptIn::File, Some(api_key)) = (file.secret_store, file.api_key.clone()) else {
        return log_key::move_to(store, home, file.secret_store);
    };
    let next_api_key = file.next.as_mut().and_then(|next| next.api_key.take());
    put_in(store, home, &Secrets { api_key, next_api_key, log_keys: Vec::new() })?;
    // Another enrollment may have taken the place of this one while the store was asked.
    let unchanged = CredentialsFile::read(home)?.is_some_and(|now| now.api_key == file.api_key);
    if unchanged {
        let moved = CredentialsFile { secret_store: KeptIn::Keyring, api_key: None, ..file };
        moved.write(home)?;
        log_key::drop_file(home);
    }
    Ok(unchanged)
}

/// Where the key of a home is kept; `None` where no credentials file says so.
#[must_use]
pub fn kept_in(home: &Home) -> Option<KeptIn> {
    CredentialsFile::peek(home).map(|file| file.secret_store)
}

/// The keys that the credentials file of a home holds, so that they can be kept out of what
/// is shown.
pub(crate) fn known_keys(home: &Home) -> Vec<ApiKey> {
    let Some(file) = CredentialsFile::peek(home) else { return Vec::new() };
    file.api_key.into_iter().chain(file.next.and_then(|next| next.api_key)).collect()
}

/// Where the key of this agent is kept, which may change while it runs.
#[derive(Clone, Debug)]
pub(crate) enum SecretPlace {
    Environment,
    Home(Home),
}

impl SecretPlace {
    pub(crate) fn of(settings: &Settings) -> Self {
        let local = settings.local();
        if local.api_key.is_some() { Self::Environment } else { Self::Home(local.home.clone()) }
    }

    /// Where it is now; `None` where there is none.
    pub(crate) fn now(&self) -> Option<KeyPlace> {
        match self {
            Self::Environment => Some(KeyPlace::Environment),
            Self::Home(home) => kept_in(home).map(|place| match place {
                KeptIn::Keyring => KeyPlace::Keyring,
                KeptIn::File => KeyPlace::File,
            }),
        }
    }

    /// When the key ends, where that is known.
    pub(crate) fn key_expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Environment => None,
            Self::Home(home) => CredentialsFile::peek(home)?.expires_at,
        }
    }
}

/// Puts the key into a store, and sees that it is there.
/// What opens the disk stays or comes along.
fn put_in(store: &dyn SecretStore, home: &Home, secrets: &Secrets) -> Result<(), SecretStoreError> {
    let item = item(home);
    let secrets = &log_key::along(secrets, store, home)?;
    store.put(&item, secrets)?;
    match store.get(&item)? {
        Some(kept) if kept == *secrets => Ok(()),
        _ => Err(SecretStoreError::Damaged),
    }
}

/// The key of a home, where a store keeps it. May wait for the store for 5 s.
///
/// # Errors
/// Fails where the store does not hand it out.
pub fn key_in(store: &dyn SecretStore, home: &Home) -> Result<ApiKey, SecretStoreError> {
    let secrets = store.get(&item(home))?;
    secrets.map(|secrets| secrets.api_key).ok_or(SecretStoreError::Missing)
}

/// The credentials that the environment gives in place of the file.
fn stand_in(settings: &Settings) -> Result<Option<Credentials>, CredentialsError> {
    let local = settings.local();
    let Some(api_key) = local.api_key.clone() else { return Ok(None) };
    let is_set = |name: &str| settings.origin(name) != Origin::Default;
    let device_id = local.client_id.clone().filter(|_| is_set("client_id"));
    let device_id = device_id.ok_or(CredentialsError::Incomplete("DEVPULSE_CLIENT_ID"))?;
    let server_url = local.server_url.clone().filter(|_| is_set("server_url"));
    let server_url = server_url.ok_or(CredentialsError::Incomplete("DEVPULSE_SERVER_URL"))?;
    let username = local.username.clone();
    let username =
        username.unwrap_or_else(|| Username::new(machine::login_name().unwrap_or_default()));
    let identity = DeviceIdentity {
        server_url,
        device_id,
        user_id: None,
        username,
        issued_at: None,
        expires_at: None,
    };
    Ok(Some(Credentials { identity, api_key }))
}

/// What the keychain's item of a home is called.
fn item(home: &Home) -> String {
    let path = fs::canonicalize(home.root()).unwrap_or_else(|_| home.root().to_owned());
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
