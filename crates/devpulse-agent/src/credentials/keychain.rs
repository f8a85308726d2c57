//! The operating system's keychain, guarded: it is asked on a thread of its own, with a
//! deadline, and connected anew for each request, because a connection that failed
//! once stays broken and a locked keychain waits for a person for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::{SecretStore, SecretStoreError, Secrets};

const DEADLINE: Duration = Duration::from_secs(5);
const SERVICE: &str = "devpulse";
const LABEL: &str = "DevPulse device key";

/// The operating system's keychain.
#[derive(Clone, Debug)]
pub struct SystemKeychain {
    deadline: Duration,
    is_asked: Arc<AtomicBool>,
}

impl SystemKeychain {
    /// The keychain of this session; nothing is asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self { deadline: DEADLINE, is_asked: Arc::default() }
    }

    /// Keeps bytes in place of those before, under a label that people read.
    pub(crate) fn put_bytes(
        &self,
        item: &str,
        label: &'static str,
        bytes: Zeroizing<Vec<u8>>,
    ) -> Result<(), SecretStoreError> {
        self.check_present()?;
        let item = item.to_owned();
        self.ask(move || entry(&item, label)?.set_secret(&bytes))
    }

    pub(crate) fn bytes(
        &self,
        item: &str,
        label: &'static str,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, SecretStoreError> {
        self.check_present()?;
        let item = item.to_owned();
        self.ask(move || match entry(&item, label)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    pub(crate) fn remove_bytes(
        &self,
        item: &str,
        label: &'static str,
    ) -> Result<(), SecretStoreError> {
        self.check_present()?;
        let item = item.to_owned();
        self.ask(move || match entry(&item, label)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn check_present(&self) -> Result<(), SecretStoreError> {
        if session_has_keychain() { Ok(()) } else { Err(SecretStoreError::Absent) }
    }

    fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, SecretStoreError> {
        if self.is_asked.swap(true, Ordering::AcqRel) {
            return Err(SecretStoreError::Busy);
        }
        let asked = Asked(Arc::clone(&self.is_asked));
        let (answer, answered) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("keychain".to_owned()).spawn(move || {
            let result = request();
            drop(asked);
            // Nobody waits any more where the deadline has passed.
            answer.send(result).ok();
        });
        thread.map_err(|error| SecretStoreError::Failed(error.to_string()))?;
        match answered.recv_timeout(self.deadline) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(SecretStoreError::Failed(describe(&error))),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Err(SecretStoreError::TimedOut(self.deadline.as_secs()))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(SecretStoreError::Failed("no answer".to_owned()))
            }
        }
    }
}

impl Default for SystemKeychain {
    fn default() -> Self {
        Self::new()
    }
}

impl SecretStore for SystemKeychain {
    fn is_present(&self) -> bool {
        session_has_keychain()
    }

    fn put(&self, item: &str, secrets: &Secrets) -> Result<(), SecretStoreError> {
        let json = serde_json::to_vec(secrets).map(Zeroizing::new);
        let json = json.map_err(|_| SecretStoreError::Damaged)?;
        self.put_bytes(item, LABEL, json)
    }

    fn get(&self, item: &str) -> Result<Option<Secrets>, SecretStoreError> {
        let json = self.bytes(item, LABEL)?;
        let parse = |json: Zeroizing<Vec<u8>>| {
            serde_json::from_slice(&json).map_err(|_| SecretStoreError::Damaged)
        };
        json.map(parse).transpose()
    }

    fn remove(&self, item: &str) -> Result<(), SecretStoreError> {
        self.remove_bytes(item, LABEL)
    }
}

/// Says that the keychain can be asked again when dropped, even by a panic.
struct Asked(Arc<AtomicBool>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The error's text; never its data, which may be a secret.
fn describe(error: &Error) -> String {
    match error {
        Error::PlatformFailure(cause) | Error::NoStorageAccess(cause) => cause.to_string(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "its item is damaged".to_owned(),
        Error::Ambiguous(_) => "it holds several items for this home".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(target_os = "linux")]
pub(super) fn session_has_keychain() -> bool {
    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn session_has_keychain() -> bool {
    true
}

/// Connects anew: `keyring` itself connects once and keeps the first failure.
#[cfg(target_os = "linux")]
fn entry(item: &str, label: &'static str) -> Result<Entry, Error> {
    use keyring_core::api::CredentialStoreApi;

    let store = zbus_secret_service_keyring_store::Store::new()?;
    let label = std::collections::HashMap::from([("label", label)]);
    Ok(Entry { inner: store.build(SERVICE, item, Some(&label))? })
}

#[cfg(not(target_os = "linux"))]
fn entry(item: &str, _label: &'static str) -> Result<Entry, Error> {
    Entry::new(SERVICE, item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keychain_that_hangs_is_given_up_and_asked_again_once_it_answers() {
        let keychain = SystemKeychain { deadline: Duration::ZERO, is_asked: Arc::default() };
        let (unlock, locked) = mpsc::channel::<()>();
        let hung = keychain.ask(move || {
            locked.recv().ok();
            Ok(())
        });
        assert_eq!(hung.unwrap_err().to_string(), "the keychain did not answer within 0 s");
        let busy = keychain.ask(|| Ok(())).unwrap_err();
        assert_eq!(busy.to_string(), "the keychain has not answered an earlier request yet");
        drop(unlock);
        while keychain.is_asked.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let patient = SystemKeychain { deadline: DEADLINE, ..keychain };
        assert_eq!(patient.ask(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn a_failure_is_told_without_the_data() {
        let keychain = SystemKeychain::new();
        let error = keychain.ask::<()>(|| Err(Error::BadEncoding(b"hunter2".to_vec())));
        assert_eq!(error.unwrap_err().to_string(), "the keychain failed: its item is damaged");
        assert!(keychain.ask(|| Ok(())).is_ok());
    }
}
