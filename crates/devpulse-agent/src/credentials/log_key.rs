//! The key pair of what lies on the disk: everything that the agent keeps is sealed to the
//! public half, which lies in the home, and opened with the private half, which lies where
//! the device's key lies: in the keychain, or in a file beside the credentials.
//!
//! There may be several private halves. The newest is the one that is sealed to; those of
//! former enrollments stay, because what was sealed to them may still wait.

use std::fs;
use std::io;
use std::sync::Arc;

use devpulse_pipeline::vault::{Fetched, Locked, PrivateKey, PrivateKeys, PublicKey, Vault};
use devpulse_pipeline::wal::WalError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    CredentialsError, KeptIn, SecretStore, SecretStoreError, Secrets, SystemKeychain, changing,
    item, kept_in,
};
use crate::backlog::{self, Left};
use crate::home::{Home, access, atomic_write};
use crate::settings::Settings;

/// Private halves that are kept, the newest among them.
const MOST: usize = 16;

/// The private half of a pair, in hexadecimal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogKey(Zeroizing<String>);

impl LogKey {
    fn of(key: &PrivateKey) -> Self {
        Self(Zeroizing::new(hexadecimal(&key.to_bytes())))
    }

    fn parse(&self) -> Option<PrivateKey> {
        PrivateKey::from_bytes(&Zeroizing::new(bytes(&self.0)?))
    }
}

impl std::fmt::Debug for LogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogKey(redacted)")
    }
}

/// What seals and opens the log of these settings. Where the home has no key pair yet, one is
/// made; that alone may wait for the keychain, for 5 s.
///
/// # Errors
/// Fails where the home cannot be written.
pub(crate) fn vault(settings: &Settings) -> Result<Arc<Vault>, WalError> {
    let local = settings.local();
    let keys = HomeKeys::new(local.home.clone(), Arc::new(SystemKeychain::new()));
    let recipient = match public(&local.home) {
        Some(public) => public,
        None => keys.restore().map_err(WalError::Create)?,
    };
    Ok(Arc::new(Vault::new(&local.wal_db_path, recipient, Arc::new(keys))))
}

/// As [`vault`], for reading a log where no agent runs: nothing is made, and what cannot be
/// opened stays closed.
pub(crate) fn reading_vault(settings: &Settings) -> Arc<Vault> {
    let local = settings.local();
    let keys = HomeKeys::new(local.home.clone(), Arc::new(SystemKeychain::new()));
    // Nothing is sealed to it.
    let recipient = public(&local.home).unwrap_or_else(|| PrivateKey::generate().public());
    Arc::new(Vault::new(&local.wal_db_path, recipient, Arc::new(keys)))
}

/// The private half of a home, as far as it can be seen without bothering the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogKeyState {
    /// The home has no pair.
    None,
    /// It is there, and opens everything that waits.
    Held(KeptIn),
    /// Something that was captured cannot be read, or will not be after the next start.
    Trouble(Locked),
}

/// Looks for the private half, and whether what waits can be read with it. Asks the keychain,
/// for 5 s at the most, where that has the key. Nothing is made.
///
/// # Errors
/// Fails where the event log cannot be read.
pub(crate) fn look(settings: &Settings) -> Result<LogKeyState, WalError> {
    let local = settings.local();
    let public = public(&local.home);
    if public.is_none() && !local.home.log_key().exists() && !local.wal_db_path.exists() {
        return Ok(LogKeyState::None);
    }
    let keys = HomeKeys::new(local.home.clone(), Arc::new(SystemKeychain::new()));
    let Fetched { keys: held, trouble } = keys.fetch();
    let wanted = public.map(|public| public.mark());
    if wanted.is_some_and(|wanted| held.iter().all(|private| private.mark() != wanted)) {
        let foreign = || Locked(FOREIGN.to_owned());
        return Ok(LogKeyState::Trouble(trouble.unwrap_or_else(foreign)));
    }
    if let Some(Left { cause: Some(cause), .. }) = backlog::shut(settings)? {
        return Ok(LogKeyState::Trouble(Locked(cause)));
    }
    Ok(LogKeyState::Held(kept_in(&local.home).unwrap_or(KeptIn::File)))
}

