//! What the files tell where no agent runs: read without locking, recovering or
//! writing them.

use devpulse_control::{
    AgentStatus, CaptureStatus, EventsQuery, ListedEvent, PipelineState, PipelineStatus, Status,
    Which,
};
use devpulse_pipeline::wal::{self, Listed, Snapshot, WalError};
use devpulse_protocol::Timestamp;
use serde_json::value::RawValue;

use crate::consent;
use crate::credentials::{DeviceIdentity, SecretPlace, log_key};
use crate::pause;
use crate::report::{self, PipelineFigures};
use crate::server_config::StoredServerConfig;
use crate::settings::Settings;

/// Events read at a time.
const PAGE: usize = 500;

/// The status of a home whose agent does not run.
///
/// # Errors
/// Fails where the event log cannot be read.
pub fn status(settings: &Settings) -> Result<Status, WalError> {
    let local = settings.local();
    let identity = DeviceIdentity::peek(&local.home).or_else(|| stand_in(settings));
    let config = StoredServerConfig::load(&local.home);
    let (pipeline, pause) = match Snapshot::open(&local.wal_db_path)? {
        Some(snapshot) => {
            let pause = pause::left_behind(&snapshot)?;
            let figures = figures(&snapshot)?;
            (report::pipeline(figures, pause.is_some(), Timestamp::now()), pause)
        }
        None => (PipelineStatus::empty(PipelineState::Idle), None),
    };
    let capture = CaptureStatus::unavailable("no agent is running");
    let agent = AgentStatus::default();
    let pause = pause.as_ref().map(pause::status);
    let status = report::status(identity.as_ref(), agent, pipeline, capture, config.as_ref());
    let consent = consent::status(settings);
    let place = SecretPlace::of(settings);
    let (secret_store, key_expires_at) = (place.now(), place.key_expires_at());
    Ok(Status { pause, consent, secret_store, key_expires_at, ..status })
}

/// Lists events of a home whose agent does not run, handing each to `take` until it
/// says that it has seen enough.
///
/// # Errors
/// Fails where the event log cannot be read.
pub fn events(
    settings: &Settings,
    query: EventsQuery,
    mut take: impl FnMut(ListedEvent) -> std::ops::ControlFlow<()>,
) -> Result<(), WalError> {
    let Some(snapshot) = Snapshot::open(&settings.local().wal_db_path)? else { return Ok(()) };
    let vault = log_key::reading_vault(settings);
    snapshot.show_keys(&vault)?;
    if let Err(locked) = vault.unlock() {
        tracing::warn!(%locked, "events are listed without what they hold");
    }
    let mut listing = Listing::begin(query, |which, count| snapshot.newest(which, count))?;
    while let Some((which, after, limit)) = listing.next_page() {
        let page = snapshot.list(&vault, which, after, limit)?;
        for event in listing.take(page) {
            if take(event).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// How many events a page of a listing has, and where the next one begins.
pub(crate) struct Listing {
    which: wal::Which,
    after: i64,
    left: usize,
    ended: bool,
}

impl Listing {
    /// With a limit, the newest of the delivered and the oldest of the others are listed,
    /// oldest first.
    pub(crate) fn begin<E>(
        query: EventsQuery,
        newest: impl FnOnce(wal::Which, usize) -> Result<i64, E>,
    ) -> Result<Self, E> {
        let which = match query.which {
            Which::Pending => wal::Which::Pending,
            Which::Sent => wal::Which::Sent,
            Which::Dead => wal::Which::Dead,
        };
        let left =
            query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let after = match (which, query.limit) {
            (wal::Which::Sent, Some(_)) if left > 0 => newest(which, left)?,
            _ => 0,
        };
        Ok(Self { which, after, left, ended: false })
    }

    /// What to read next: which events, behind which place, how many.
    pub(crate) fn next_page(&self) -> Option<(wal::Which, i64, usize)> {
        let wanted = self.left.min(PAGE);
        (!self.ended && wanted > 0).then_some((self.which, self.after, wanted))
    }

    /// Takes what was read.
    pub(crate) fn take(&mut self, page: Vec<Listed>) -> Vec<ListedEvent> {
        match page.last() {
            Some(last) => self.after = last.seq,
            None => self.ended = true,
        }
        self.left -= page.len().min(self.left);
        page.into_iter().filter_map(listed).collect()
    }
}

fn listed(event: Listed) -> Option<ListedEvent> {
    Some(ListedEvent {
        json: RawValue::from_string(event.json).ok()?,
        reason: event.reason,
        status: event.status,
        at: event.died_at,
    })
}

fn figures(snapshot: &Snapshot) -> Result<PipelineFigures, WalError> {
    Ok(PipelineFigures {
        ledger: snapshot.ledger().clone(),
        oldest_pending: snapshot.oldest_pending()?,
        wal_bytes: snapshot.bytes_on_disk(),
        queued: 0,
        trouble: None,
        sender: None,
    })
}

/// Who the device is where the environment stands in for the credentials file.
pub(crate) fn stand_in(settings: &Settings) -> Option<DeviceIdentity> {
    let local = settings.local();
    local.api_key.as_ref()?;
    Some(DeviceIdentity {
        server_url: local.server_url.clone()?,
        device_id: local.client_id.clone()?,
        user_id: None,
        username: local.username.clone()?,
        issued_at: None,
        expires_at: None,
    })
}
