//! What the routes share.

use std::time::Duration;

use crate::admin::Admin;
use crate::options::{EnrollmentPolicy, ServerOptions};
use crate::store::{Store, StoreError};

/// The database and the rules that the routes share; clones are the same server.
#[derive(Clone)]
pub struct ServerState {
    pub(crate) store: Store,
    pub(crate) token_lifetime: Duration,
    pub(crate) enrollment: EnrollmentPolicy,
    /// What the keys are derived from that devices exchange theirs for; another one in each
    /// process, and kept nowhere.
    pub(crate) key_seed: [u8; 32],
}

/// Shows no seed.
impl std::fmt::Debug for ServerState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerState").field("store", &self.store).finish_non_exhaustive()
    }
}

impl ServerState {
    /// Opens the database that `options` name; listeners are not opened.
    ///
    /// # Errors
    /// Fails where the database cannot be used.
    pub fn open(options: &ServerOptions) -> Result<Self, StoreError> {
        let whole_seconds = Duration::from_secs(options.token_lifetime.as_secs().max(1));
        Ok(Self {
            store: Store::open(&options.database)?,
            token_lifetime: whole_seconds,
            enrollment: options.enrollment,
            key_seed: rand::random(),
        })
    }

    /// The administrator's handle.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.store.clone())
    }
}
