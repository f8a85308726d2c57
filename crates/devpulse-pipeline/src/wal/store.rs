//! The one connection, and the transactions on it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use devpulse_protocol::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::ballast::{self, Ballast};
use super::capacity::Capacity;
use super::ledger::Ledger;
use super::reservation::{BLOCK, Reservation};
use super::wall_clock::Steps;
use super::{
    Author, Medium, WalError, WalOptions, carve, keys, private_file, quarantine, recovery, salvage,
    schema,
};
use crate::vault::Vault;

/// How long a disk is left alone that failed.
pub(super) const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// How often the log is tried at a start before the agent gives up.
const TRIES_AT_START: u32 = 4;

/// How long damage that was found once, and was not there when the log was opened anew,
/// is remembered: the second time it is taken at its word.
const SUSPICION: Duration = Duration::from_secs(600);

/// The log's database. Every method blocks until the disk has answered; in the agent
/// only the log's own thread calls them ([`super::Wal`]).
#[derive(Debug)]
pub struct Store {
    options: WalOptions,
    medium: Medium,
    /// `None` after an I/O error, until it could be opened anew.
    conn: Option<Connection>,
    ledger: Ledger,
    /// Places that the sidecar has set aside; `None` until the first one is needed.
    reservation: Option<Reservation>,
    capacity: Capacity,
    ballast: Ballast,
    /// Bytes that the log keeps while it is in use.
    log_bytes: u64,
    /// Whether this connection has committed anything.
    begun: bool,
    steps: Steps,
    /// Whether the file was found damaged since it was opened.
    damaged: bool,
    /// When the file was last found damaged. SQLite calls a read that fails damage, too, and
    /// that may be gone at the next try.
    suspected: Option<Instant>,
    /// Whether anything was written since the log was last checkpointed.
    dirty: bool,
}

impl Store {
    /// Opens the log, making it where there is none. A damaged one is put aside and what
    /// is legible of it is kept; what is missing becomes a `gap`.
    ///
    /// # Errors
    /// Fails where the file cannot be opened, is held by another process or was made by a
    /// newer version.
    pub fn open(options: WalOptions) -> Result<Self, WalError> {
        for _ in 1..TRIES_AT_START {
            match Self::open_on(options.clone(), Medium::default()) {
                Err(error) if error.may_pass() => {
                    tracing::warn!(%error, "the event log cannot be opened; it is tried again");
                    std::thread::park_timeout(BETWEEN_TRIES);
                }
                opened => return opened,
            }
        }
        Self::open_on(options, Medium::default())
    }

    /// As [`Store::open`], on a medium of the caller's choice.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[doc(hidden)]
    pub fn open_on(options: WalOptions, medium: Medium) -> Result<Self, WalError> {
        let (conn, ledger, log_bytes) = open_sound(&options, medium)?;
        let known = Reservation::read(&options.path);
        let reservation = known.filter(|known| known.epoch == ledger.epoch);
        let ballast = Ballast::of(&options.path);
        Ok(Self {
            options,
            medium,
            conn: Some(conn),
            ledger,
            reservation,
            capacity: Capacity::default(),
            ballast,
            log_bytes,
            begun: false,
            steps: Steps::default(),
            damaged: false,
            suspected: None,
            dirty: true,
        })
    }

