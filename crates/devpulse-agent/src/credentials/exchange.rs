//! Exchanging the device's key: the next one is kept beside the one in use until the
//! server has taken it, so that whatever cuts this off, one of the two is good.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use devpulse_protocol::{ApiKey, Timestamp};

use super::file::{CredentialsFile, NextKey};
use super::{CredentialsError, KeptIn, SecretStore, SecretStoreError, Secrets, item, put_in};
use crate::home::Home;

/// The keys of a home, where a server may have them exchanged. Calls may wait for the
/// keychain for 10 s.
#[derive(Clone)]
pub(crate) struct KeyExchange {
    pub(crate) home: Home,
    pub(crate) store: Arc<dyn SecretStore>,
}

/// A key that the server issued to take the place of the one in use.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) api_key: ApiKey,
    pub(crate) expires_at: Option<Timestamp>,
    /// The server's order that it follows.
    pub(crate) order: String,
}

/// One change of the credentials at a time: the key may move to the keychain meanwhile.
static CHANGING: Mutex<()> = Mutex::new(());

pub(super) fn changing() -> MutexGuard<'static, ()> {
    CHANGING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for KeyExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyExchange").field("home", &self.home).finish_non_exhaustive()
    }
}

impl KeyExchange {
    /// The order that the key in use follows, where it was exchanged.
    pub(crate) fn followed(&self) -> Option<String> {
        CredentialsFile::peek(&self.home)?.followed_order
    }

    /// The next key, where there is one.
    pub(crate) fn next(&self) -> Result<Option<Issued>, CredentialsError> {
        let Some(file) = CredentialsFile::read(&self.home)? else { return Ok(None) };
        let Some(next) = file.next else { return Ok(None) };
        let api_key = match (file.secret_store, next.api_key) {
            (KeptIn::File, kept) => kept,
            (KeptIn::Keyring, _) => self.secrets()?.next_api_key,
        };
        let issued = |api_key| Issued { api_key, expires_at: next.expires_at, order: next.order };
        Ok(api_key.map(issued))
    }

    /// Keeps the next key; it is durable when this returns.
    pub(crate) fn keep(&self, issued: &Issued) -> Result<(), CredentialsError> {
        let _changing = changing();
        let Some(file) = CredentialsFile::read(&self.home)? else { return Ok(()) };
        let api_key = match file.secret_store {
            KeptIn::File => Some(issued.api_key.clone()),
            KeptIn::Keyring => {
                let next_api_key = Some(issued.api_key.clone());
                self.put(&Secrets { next_api_key, ..self.secrets()? })?;
                None
            }
        };
        let next = NextKey {
            order: issued.order.clone(),
            issued_at: Timestamp::now(),
            expires_at: issued.expires_at,
            api_key,
        };
        CredentialsFile { next: Some(next), ..file }.write(&self.home)
    }

    /// Puts the next key in the place of the one in use.
    pub(crate) fn promote(&self) -> Result<(), CredentialsError> {
        let _changing = changing();
        let Some(mut file) = CredentialsFile::read(&self.home)? else { return Ok(()) };
        let Some(next) = file.next.take() else { return Ok(()) };
        match file.secret_store {
            KeptIn::File => file.api_key = next.api_key.or(file.api_key),
            // It stays the next one as well: until the file is written, that is what it is.
            KeptIn::Keyring => {
                let secrets = self.secrets()?;
                let api_key = secrets.next_api_key.clone().unwrap_or(secrets.api_key.clone());
                self.put(&Secrets { api_key, ..secrets })?;
            }
        }
        CredentialsFile {
            issued_at: Some(next.issued_at),
            expires_at: next.expires_at,
            followed_order: Some(next.order),
            ..file
        }
        .write(&self.home)
    }

    /// Forgets the next key, which the server does not take.
    pub(crate) fn forget(&self) -> Result<(), CredentialsError> {
        let _changing = changing();
        let Some(file) = CredentialsFile::read(&self.home)? else { return Ok(()) };
        CredentialsFile { next: None, ..file }.write(&self.home)
    }

    fn secrets(&self) -> Result<Secrets, SecretStoreError> {
        self.store.get(&item(&self.home))?.ok_or(SecretStoreError::Missing)
    }

    fn put(&self, secrets: &Secrets) -> Result<(), SecretStoreError> {
        put_in(self.store.as_ref(), &self.home, secrets)
    }
}
