//! The vault: what the log keeps can be read only with a key that does not lie beside it.
//!
//! # How
//!
//! 1. Each run of the agent makes up a *data key*, in memory, when it first keeps something.
//!    Event bodies, the open window and images are sealed under it (ChaCha20-Poly1305).
//! 2. The data key itself is sealed to the *device's public key* (HPKE, RFC 9180) and kept
//!    in the database and in a synced file beside it, before anything is sealed under it.
//!    That takes no secret, so that capture goes on while the keychain is locked.
//! 3. The private half lies where [`PrivateKeys`] says, and is asked for only when something
//!    of an earlier run has to be read. It opens the data keys, and is wiped.
//!
//! # Constraints
//!
//! 1. No two things are sealed under the same key and nonce: a key belongs to one run, and
//!    its nonces are counted in memory. What a failed commit left behind repeats none.
//! 2. A row is bound to its place, id, kind and time; a note to its name; an image to its
//!    hash. What was exchanged for another does not open.
//! 3. What cannot be read *now* waits. Only what can never be read is lost: its data key is
//!    in neither place, or the right key does not open it.

mod data_key;
pub(crate) mod fuzzing;
mod key_file;
mod pair;
mod sealed_key;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub(crate) use data_key::{DataKey, OVERHEAD};
pub use pair::{KeyMark, PrivateKey, PublicKey};
pub(crate) use sealed_key::SealedKey;

/// Which data key something is sealed under; never 0.
pub(crate) type KeyId = i64;

/// Where the private halves of the device's key are kept.
pub trait PrivateKeys: Send + Sync + std::fmt::Debug {
    /// All of them that are at hand. May block for seconds, and may ask the person.
    fn fetch(&self) -> Fetched;
}

/// What a place of private halves handed out.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The private halves, newest first.
    pub keys: Vec<PrivateKey>,
    /// Why there are not more of them, in one sentence.
    pub trouble: Option<Locked>,
}

/// Why what is sealed cannot be read now. It may be readable later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Locked(pub String);

/// Why something sealed was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Its key is not at hand now.
    Locked(Locked),
    /// It can never be opened.
    Lost,
}

const FOREIGN: &str = "what was captured before is sealed and cannot be read: this device has \
                       another key than it was sealed to";

/// Seals what the log keeps, and opens it. Shared by everything that reads or writes one log.
#[derive(Debug)]
pub struct Vault {
    recipient: PublicKey,
    source: Arc<dyn PrivateKeys>,
    database: PathBuf,
    keys: Mutex<Keys>,
    opened: Notify,
}

#[derive(Debug, Default)]
struct Keys {
    /// The key of this run, once it is kept where a crash leaves it.
    session: Option<Arc<DataKey>>,
    known: BTreeMap<KeyId, Known>,
    /// Nothing is sealed under them any more.
    unused: Vec<KeyId>,
    /// Why some stay closed, and since when that is known.
    trouble: Option<(Locked, Instant)>,
}

#[derive(Debug)]
struct Known {
    sealed: SealedKey,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Sealed,
    Open(Arc<DataKey>),
    /// The right private key does not open it.
    Broken,
}

impl Vault {
    /// The vault of the log at `database`, which need not exist. What is kept is sealed to
    /// `recipient`; `source` is asked when something of an earlier run is to be read.
    #[must_use]
    pub fn new(
        database: impl Into<PathBuf>,
        recipient: PublicKey,
        source: Arc<dyn PrivateKeys>,
    ) -> Self {
        let database = database.into();
        Self { recipient, source, database, keys: Mutex::default(), opened: Notify::new() }
    }