    /// The counters as of the last commit.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Remembers what stood in the way, for `status` after the agent has ended.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn set_last_error(&mut self, error: Option<&str>) -> Result<(), WalError> {
        if self.ledger.last_error.as_deref() == error {
            return Ok(());
        }
        self.write(|_, ledger| {
            ledger.last_error = error.map(ToOwned::to_owned);
            Ok(())
        })
    }

    /// Remembers since when the device is revoked, or that it is not.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn set_revoked(&mut self, since: Option<Timestamp>) -> Result<(), WalError> {
        if self.ledger.revoked_since.is_some() == since.is_some() {
            return Ok(());
        }
        self.write(|_, ledger| {
            ledger.revoked_since = since;
            Ok(())
        })
    }

    /// Moves what the log holds into the database file and gives unused pages back,
    /// a few at a time. Called when nothing happens.
    ///
    /// # Errors
    /// Fails where the database does.
    pub fn tidy(&mut self) -> Result<(), WalError> {
        const FEW_PAGES: i64 = 64;
        const MANY_PAGES: i64 = 4096;

        if !std::mem::take(&mut self.dirty) {
            return Ok(());
        }
        self.read(|conn| {
            let free: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
            let all: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
            if free > MANY_PAGES && free * 4 > all {
                // One step frees one page, so the statement is stepped to its end.
                conn.pragma(None, "incremental_vacuum", FEW_PAGES, |_| Ok(()))?;
            }
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    /// Takes the ballast in, where it is missing and the disk has room for it.
    pub fn hold_ballast(&mut self) {
        self.ballast.take_in();
    }

    /// As [`Store::hold_ballast`], to be called often: most calls do nothing.
    pub(super) fn hold_ballast_now_and_then(&mut self) {
        self.ballast.take_in_now_and_then();
    }

    /// Whether there is anything to tidy.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Bytes of the database and its log on disk.
    #[must_use]
    pub fn bytes_on_disk(&self) -> u64 {
        bytes_on_disk(&self.options.path)
    }

    /// What seals and opens what the log keeps.
    #[must_use]
    pub const fn vault(&self) -> &Arc<Vault> {
        &self.options.vault
    }

    pub(super) fn author(&self) -> Author {
        self.options.author()
    }

    pub(super) fn images_dir(&self) -> &Path {
        &self.options.images
    }

    pub(super) const fn capacity_mut(&mut self) -> &mut Capacity {
        &mut self.capacity
    }

    pub(super) const fn steps_mut(&mut self) -> &mut Steps {
        &mut self.steps
    }

    /// Refuses to append so many bytes to a full disk.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), WalError> {
        if ballast::is_full(&self.options.path, bytes) {
            return Err(WalError::of_file(std::io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    /// As [`Store::write`], for what has to work on a full disk, too: it may have the ballast.
    pub(super) fn settle<R>(
        &mut self,
        work: impl Fn(&Transaction<'_>, &mut Ledger) -> Result<R, WalError>,
    ) -> Result<R, WalError> {
        match self.write(&work) {
            Err(WalError::Full(_)) if self.ballast.release() => {
                tracing::warn!("the disk is full; what waits is still sent");
                self.write(&work)
            }
            done => done,
        }
    }

    /// Runs `work` in a transaction that also carries the changed ledger.
    pub(super) fn write<R>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &mut Ledger) -> Result<R, WalError>,
    ) -> Result<R, WalError> {
        let before = self.connected()?.clone();
        self.begin_log()?;
        let mut ledger = before.clone();
        let conn = self.conn.as_mut().ok_or(WalError::Closed)?;
        let (path, log_bytes) = (&self.options.path, self.log_bytes);
        let reservation = &mut self.reservation;
        let result = (|| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&tx, &mut ledger)?;
            if reservation.is_none_or(|reserved| reserved.end < ledger.next_seq) {
                *reservation = Some(reserve(path, log_bytes, &tx, &ledger, before.next_seq)?);
            }
            ledger.write(&before, &tx)?;
            tx.commit()?;
            Ok(result)
        })();
        match result {
            Ok(result) => {
                debug_assert!(ledger.adds_up(), "{ledger:?}");
                self.ledger = ledger;
                self.dirty = true;
                Ok(result)
            }
            Err(error) => Err(self.disconnect_after(error)),
        }
    }

    /// Commits something before the first block of places is set aside, so that a log
    /// without a commit beside a block is known to have lost them.
    fn begin_log(&mut self) -> Result<(), WalError> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let conn = self.conn.as_ref().ok_or(WalError::Closed)?;
        schema::touch(conn).map_err(|error| {
            self.begun = false;
            self.disconnect_after(error)
        })
    }

    /// Runs `work` outside a transaction.
    pub(super) fn read<R>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<R, WalError>,
    ) -> Result<R, WalError> {
        self.connected()?;
        let conn = self.conn.as_ref().ok_or(WalError::Closed)?;
        work(conn).map_err(|error| self.disconnect_after(error))
    }

    /// The ledger of an open connection, opened anew where an error closed it.
    fn connected(&mut self) -> Result<&Ledger, WalError> {
        if self.conn.is_none() {
            if self.damaged {
                salvage::salvage(&self.options.path, &self.options.author(), self.medium)?;
                self.damaged = false;
            }
            let mut fresh = Self::open_on(self.options.clone(), self.medium)?;
            fresh.capacity = std::mem::take(&mut self.capacity);
            fresh.steps = std::mem::take(&mut self.steps);
            fresh.suspected = self.suspected;
            *self = fresh;
        }
        Ok(&self.ledger)
    }

    /// Gives the places back that were set aside, before the connection is closed: then a
    /// log that is missing when it is opened again is known to have been taken away.
    fn give_places_back(&self) {
        let Some(reservation) = self.reservation.filter(|_| self.conn.is_some()) else { return };
        let exact = Reservation { end: self.ledger.next_seq, log_bytes: 0, ..reservation };
        if let Err(error) = exact.write(&self.options.path) {
            tracing::debug!(%error, "the sidecar of the event log stays as it was");
        }
    }

    /// After an I/O error the kernel may have dropped the pages that it could not write,
    /// so that trying the same sync again would lie. Only what is read anew counts.
    fn disconnect_after(&mut self, error: WalError) -> WalError {
        match &error {
            WalError::Storage(_) | WalError::ReadOnly(_) => {
                // Closing takes the log away, as a clean end does.
                self.give_places_back();
                self.conn = None;
            }
            WalError::Damaged(_) | WalError::NoLedger => {
                if let Some(conn) = self.conn.take()
                    && let Err(error) = keep_log_on_close(&conn, true)
                {
                    tracing::debug!(%error, "what only the log holds may be lost");
                }
                let before = self.suspected.replace(Instant::now());
                self.damaged = before.is_some_and(|before| before.elapsed() < SUSPICION);
            }
            WalError::Full(_)
            | WalError::Busy(_)
            | WalError::NoWriteAheadLog
            | WalError::NewerSchema { .. }
            | WalError::Create(_)
            | WalError::Image(_)
            | WalError::Locked(_)
            | WalError::Closed => {}
        }
        error
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.give_places_back();
    }
}

