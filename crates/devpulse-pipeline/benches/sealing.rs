//! What sealing costs: CPU time of one thread for each event, of sealing and opening alone
//! and of the log around them. `cargo bench -p devpulse-pipeline --bench sealing`.
//!
//! With a number as argument, so many bodies of 400 bytes are sealed and opened and nothing
//! else is done: for a profiler.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use devpulse_pipeline::vault::{KeysAtHand, Sealer};
use devpulse_pipeline::wal::{
    BatchLimits, CheckpointUpdate, Identity, NewEvent, Store, WalOptions,
};
use devpulse_protocol::{DeviceId, EventId, EventType, Timestamp, Username};

const EVENTS: usize = 100_000;
const GROUP: usize = 50;
const BATCH: BatchLimits = BatchLimits { max_events: 100, max_bytes: 1 << 20 };
/// As long as what binds an event to its place.
const PURPOSE: &[u8] = &[7; 45];

fn main() {
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    match count {
        Some(count) => sealing(400, count),
        None => {
            for size in [250, 400, 1000, 100_000] {
                sealing(size, 40_000_000 / (size + 400));
            }
            // In memory where there is such a directory: it is the CPU that is measured.
            let memory = Path::new("/dev/shm");
            let home =
                if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            log(home.unwrap().path());
        }
    }
}

fn sealing(size: usize, count: usize) {
    let sealer = Sealer::new().unwrap();
    let mut bodies = vec![vec![b'x'; size]; count];
    for body in &mut bodies {
        body.reserve(64);
    }
    let begun = cpu();
    for body in &mut bodies {
        sealer.seal(PURPOSE, body).unwrap();
    }
    let sealed = cpu();
    for body in &mut bodies {
        assert!(sealer.open(PURPOSE, body));
    }
    tell(&format!("a body of {size} bytes sealed"), sealed - begun, count);
    tell(&format!("a body of {size} bytes opened"), cpu() - sealed, count);
}

fn log(home: &Path) {
    let mut store = open(home);
    let groups: Vec<Vec<NewEvent>> =
        (0..EVENTS / GROUP).map(|_| (0..GROUP).map(|_| event()).collect()).collect();
    let begun = cpu();
    for group in &groups {
        store.append(group).unwrap();
    }
    tell("an event appended, 50 at a time", cpu() - begun, EVENTS);
    drop(store);
    let begun = cpu();
    let mut store = open(home);
    store.vault().unlock().unwrap();
    tell("a log opened, with its keys", cpu() - begun, 1);
    let begun = cpu();
    let mut read = 0;
    while let Some(meta) = store.form_batch(BATCH, Timestamp::now()).unwrap() {
        read += store.load_batch(&meta).unwrap().unwrap().outgoing.event_ids.len();
    }
    assert_eq!(read, EVENTS);
    tell("an event batched and read, 100 at a time", cpu() - begun, EVENTS);
}

fn open(home: &Path) -> Store {
    let path = home.join("wal.db");
    let identity =
        Identity { username: Username::new("ada"), device_id: DeviceId::new("device-1") };
    let vault = KeysAtHand::default().vault(&path);
    Store::open(WalOptions { images: home.join("blobs"), path, identity, vault }).unwrap()
}

/// A window's event, as long as they are.
fn event() -> NewEvent {
    let event_id = EventId::new();
    let json = format!(
        r#"{{"event_id":"{event_id}","event_type":"window","timestamp":"2026-11-22T10:00:00.000Z","username":"ada","client_id":"device-1","window_title":"{}","app_name":"Editor","pid":4242,"start_time":"2026-11-22T10:00:00.000Z","end_time":"2026-11-22T10:00:42.000Z","duration":42.0,"recovered":false}}"#,
        "chapter one ".repeat(4)
    );
    NewEvent {
        event_id,
        event_type: EventType::Window,
        at: Timestamp::now(),
        json: json.into_bytes(),
        checkpoint: CheckpointUpdate::Keep,
        image: None,
    }
}

/// CPU time of this thread.
#[cfg(unix)]
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// Where the system tells no CPU time of a thread, the time that passes.
#[cfg(not(unix))]
fn cpu() -> Duration {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGUN.get_or_init(std::time::Instant::now).elapsed()
}

fn tell(what: &str, took: Duration, count: usize) {
    println!("{what:<45}{:>10.2} us", took.as_secs_f64() * 1e6 / count as f64);
}
