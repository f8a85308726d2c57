//! What administrators do, as calls: for tests, for the command line, for the admin interface.

use std::path::Path;

use devpulse_protocol::{DeviceId, Username};
use serde_json::Value;

use crate::credential::Digest;
use crate::store::configs::{self, ConfigChange, ConfigDocument, ConfigScope, Validation};
use crate::store::devices::{self, DeviceSummary};
use crate::store::events::{self, EventCount, EventPage, EventQuery};
use crate::store::keys;
use crate::store::screenshots::{self, ScreenshotImage, ScreenshotSummary};
use crate::store::secrets::{self, IssuedSecret, SecretRequest, SecretSummary};
use crate::store::users::{self, Standing, UserSummary};
use crate::store::{Database, Store, StoreError, tokens};

/// What administrators do. Clones are the same server. Every call fails with
/// [`StoreError`] where the database does, and with [`StoreError::Closed`] after shutdown.
#[derive(Clone, Debug)]
pub struct Admin {
    store: Store,
}

#[expect(clippy::missing_errors_doc, reason = "the type says once when its calls fail")]
impl Admin {
    pub(crate) const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Works on a database file directly, whether or not a server runs on it.
    /// Blocks for as long as opening it takes.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Store::open(&Database::File(path.to_owned())).map(Self::new)
    }

    /// Closes a database that [`Admin::open`] opened.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// Issues an enrollment secret.
    pub async fn create_secret(&self, request: SecretRequest) -> Result<IssuedSecret, StoreError> {
        self.store.write(move |connection| secrets::issue(connection, request)).await
    }

    /// All enrollment secrets, oldest first.
    pub async fn secrets(&self) -> Result<Vec<SecretSummary>, StoreError> {
        self.store.read(secrets::list).await
    }

    /// Deletes an enrollment secret; `false` where there is none of that id.
    pub async fn delete_secret(&self, id: i64) -> Result<bool, StoreError> {
        self.store.write(move |connection| secrets::delete(connection, id)).await
    }

    /// All people that enrolled or were suspended, by name.
    pub async fn users(&self) -> Result<Vec<UserSummary>, StoreError> {
        self.store.read(users::list).await
    }

    /// Decides whether a person may enroll devices, known or not.
    pub async fn set_standing(
        &self,
        username: Username,
        standing: Standing,
    ) -> Result<(), StoreError> {
        self.store
            .write(move |connection| users::set_standing(connection, &username, standing))
            .await
    }

    /// All devices, oldest first.
    pub async fn devices(&self) -> Result<Vec<DeviceSummary>, StoreError> {
        self.store.read(devices::list).await
    }

    /// One device.
    pub async fn device(&self, device: DeviceId) -> Result<Option<DeviceSummary>, StoreError> {
        self.store.read(move |connection| devices::find(connection, &device)).await
    }

    /// Ends a device's right to send; `false` where there is no such device.
    pub async fn revoke(&self, device: DeviceId) -> Result<bool, StoreError> {
        self.store.write(move |connection| devices::revoke(connection, &device)).await
    }

    /// Orders a device to exchange its API key; `false` where there is no such device. The
    /// key that it has is valid until it has used the next one.
    pub async fn rotate_key(&self, device: DeviceId) -> Result<bool, StoreError> {
        let order = uuid::Uuid::now_v7().to_string();
        self.store.write(move |connection| keys::order(connection, &device, &order)).await
    }

    /// Lets the API key of a device end now; `false` where there is no such device.
    pub async fn expire_key(&self, device: DeviceId) -> Result<bool, StoreError> {
        self.store.write(move |connection| devices::expire_key(connection, &device)).await
    }

    /// Ends every access token that was issued so far.
    pub async fn expire_tokens(&self) -> Result<(), StoreError> {
        self.store.write(|connection| tokens::expire(connection, None)).await
    }

    /// The configuration for all devices.
    pub async fn config(&self) -> Result<ConfigDocument, StoreError> {
        self.store.read(configs::global).await
    }

    /// Version of the configuration for all devices.
    pub async fn config_version(&self) -> Result<i64, StoreError> {
        Ok(self.config().await?.version)
    }

    /// The configuration that one device gets; `None` where there is no such device.
    pub async fn device_config(
        &self,
        device: DeviceId,
    ) -> Result<Option<ConfigDocument>, StoreError> {
        self.store
            .read(move |connection| {
                let known = devices::find(connection, &device)?.is_some();
                known.then(|| configs::effective(connection, &device)).transpose()
            })
            .await
    }

    /// Replaces the configuration for all devices. A `version` in it is kept where it is
    /// newer than every one before.
    pub async fn set_config(&self, config: Value) -> Result<ConfigChange, StoreError> {
        self.replace(ConfigScope::Everyone, config, Validation::Checked).await
    }

    /// Replaces the settings that one device gets instead of those for all.
    pub async fn set_device_config(
        &self,
        device: DeviceId,
        config: Value,
    ) -> Result<ConfigChange, StoreError> {
        self.replace(ConfigScope::Device(device), config, Validation::Checked).await
    }

    /// Lets a device have the configuration that all have.
    pub async fn clear_device_config(&self, device: DeviceId) -> Result<ConfigChange, StoreError> {
        self.store.write(move |connection| configs::clear(connection, &device)).await
    }

    /// As [`Admin::set_config`], but takes values out of range too: for tests of devices,
    /// which have to refuse them.
    pub async fn set_config_unchecked(&self, config: Value) -> Result<ConfigChange, StoreError> {
        self.replace(ConfigScope::Everyone, config, Validation::Unchecked).await
    }

    /// A page of events.
    pub async fn event_page(&self, query: EventQuery) -> Result<EventPage, StoreError> {
        self.store.read(move |connection| events::page(connection, &query)).await
    }

    /// All events that `query` asks for, from its cursor to the end: the raw JSON of each
    /// in order of arrival. `limit` is the length of the pages in which they are read.
    pub async fn events(&self, mut query: EventQuery) -> Result<Vec<String>, StoreError> {
        let mut events = Vec::new();
        loop {
            let page = self.event_page(query.clone()).await?;
            if page.events.is_empty() {
                return Ok(events);
            }
            query.cursor = Some(page.next_cursor);
            events.extend(page.events.into_iter().map(|event| event.get().to_owned()));
        }
    }

    /// How many events are stored.
    pub async fn event_count(&self) -> Result<u64, StoreError> {
        let counts = self.event_counts().await?;
        Ok(counts.iter().map(|count| count.count.unsigned_abs()).sum())
    }

    /// How many events are stored, by device and type.
    pub async fn event_counts(&self) -> Result<Vec<EventCount>, StoreError> {
        self.store.read(events::counts).await
    }

    /// All images, in order of arrival.
    pub async fn screenshots(&self) -> Result<Vec<ScreenshotSummary>, StoreError> {
        self.store.read(screenshots::list).await
    }

    /// The image with this SHA-256, in hexadecimal.
    pub async fn screenshot(&self, sha256: &str) -> Result<Option<ScreenshotImage>, StoreError> {
        let Some(digest) = Digest::from_hex(sha256) else {
            return Ok(None);
        };
        self.store.read(move |connection| screenshots::find(connection, &digest)).await
    }

    async fn replace(
        &self,
        scope: ConfigScope,
        config: Value,
        validation: Validation,
    ) -> Result<ConfigChange, StoreError> {
        self.store
            .write(move |connection| configs::set(connection, &scope, config, validation))
            .await
    }
}