/// Bytes of a database and its log on disk.
pub(super) fn bytes_on_disk(path: &Path) -> u64 {
    [path, &super::beside(path, "-wal")]
        .into_iter()
        .filter_map(|path| path.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// Opens the log, whatever state it is in, and accounts for what is missing.
fn open_sound(options: &WalOptions, medium: Medium) -> Result<(Connection, Ledger, u64), WalError> {
    let path = &options.path;
    quarantine::clear_the_way(path)
        .and_then(|()| salvage::finish_interrupted(path))
        .map_err(WalError::of_file)?;
    let mut contents = recovery::LogContents::default();
    let log = carve::log(path, |found| {
        contents.take(found);
        Ok(())
    })?;
    let (mut conn, mut ledger) = match connect_twice(path, medium) {
        Err(error @ (WalError::Damaged(_) | WalError::NoLedger)) => {
            connect_to_what_is_legible(options, medium, &error)?
        }
        opened => opened?,
    };
    let log_bytes = ballast::reserve_log(path, medium.log_bytes);
    let known = Reservation::read(path);
    let author = &options.author();
    let found = recovery::add_hidden_commits(&mut conn, &ledger, contents, known, author)?;
    if let Some(changed) = found {
        ledger = changed;
    }
    let reported = recovery::report_missing(&mut conn, &ledger, known, log, author)?;
    if let Some(changed) = reported {
        ledger = changed;
        // From here on the sidecar speaks of this database.
        reserve(path, log_bytes, &conn, &ledger, ledger.next_seq)?;
    }
    keys::load(&conn, &ledger, &options.vault)?;
    Ok((conn, ledger, log_bytes))
}

/// Connects; SQLite calls a read that fails damage, too, and that may be gone at the next try.
fn connect_twice(path: &Path, medium: Medium) -> Result<(Connection, Ledger), WalError> {
    match connect(path, medium) {
        Err(WalError::Damaged(error)) => {
            tracing::warn!(%error, "the event log seems to be damaged; it is looked at again");
            std::thread::park_timeout(BETWEEN_TRIES);
            connect(path, medium)
        }
        connected => connected,
    }
}

/// Salvages a damaged log. Where what that makes is damaged, too, the next one begins
/// empty: a start must come to an end.
fn connect_to_what_is_legible(
    options: &WalOptions,
    medium: Medium,
    cause: &WalError,
) -> Result<(Connection, Ledger), WalError> {
    tracing::error!(error = %cause, "the event log is damaged");
    salvage::salvage(&options.path, &options.author(), medium)?;
    match connect(&options.path, medium) {
        Err(WalError::Damaged(_) | WalError::NoLedger) => {
            quarantine::put_aside(&options.path).map_err(WalError::of_file)?;
            connect(&options.path, medium)
        }
        opened => opened,
    }
}

/// Sets the next block of places aside; it is synced when this returns. It begins at
/// `first`, the first place that no commit has used: where a kill prevents the commit that
/// the block is for, the block must not look like events that are gone.
fn reserve(
    path: &Path,
    log_bytes: u64,
    conn: &Connection,
    ledger: &Ledger,
    first: i64,
) -> Result<Reservation, WalError> {
    let oldest: Option<i64> =
        conn.prepare_cached("SELECT min(lo) FROM batch")?.query_row([], |row| row.get(0))?;
    let reservation = Reservation {
        epoch: ledger.epoch,
        end: ledger.next_seq.max(first + BLOCK),
        settled: oldest.unwrap_or(ledger.batched_upto + 1) - 1,
        log_bytes,
    };
    reservation.write(path).map_err(WalError::of_file)?;
    Ok(reservation)
}

pub(super) fn connect(path: &Path, medium: Medium) -> Result<(Connection, Ledger), WalError> {
    let is_new = !path.exists();
    if is_new {
        private_file::create(path).map_err(WalError::of_file)?;
    } else {
        private_file::close_to_others(path).map_err(WalError::of_file)?;
    }
    let mut conn = medium.connect(path)?;
    // Nobody else should have it open; the lock of a process that just died may linger.
    conn.busy_timeout(Duration::from_secs(1))?;
    keep_log_on_close(&conn, true)?;
    schema::prepare(&mut conn, medium).map_err(|error| schema::blame_format(error, path))?;
    if is_new {
        super::sync_directory(path).map_err(WalError::of_file)?;
    }
    let ledger = Ledger::read(&conn)?;
    keys::rows(&conn)?;
    keep_log_on_close(&conn, false)?;
    Ok((conn, ledger))
}

/// Closing a damaged database would take its log away, and with it what only the log holds.
fn keep_log_on_close(conn: &Connection, keep: bool) -> Result<(), WalError> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)?;
    Ok(())
}
