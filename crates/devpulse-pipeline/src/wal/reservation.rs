//! The sidecar: which places of the sequence may have been given out, kept beside the
//! database so that a database that was deleted or replaced is noticed.
//!
//! Places are reserved in blocks ahead of their use, and the file is synced before the
//! first place of a block is. It is therefore an upper bound, never a lower one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use devpulse_protocol::Epoch;

/// Places reserved at a time.
pub(super) const BLOCK: i64 = 1024;

/// What the sidecar says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reservation {
    /// The database that it belongs to.
    pub(super) epoch: Epoch,
    /// The first place that was not reserved.
    pub(super) end: i64,
    /// Every event up to here was settled when the block was reserved.
    pub(super) settled: i64,
    /// Bytes that the log was given from the start; it gets no shorter while it is in use.
    pub(super) log_bytes: u64,
}

impl Reservation {
    /// How many events may be missing where the database is gone: at least one.
    pub(super) fn missing_at_most(&self) -> u64 {
        u64::try_from(self.end - 1 - self.settled).unwrap_or(0).max(1)
    }

    /// Reads the sidecar of a database; `None` where there is none that is legible.
    pub(super) fn read(database: &Path) -> Option<Self> {
        let text = fs::read_to_string(sidecar(database)).ok()?;
        let (fields, checksum) = text.trim_end().rsplit_once(' ')?;
        if u32::from_str_radix(checksum, 16).ok()? != crc32c::crc32c(fields.as_bytes()) {
            tracing::warn!("the sidecar of the event log is damaged");
            return None;
        }
        let mut fields = fields.split(' ');
        let epoch = u64::from_str_radix(fields.next()?, 16).ok()?;
        Some(Self {
            epoch: Epoch::from_bits(epoch),
            end: fields.next()?.parse().ok()?,
            settled: fields.next()?.parse().ok()?,
            log_bytes: fields.next()?.parse().ok()?,
        })
    }

    /// Puts the sidecar in place and returns once it is synced.
    pub(super) fn write(&self, database: &Path) -> io::Result<()> {
        let Self { epoch, end, settled, log_bytes } = self;
        let fields = format!("{epoch} {end} {settled} {log_bytes}");
        let line = format!("{fields} {:08x}\n", crc32c::crc32c(fields.as_bytes()));
        let path = sidecar(database);
        let temporary = super::beside(database, "-seq.new");
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        fs::rename(&temporary, &path)?;
        super::sync_directory(&path)
    }
}

fn sidecar(database: &Path) -> PathBuf {
    super::beside(database, "-seq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_is_read_back_and_a_damaged_one_is_none() {
        let home = tempfile::tempdir().unwrap();
        let database = home.path().join("wal.db");
        assert_eq!(Reservation::read(&database), None);
        let epoch = Epoch::from_bits(7);
        let reservation = Reservation { epoch, end: 1025, settled: 12, log_bytes: 4096 };
        reservation.write(&database).unwrap();
        assert_eq!(Reservation::read(&database), Some(reservation));
        let path = sidecar(&database);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("1025", "9025")).unwrap();
        assert_eq!(Reservation::read(&database), None);
    }
}
