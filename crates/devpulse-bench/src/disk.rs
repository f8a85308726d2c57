//! How fast the disk takes a promise: a write that is synced before the next one.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// What a database's page takes.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// A file that is written to a page at a time.
#[derive(Debug)]
pub(crate) struct Pages {
    file: File,
    /// Pages within which it stays; `None` lets it grow.
    within: Option<u64>,
    next: u64,
}

impl Pages {
    /// A file that grows with each page.
    pub(crate) fn growing(folder: &Path) -> Result<Self> {
        let file = File::create(folder.join("growing")).context("no file can be made")?;
        Ok(Self { file, within: None, next: 0 })
    }

    /// A file that has its length already.
    pub(crate) fn fixed(folder: &Path) -> Result<Self> {
        const COUNT: usize = 2000;

        let path = folder.join("fixed");
        std::fs::write(&path, PAGE.repeat(COUNT)).context("no file can be made")?;
        let file = OpenOptions::new().write(true).open(&path).context("no file can be opened")?;
        file.sync_all().context("the disk fails")?;
        Ok(Self { file, within: Some(COUNT as u64), next: 0 })
    }

    /// Writes a page, syncs it, and says how long that took.
    pub(crate) fn promise(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        match self.within {
            None => self.file.write_all(&PAGE),
            Some(count) => {
                self.next = (self.next + 1) % count;
                self.file.write_all_at(&PAGE, self.next * PAGE.len() as u64)
            }
        }
        .and_then(|()| self.file.sync_data())
        .context("the disk fails")?;
        Ok(begun.elapsed())
    }
}

/// So many a second, if all took what the middle one took: a neighbour that holds a few of
/// them up changes nothing.
pub(crate) fn rate(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, |middle| 1.0 / middle.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_write_does_not_change_the_rate() {
        let ms = Duration::from_millis;
        assert!((rate(&mut [ms(1), ms(900), ms(2)]) - 500.0).abs() < 1e-9);
    }
}