    /// Opens the data keys that are known and not open yet. Blocks while the source is asked;
    /// does nothing where all of them are open.
    ///
    /// # Errors
    /// Says why some of them stay closed for now.
    pub fn unlock(&self) -> Result<(), Locked> {
        let closed: Vec<SealedKey> = self.keys().closed().cloned().collect();
        if closed.is_empty() {
            return Ok(());
        }
        let Fetched { keys: held, trouble } = self.source.fetch();
        let held: Vec<_> = held.iter().map(|private| (private.mark(), private)).collect();
        let mut keys = self.keys();
        let mut left = 0_usize;
        for sealed in closed {
            let Some((_, private)) = held.iter().find(|(mark, _)| *mark == sealed.recipient())
            else {
                left += 1;
                continue;
            };
            let opened = sealed.open(private);
            let state = match opened.and_then(|secret| DataKey::new(sealed.id(), &*secret)) {
                Some(key) => State::Open(Arc::new(key)),
                None => {
                    tracing::error!(key = sealed.id(), "a key of the event log does not open");
                    State::Broken
                }
            };
            keys.known.insert(sealed.id(), Known { sealed, state });
            self.opened.notify_waiters();
        }
        keys.trouble = (left > 0).then(|| {
            let locked = trouble.unwrap_or_else(|| Locked(FOREIGN.to_owned()));
            (locked, Instant::now())
        });
        keys.trouble.as_ref().map_or(Ok(()), |(locked, _)| Err(locked.clone()))
    }

    /// As [`Vault::unlock`], where that has a chance: not soon after it failed.
    ///
    /// # Errors
    /// As [`Vault::unlock`].
    pub fn unlock_now_and_then(&self) -> Result<(), Locked> {
        const AGAIN: Duration = Duration::from_secs(60);

        let failed = self.keys().trouble.clone().filter(|(_, at)| at.elapsed() < AGAIN);
        failed.map_or_else(|| self.unlock(), |(locked, _)| Err(locked))
    }

    /// Returns when something can be read that could not be before.
    pub async fn opened(&self) {
        self.opened.notified().await;
    }

