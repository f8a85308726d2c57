//! What a process takes: memory and descriptors, over time.

use std::time::Duration;

/// One look at a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) at: Duration,
    pub(crate) rss_kib: u64,
    pub(crate) descriptors: usize,
}

/// Looks at a process; `None` where it is gone.
pub(crate) fn look(pid: u32, at: Duration) -> Option<Reading> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let rss_kib = line.split_whitespace().next()?.parse().ok()?;
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Reading { at, rss_kib, descriptors })
}

/// What became of a process over a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trend {
    pub(crate) first_rss_kib: u64,
    pub(crate) last_rss_kib: u64,
    pub(crate) peak_rss_kib: u64,
    /// By least squares over the second half, in MiB an hour.
    pub(crate) slope_mib_h: f64,
    pub(crate) peak_descriptors_early: usize,
    pub(crate) peak_descriptors_late: usize,
}

impl Trend {
    /// The first quarter is left out: caches fill and buffers find their size.
    pub(crate) fn of(readings: &[Reading]) -> Self {
        let quarter = readings.len() / 4;
        let (early, late) = readings[quarter..].split_at((readings.len() - quarter) / 2);
        let rss = |readings: &[Reading]| {
            let mut all: Vec<_> = readings.iter().map(|reading| reading.rss_kib).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or(0)
        };
        let descriptors = |readings: &[Reading]| {
            readings.iter().map(|reading| reading.descriptors).max().unwrap_or(0)
        };
        Self {
            first_rss_kib: rss(early),
            last_rss_kib: rss(late),
            peak_rss_kib: readings.iter().map(|reading| reading.rss_kib).max().unwrap_or(0),
            slope_mib_h: slope(late),
            peak_descriptors_early: descriptors(early),
            peak_descriptors_late: descriptors(late),
        }
    }

    /// Why the process takes more and more, a sentence each.
    pub(crate) fn faults(&self) -> Vec<String> {
        const MORE_MEMORY_KIB: u64 = 6 * 1024;
        const MORE_DESCRIPTORS: usize = 6;

        let mut faults = Vec::new();
        if self.last_rss_kib > self.first_rss_kib + MORE_MEMORY_KIB {
            faults.push(format!(
                "memory grew from {} to {} KiB",
                self.first_rss_kib, self.last_rss_kib
            ));
        }
        if self.peak_descriptors_late > self.peak_descriptors_early + MORE_DESCRIPTORS {
            faults.push(format!(
                "descriptors grew from {} to {}",
                self.peak_descriptors_early, self.peak_descriptors_late
            ));
        }
        faults
    }
}

fn slope(readings: &[Reading]) -> f64 {
    let count = readings.len() as f64;
    let points = || {
        readings
            .iter()
            .map(|reading| (reading.at.as_secs_f64() / 3600.0, reading.rss_kib as f64 / 1024.0))
    };
    let (sum_x, sum_y) = points().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let above: f64 = points().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let below: f64 = points().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(rss_kib: impl Fn(u64) -> u64) -> Vec<Reading> {
        let at = |second| Duration::from_secs(second);
        (0..360)
            .map(|second| Reading { at: at(second), rss_kib: rss_kib(second), descriptors: 20 })
            .collect()
    }

    #[test]
    fn a_leak_is_told_from_a_cache_that_fills() {
        let leak = Trend::of(&readings(|second| 20_000 + second * 1024));
        assert!((leak.slope_mib_h - 3600.0).abs() < 1.0, "{leak:?}");
        assert_eq!(leak.faults().len(), 1);
        let cache = Trend::of(&readings(|second| 20_000 + second.min(60) * 200));
        assert!(cache.slope_mib_h.abs() < 0.1, "{cache:?}");
        assert!(cache.faults().is_empty());
    }
}
