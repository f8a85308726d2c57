//! Time, for machines that are given it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use devpulse_protocol::Timestamp;
use tokio::time::Instant;

/// The wall clock is believed again when it differs by more than this from
/// what the monotonic clock makes of its last reading.
const JUMP: Duration = Duration::from_secs(1);

/// An instant, on both clocks, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the agent started, from a clock that nobody sets.
    pub mono: Duration,
    /// As people write it.
    pub wall: Timestamp,
}

impl Moment {
    /// This instant moved on by `duration`, on both clocks.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self { mono: self.mono + duration, wall: self.wall.plus(duration) }
    }

    /// This instant moved back by `duration`; the monotonic clock stops at the agent's start.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self { mono: self.mono.saturating_sub(duration), wall: self.wall.minus(duration) }
    }

    /// Monotonic time from `earlier` to this; zero where it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.mono.saturating_sub(earlier.mono)
    }

    /// The later of two instants, by the monotonic clock.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.mono > self.mono { other } else { self }
    }
}

/// Where [`Moment`]s come from: wall times are the wall time of the start plus
/// monotonic time, so that start plus duration is the end, until somebody sets
/// the wall clock; then they follow it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    start_wall_ms: Arc<AtomicI64>,
    wall: Wall,
}

/// What wall times are taken from.
#[derive(Clone, Debug)]
enum Wall {
    /// The system's clocks.
    System,
    /// Nobody sets it, and the machine sleeps for so many milliseconds in all.
    #[cfg(test)]
    Steady(Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    pub(crate) fn system() -> Self {
        Self {
            start: Instant::now(),
            start_wall_ms: Arc::new(AtomicI64::new(Timestamp::now().as_millis())),
            wall: Wall::System,
        }
    }

    /// A clock that nobody sets, for paused time; and the milliseconds that the machine
    /// is to have slept.
    #[cfg(test)]
    pub(crate) fn steady(start_wall: Timestamp) -> (Self, Arc<std::sync::atomic::AtomicU64>) {
        let asleep = Arc::default();
        let clock = Self {
            start: Instant::now(),
            start_wall_ms: Arc::new(AtomicI64::new(start_wall.as_millis())),
            wall: Wall::Steady(Arc::clone(&asleep)),
        };
        (clock, asleep)
    }

    pub(crate) fn now(&self) -> Moment {
        let mono_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mono = Duration::from_millis(mono_ms);
        let steady = Timestamp::from_millis(self.start_wall_ms.load(Ordering::Relaxed)).plus(mono);
        #[cfg(test)]
        if let Wall::Steady(_) = &self.wall {
            return Moment { mono, wall: steady.plus(self.asleep()) };
        }
        let wall = Timestamp::now();
        if wall.since(steady).max(steady.since(wall)) <= JUMP {
            return Moment { mono, wall: steady };
        }
        self.start_wall_ms.store(wall.minus(mono).as_millis(), Ordering::Relaxed);
        Moment { mono, wall }
    }

    /// How long the machine has slept since it was started; the monotonic clock stands
    /// still meanwhile. Zero where the system does not tell.
    pub(crate) fn asleep(&self) -> Duration {
        match &self.wall {
            Wall::System => system_sleep(),
            #[cfg(test)]
            Wall::Steady(asleep) => Duration::from_millis(asleep.load(Ordering::Relaxed)),
        }
    }

    /// When the monotonic clock will show `mono`.
    pub(crate) fn instant(&self, mono: Duration) -> Instant {
        self.start + mono
    }
}

#[cfg(target_os = "linux")]
fn system_sleep() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let awake = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    let all = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    all.saturating_sub(awake)
}

/// Sleep since this was first asked, which is all that differences need: one clock counts
/// sleep, and the other does not.
#[cfg(target_os = "macos")]
fn system_sleep() -> Duration {
    use std::sync::OnceLock;

    use rustix::time::{ClockId, clock_gettime};

    static BEGUN: OnceLock<(Duration, std::time::Instant)> = OnceLock::new();
    let all = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
    let (all_before, awake_since) = BEGUN.get_or_init(|| (all, std::time::Instant::now()));
    all.saturating_sub(*all_before).saturating_sub(awake_since.elapsed())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn system_sleep() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_followed_when_it_jumps_and_not_when_it_drifts() {
        let clock = Clock::system();
        let drifted = Timestamp::now().plus(Duration::from_millis(300)).as_millis();
        clock.start_wall_ms.store(drifted, Ordering::Relaxed);
        assert!(clock.now().wall.as_millis() >= drifted);

        let an_hour_off = Timestamp::now().plus(Duration::from_secs(3600)).as_millis();
        clock.start_wall_ms.store(an_hour_off, Ordering::Relaxed);
        assert!(clock.now().wall.since(Timestamp::now()) < JUMP);
    }
}