/// Makes a new pair, to which everything is sealed from the next start on. May wait for the
/// keychain for 15 s.
///
/// # Errors
/// Fails where the private half cannot be kept; the former pair then stays in use.
pub(crate) fn rotate(home: &Home, store: &dyn SecretStore) -> Result<(), RotateError> {
    let _changing = changing();
    let key = PrivateKey::generate();
    if kept_in(home) == Some(KeptIn::Keyring) {
        let mut secrets = store.get(&item(home))?.ok_or(SecretStoreError::Missing)?;
        secrets.log_keys = newest(&key, secrets.log_keys);
        super::put_in(store, home, &secrets)?;
    } else {
        write_file(home, &newest(&key, read_file(home)?))?;
    }
    write_public(home, &key.public())?;
    Ok(())
}

/// Why there is no new pair.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotateError {
    /// A file cannot be written.
    #[error("the key of the event log cannot be written")]
    File(#[from] io::Error),
    /// The keychain does not take it.
    #[error(transparent)]
    Keychain(#[from] SecretStoreError),
}

/// The private halves that lie in the home's file.
pub(super) fn read_file(home: &Home) -> io::Result<Vec<LogKey>> {
    let path = home.log_key();
    let file = match fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if access::is_open_to_others(&path, &file.metadata()?) {
        let cause = "other users can read it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, cause));
    }
    let text = Zeroizing::new(io::read_to_string(file)?);
    Ok(text.lines().map(|line| LogKey(Zeroizing::new(line.to_owned()))).collect())
}

/// Puts private halves into the home's file, in place of those before.
pub(super) fn write_file(home: &Home, keys: &[LogKey]) -> io::Result<()> {
    let mut text = Zeroizing::new(String::new());
    for key in keys {
        text.push_str(&key.0);
        text.push('\n');
    }
    atomic_write(&home.log_key(), text.as_bytes())
}

/// The secrets of a home with every private half that the store or the home's file holds.
pub(super) fn along(
    secrets: &Secrets,
    store: &dyn SecretStore,
    home: &Home,
) -> Result<Secrets, SecretStoreError> {
    let known = match store.get(&item(home)) {
        Ok(known) => known.map(|secrets| secrets.log_keys).unwrap_or_default(),
        Err(SecretStoreError::Damaged) => Vec::new(),
        Err(error) => return Err(error),
    };
    let here = joined(known, read_file(home).unwrap_or_default());
    Ok(Secrets { log_keys: joined(secrets.log_keys.clone(), here), ..secrets.clone() })
}

/// The store is about to be left: the private halves come along into the home's file.
pub(super) fn take_from(store: &dyn SecretStore, home: &Home) -> Result<(), SecretStoreError> {
    let Some(secrets) = store.get(&item(home))? else { return Ok(()) };
    let here = read_file(home).unwrap_or_default();
    write_file(home, &joined(secrets.log_keys, here))
        .map_err(|error| SecretStoreError::Failed(error.to_string()))
}

/// Moves what a start without the keychain had to keep in a file; says whether there was any.
pub(super) fn move_to(
    store: &dyn SecretStore,
    home: &Home,
    place: KeptIn,
) -> Result<bool, CredentialsError> {
    if place != KeptIn::Keyring || !home.log_key().exists() {
        return Ok(false);
    }
    let secrets = store.get(&item(home))?.ok_or(SecretStoreError::Missing)?;
    super::put_in(store, home, &secrets)?;
    drop_file(home);
    Ok(true)
}

/// Removes the file of what the keychain now has.
pub(super) fn drop_file(home: &Home) {
    if let Err(error) = remove(&home.log_key()) {
        tracing::warn!(%error, "the key of the event log lies in the keychain and in a file");
    }
}

/// Removes both halves from the home. The caller sees to the keychain.
pub(super) fn remove_all(home: &Home) -> io::Result<()> {
    remove(&home.log_key())?;
    remove(&home.log_key_public())
}

/// All of both, each once, newest first.
pub(super) fn joined(first: Vec<LogKey>, then: Vec<LogKey>) -> Vec<LogKey> {
    let mut keys = first;
    for key in then {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.truncate(MOST);
    keys
}

/// Where a home's private halves are.
#[derive(Clone)]
pub(crate) struct HomeKeys {
    home: Home,
    store: Arc<dyn SecretStore>,
}

impl std::fmt::Debug for HomeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HomeKeys").field("home", &self.home).finish_non_exhaustive()
    }
}

