//! What a process takes: time on a core, wakeups, memory, bytes written.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::time::{ClockId, clock_gettime};

/// What a process has taken since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Time on a core, of all threads, those that have ended among them.
    pub(crate) cpu: Duration,
    /// How often its threads that live waited for something.
    pub(crate) waits: u64,
    /// Bytes that it made the file system write.
    pub(crate) written: u64,
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Its own, and its part of what it shares.
    pub(crate) proportional: u64,
    /// What nobody can share and no file holds.
    pub(crate) private_dirty: u64,
}

/// What a process has taken so far.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let mut waits = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")? {
        // A thread may end meanwhile.
        let Ok(status) = fs::read_to_string(task?.path().join("status")) else { continue };
        waits += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
    }
    let io = fs::read_to_string(format!("/proc/{pid}/io")).context("the process is gone")?;
    Ok(Usage { cpu: cpu(pid)?, waits, written: write_bytes(&io)? })
}

/// Bytes that this thread made the file system write so far.
pub(crate) fn written() -> Result<u64> {
    let io = fs::read_to_string("/proc/thread-self/io").context("there is no /proc")?;
    write_bytes(&io)
}

fn write_bytes(io: &str) -> Result<u64> {
    field(io, "write_bytes:").context("the kernel does not count bytes written")
}

/// The memory of a process.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .context("the memory of the process cannot be read")?;
    let of = |name| field(&rollup, name).map(|kib| kib * 1024).context("the kernel told no memory");
    Ok(Memory { proportional: of("Pss:")?, private_dirty: of("Private_Dirty:")? })
}

/// The most memory that a process ever had at once, in bytes.
pub(crate) fn peak(pid: u32) -> Result<u64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    Ok(field(&status, "VmHWM:").context("the kernel told no memory")? * 1024)
}

/// Time on a core of all threads of a process.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let pid = libc::pid_t::try_from(pid).context("no such process")?;
    // SAFETY: both calls only write to what they are given a valid pointer to.
    let failed = unsafe {
        libc::clock_getcpuclockid(pid, &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    if failed {
        bail!("the time of process {pid} cannot be told");
    }
    Ok(Duration::new(u64::try_from(time.tv_sec)?, u32::try_from(time.tv_nsec)?))
}

/// Time on a core of this thread.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Time on a core of all processes that this one started and that have ended.
pub(crate) fn children_cpu() -> Duration {
    // SAFETY: all-zero is a valid value of this struct of numbers, and the call only writes
    // to what it is given a valid pointer to.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let of = |time: libc::timeval| {
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
        seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Processes that wanted to run on average over the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