    /// Whether everything that is known can be read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.keys().closed().next().is_none()
    }

    /// Which private halves something is sealed to.
    #[must_use]
    pub fn recipients(&self) -> Vec<KeyMark> {
        let mut marks: Vec<_> =
            self.keys().known.values().map(|known| known.sealed.recipient()).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }

    /// The key of this run. The first time it is made up, and kept beside the database.
    pub(crate) fn session(&self) -> std::io::Result<Arc<DataKey>> {
        let mut keys = self.keys();
        if let Some(session) = &keys.session {
            return Ok(Arc::clone(session));
        }
        let (sealed, secret) = SealedKey::make(&self.recipient)?;
        let session = DataKey::new(sealed.id(), &*secret);
        let session = Arc::new(session.ok_or(std::io::ErrorKind::InvalidData)?);
        // A salvage makes its key before anybody has read the file.
        keys.take(key_file::read(&self.database));
        let unused = std::mem::take(&mut keys.unused);
        let kept = keys.known.iter().filter(|(id, _)| !unused.contains(id));
        let kept = kept.map(|(_, known)| &known.sealed).chain([&sealed]);
        key_file::write(&self.database, kept)?;
        keys.unused = unused;
        let state = State::Open(Arc::clone(&session));
        keys.known.insert(sealed.id(), Known { sealed, state });
        keys.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Takes in the keys that a database holds, and those beside it. Those in `unused` are
    /// not kept any longer than until the next key is made.
    pub(crate) fn learn(&self, stored: impl IntoIterator<Item = SealedKey>, unused: Vec<KeyId>) {
        let beside = key_file::read(&self.database);
        let mut keys = self.keys();
        keys.take(beside.into_iter().chain(stored));
        keys.unused = unused;
    }

    /// Every key that is known and in use, sealed.
    pub(crate) fn sealed(&self) -> Vec<SealedKey> {
        let keys = self.keys();
        let used = keys.known.iter().filter(|(id, _)| !keys.unused.contains(id));
        used.map(|(_, known)| known.sealed.clone()).collect()
    }

    /// The keys that nothing is sealed under any more.
    pub(crate) fn unused(&self) -> Vec<KeyId> {
        self.keys().unused.clone()
    }

    /// Opens in place what was sealed for the same purpose under the key `id`.
    pub(crate) fn open(
        &self,
        id: KeyId,
        purpose: &[u8],
        sealed: &mut Vec<u8>,
    ) -> Result<(), Unopened> {
        let key = {
            let keys = self.keys();
            match keys.known.get(&id).map(|known| &known.state) {
                Some(State::Open(key)) => Arc::clone(key),
                Some(State::Sealed) => return Err(Unopened::Locked(keys.why())),
                Some(State::Broken) | None => return Err(Unopened::Lost),
            }
        };
        if key.open(purpose, sealed) { Ok(()) } else { Err(Unopened::Lost) }
    }

    /// Seals something that is kept by itself, so that it names its key.
    pub(crate) fn seal_alone(&self, purpose: &[u8], plain: &[u8]) -> std::io::Result<Vec<u8>> {
        let key = self.session()?;
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        sealed.extend_from_slice(plain);
        key.seal(purpose, &mut sealed)?;
        Ok([ALONE.as_slice(), &key.id().to_le_bytes(), &sealed].concat())
    }

    /// Opens what was sealed by itself; what is not sealed is handed back as it is.
    pub(crate) fn open_alone(&self, purpose: &[u8], bytes: Vec<u8>) -> Result<Vec<u8>, Unopened> {
        let Some(id) = key_of(&bytes) else { return Ok(bytes) };
        let mut body = bytes;
        body.drain(..ALONE_HEADER);
        self.open(id, purpose, &mut body)?;
        Ok(body)
    }

    /// Whether what is sealed under this key waits for a private half that is not at hand.
    pub(crate) fn is_shut(&self, id: KeyId) -> bool {
        self.keys().known.get(&id).is_some_and(|known| matches!(known.state, State::Sealed))
    }

    /// Whether what is sealed under this key may still be read at some time.
    pub(crate) fn knows(&self, id: KeyId) -> bool {
        self.keys().known.get(&id).is_some_and(|known| !matches!(known.state, State::Broken))
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn take(&mut self, sealed: impl IntoIterator<Item = SealedKey>) {
        for sealed in sealed {
            self.known.entry(sealed.id()).or_insert(Known { sealed, state: State::Sealed });
        }
    }

    fn closed(&self) -> impl Iterator<Item = &SealedKey> {
        let closed = self.known.values().filter(|known| matches!(known.state, State::Sealed));
        closed.map(|known| &known.sealed)
    }

    fn why(&self) -> Locked {
        self.trouble.as_ref().map_or_else(
            || Locked("the key of what was captured before was not asked for yet".to_owned()),
            |(locked, _)| locked.clone(),
        )
    }
}

const ALONE: [u8; 4] = *b"DPv1";
const ALONE_HEADER: usize = ALONE.len() + 8;

/// The key that something is sealed under which was sealed by itself.
pub(crate) fn key_of(bytes: &[u8]) -> Option<KeyId> {
    let header = bytes.strip_prefix(&ALONE)?.first_chunk::<8>()?;
    Some(KeyId::from_le_bytes(*header))
}

/// Seals and opens by itself: what the cost of it is measured with.
#[doc(hidden)]
#[derive(Debug)]
pub struct Sealer(DataKey);

impl Sealer {
    /// With a key of its own; `None` where none can be made up.
    #[must_use]
    pub fn new() -> Option<Self> {
        let (sealed, secret) = SealedKey::make(&PrivateKey::generate().public()).ok()?;
        DataKey::new(sealed.id(), &*secret).map(Self)
    }

    /// Seals a body as that of an event is sealed.
    ///
    /// # Errors
    /// As where an event is kept.
    #[inline(never)]
    pub fn seal(&self, purpose: &[u8], body: &mut Vec<u8>) -> std::io::Result<()> {
        self.0.seal(purpose, body)
    }

    /// Opens a body as that of an event is opened; says whether it did.
    #[inline(never)]
    pub fn open(&self, purpose: &[u8], body: &mut Vec<u8>) -> bool {
        self.0.open(purpose, body)
    }
}

/// Private halves that are in memory: what tests have in place of a keychain.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct KeysAtHand(pub Vec<PrivateKey>);

impl KeysAtHand {
    /// A vault of the log at `database` that seals to the first of them.
    #[must_use]
    pub fn vault(&self, database: &Path) -> Arc<Vault> {
        let recipient = self.0.first().cloned().unwrap_or_else(PrivateKey::generate).public();
        Arc::new(Vault::new(database, recipient, Arc::new(self.clone())))
    }
}

impl Default for KeysAtHand {
    /// The same key each time.
    fn default() -> Self {
        Self(PrivateKey::from_bytes(&[7; 32]).into_iter().collect())
    }
}

impl PrivateKeys for KeysAtHand {
    fn fetch(&self) -> Fetched {
        let trouble = self.0.is_empty().then(|| Locked("no key is at hand".to_owned()));
        Fetched { keys: self.0.clone(), trouble }
    }
}

#[cfg(test)]
mod tests;