impl HomeKeys {
    pub(crate) fn new(home: Home, store: Arc<dyn SecretStore>) -> Self {
        Self { home, store }
    }

    /// The public half again, where it is missing: from the private one, or of a new pair.
    fn restore(&self) -> io::Result<PublicKey> {
        let held = match kept_in(&self.home) {
            Some(KeptIn::Keyring) => self.fetch().keys,
            Some(KeptIn::File) | None => {
                read_file(&self.home)?.iter().filter_map(LogKey::parse).collect()
            }
        };
        let public = match held.first() {
            Some(private) => private.public(),
            None => {
                let key = PrivateKey::generate();
                write_file(&self.home, &newest(&key, read_file(&self.home)?))?;
                key.public()
            }
        };
        write_public(&self.home, &public)?;
        Ok(public)
    }

    fn in_keychain(&self) -> Result<Vec<LogKey>, Locked> {
        let locked = |cause: &dyn std::fmt::Display| Locked(format!("{SEALED}: {cause}"));
        match self.store.get(&item(&self.home)) {
            Ok(Some(secrets)) if !secrets.log_keys.is_empty() => Ok(secrets.log_keys),
            Ok(_) => Err(locked(&"the keychain does not hold its key")),
            Err(error) => Err(locked(&error)),
        }
    }
}

const SEALED: &str = "what was captured before is sealed and cannot be read";
const FOREIGN: &str = "what is captured is sealed to a key that this device does not have";

impl PrivateKeys for HomeKeys {
    fn fetch(&self) -> Fetched {
        let path = self.home.log_key();
        let (mut keys, mut trouble) = match read_file(&self.home) {
            Ok(keys) => (keys, None),
            Err(error) => {
                let cause = format!("{SEALED}: the file of its key, {}: {error}", path.display());
                (Vec::new(), Some(Locked(cause)))
            }
        };
        let kept_in = kept_in(&self.home);
        if kept_in == Some(KeptIn::Keyring) {
            match self.in_keychain() {
                Ok(held) => keys = joined(held, keys),
                Err(locked) => trouble = Some(locked),
            }
        } else if keys.is_empty() && trouble.is_none() {
            // Without the credentials nothing tells where the key is.
            let held = if kept_in.is_none() { self.in_keychain().ok() } else { None };
            keys = held.unwrap_or_default();
            let cause = format!("{SEALED}: the file of its key, {}, is missing", path.display());
            trouble = keys.is_empty().then_some(Locked(cause));
        }
        Fetched { keys: keys.iter().filter_map(LogKey::parse).collect(), trouble }
    }
}

fn newest(key: &PrivateKey, former: Vec<LogKey>) -> Vec<LogKey> {
    joined(vec![LogKey::of(key)], former)
}

/// The public half, where the home has a legible one.
pub(crate) fn public(home: &Home) -> Option<PublicKey> {
    let text = fs::read_to_string(home.log_key_public()).ok()?;
    PublicKey::from_bytes(&bytes(text.trim_end())?)
}

fn write_public(home: &Home, public: &PublicKey) -> io::Result<()> {
    let line = format!("{}\n", hexadecimal(&public.to_bytes()));
    atomic_write(&home.log_key_public(), line.as_bytes())
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
