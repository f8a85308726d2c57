//! The power is cut at every step of what the log does, and the log is opened again.
//!
//! A run is recorded at the two places where the product reaches the disk: SQLite's VFS,
//! and the system calls for the files beside the database. From the recording follows
//! what a disk may hold after a cut at any point, where nothing is certain that was not
//! synced. `DEVPULSE_POWER_CUTS=N` looks at N random states a step instead of one.

#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod disk;
mod oracle;
mod recording;
mod scenario;
mod syscalls;
mod vfs;

use devpulse_pipeline::verdict::Refusal;
use devpulse_pipeline::wal::{BatchLimits, Medium, Split, Store, Synchronous};
use devpulse_protocol::Timestamp;
use tempfile::tempdir;

use disk::{Cut, Disk, Op};
use scenario::{Observation, Run, Step, observe, options};

/// Its log is short, because what is left after a cut is written out for each cut.
const FULL: Medium = Medium { vfs: None, synchronous: Synchronous::Full, log_bytes: 64 * 1024 };
const NEXT: BatchLimits = BatchLimits { max_events: 12, max_bytes: 1 << 20 };

/// The life of a log, from its first start.
const LIFE: &[Step] = &[
    |bench| bench.open(),
    |bench| bench.append(1, 20),
    |bench| bench.append(30, 200),
    |bench| bench.append_image(1, 100_000),
    |bench| bench.append_image(2, 1_000),
    |bench| bench.form(10),
    |bench| bench.acknowledge(1, Some(NEXT)),
    |bench| bench.store().tidy().unwrap(),
    |bench| bench.append(3, 9_000),
    |bench| {
        let batch = bench.oldest();
        bench.store().split_batch(&batch, Split::ByCount, Timestamp::now()).unwrap();
    },
    |bench| bench.acknowledge(0, None),
    |bench| {
        let image = bench.store().next_image().unwrap().unwrap();
        bench.store().image_sent(image.id, true, Timestamp::now()).unwrap();
    },
    |bench| {
        bench.form(1);
        let batch = bench.oldest();
        bench.store().split_batch(&batch, Split::ByCount, Timestamp::now()).unwrap();
    },
    |bench| {
        let refusal = Refusal { status: 400, code: None, cause: "refused".to_owned() };
        let lone = bench.store().open_batches(9).unwrap().into_iter().find(|b| b.events == 1);
        bench.store().set_aside(&lone.unwrap(), &refusal).unwrap();
    },
    |bench| bench.acknowledge(2, Some(NEXT)),
    |bench| assert!(bench.store().replay(None).unwrap() > 0),
    |bench| bench.close(),
    |bench| bench.open(),
    |bench| bench.append(60, 500),
    |bench| {
        let later = Timestamp::now().plus(std::time::Duration::from_secs(60));
        while bench.store().forget_delivered(later).unwrap() {}
    },
    |bench| {
        let later = Timestamp::now().plus(std::time::Duration::from_secs(60));
        while bench.store().forget_images(later).unwrap() {}
    },
    |bench| {
        let used = bench.store().bytes_used().unwrap();
        bench.store().set_cap(used - 8 * 4096);
        bench.append(1, 10);
        assert!(bench.store().ledger().dropped_total() > 0);
        bench.store().set_cap(u64::MAX);
    },
    |bench| bench.store().set_last_error(Some("offline")).unwrap(),
    |bench| bench.store().tidy().unwrap(),
    |bench| assert!(bench.store().discard_pending().unwrap().events > 0),
    |bench| bench.append(5, 10),
    |bench| bench.close(),
    |bench| bench.open(),
    |bench| bench.append(1, 10),
];

#[test]
fn no_cut_loses_what_was_acknowledged() {
    let home = tempdir().unwrap();
    let run = scenario::run(home.path(), FULL, Observation::default(), LIFE);
    let tried = cut_everywhere(&run, states_a_step(1), 1).unwrap_or_else(|wrong| panic!("{wrong}"));
    eprintln!("{} operations, {tried} states", run.ops.len());
    assert!(tried > 2_000, "{tried}");
}

/// Beyond the places that the sidecar has set aside.
#[test]
fn no_cut_gives_a_place_out_twice() {
    let home = tempdir().unwrap();
    let mut store = Store::open(options(home.path())).unwrap();
    let events: Vec<_> = (0..1015).map(|_| scenario::event(10)).collect();
    store.append(&events).unwrap();
    store.discard_pending().unwrap();
    store.append(&[scenario::event(10)]).unwrap();
    let before = observe(&mut store);
    drop(store);
    let steps: &[Step] = &[
        |bench| bench.open(),
        |bench| bench.append(5, 10),
        |bench| bench.append(10, 10),
        |bench| bench.append(1, 10),
        |bench| bench.form(10),
        |bench| bench.acknowledge(0, None),
        |bench| bench.close(),
        |bench| bench.open(),
        |bench| bench.append(1, 10),
    ];
    let run = scenario::run(home.path(), FULL, before, steps);
    assert!(run.seen.last().unwrap().places.iter().any(|place| place.1 > 1025));
    let tried = cut_everywhere(&run, states_a_step(1), 1).unwrap_or_else(|wrong| panic!("{wrong}"));
    eprintln!("{} operations, {tried} states", run.ops.len());
}

#[test]
fn without_full_syncs_the_same_test_finds_a_loss() {
    let home = tempdir().unwrap();
    let medium = Medium { synchronous: Synchronous::Normal, ..FULL };
    let run = scenario::run(home.path(), medium, Observation::default(), LIFE);
    let mut disk = Disk::default();
    let mut lost = 0;
    for (index, op) in run.ops.iter().enumerate() {
        disk.apply(op);
        let (before, after) = around(&run, index);
        let found = oracle::check(&disk.cut(Cut::LosesAll), before, after);
        lost += u32::from(found.is_err_and(|wrong| wrong.contains("event is missing")));
    }
    assert!(lost > 100, "{lost}");
}

#[test]
fn on_a_disk_that_forgets_names_the_same_test_finds_a_loss() {
    let home = tempdir().unwrap();
    let mut run = scenario::run(home.path(), FULL, Observation::default(), LIFE);
    run.ops.retain(|op| !matches!(op, Op::SyncDirectory { .. }));
    cut_everywhere(&run, 0, 1).unwrap_err();
}

#[test]
fn on_a_disk_that_ignores_syncs_of_the_files_beside_the_same_test_finds_a_loss() {
    let home = tempdir().unwrap();
    let mut run = scenario::run(home.path(), FULL, Observation::default(), LIFE);
    let of_sqlite: Vec<usize> = run
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::Create { path, inode } if path.to_string_lossy().contains("blobs") => Some(*inode),
            _ => None,
        })
        .collect();
    assert!(!of_sqlite.is_empty(), "no image became a file");
    run.ops.retain(|op| !matches!(op, Op::Sync { inode } if of_sqlite.contains(inode)));
    let wrong = cut_everywhere(&run, 0, 1).unwrap_err();
    assert!(wrong.contains("image"), "{wrong}");
}

#[test]
fn a_cut_while_a_damaged_log_is_salvaged_costs_nothing_more() {
    let home = tempdir().unwrap();
    let mut store = Store::open(options(home.path())).unwrap();
    let events: Vec<_> = (0..100).map(|_| scenario::event(300)).collect();
    store.append(&events).unwrap();
    let before = observe(&mut store);
    drop(store);
    let database = home.path().join("wal.db");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[..4096].fill(0);
    std::fs::write(&database, bytes).unwrap();
    let steps: &[Step] = &[|bench| bench.open(), |bench| bench.append(1, 10)];
    let run = scenario::run(home.path(), FULL, before, steps);
    let tried = cut_everywhere(&run, states_a_step(1), 1).unwrap_or_else(|wrong| panic!("{wrong}"));
    eprintln!("{} operations, {tried} states", run.ops.len());
}

#[test]
fn a_second_cut_while_the_log_recovers_from_the_first_costs_nothing_more() {
    let home = tempdir().unwrap();
    let run = scenario::run(home.path(), FULL, Observation::default(), &LIFE[..9]);
    let mut disk = Disk::holding(&run.start);
    let mut recoveries = 0;
    for (index, op) in run.ops.iter().enumerate() {
        disk.apply(op);
        if index % 13 != 0 {
            continue;
        }
        let (before, after) = around(&run, index);
        let image = disk.cut(Cut::Reorders(index as u64));
        let home = tempfile::tempdir_in(oracle::memory()).unwrap();
        oracle::lay_out(&image, home.path());
        let mut again = scenario::run(home.path(), FULL, before.clone(), &[|bench| bench.open()]);
        // Until it is open, what is there lies between what was seen before the first cut
        // and what the step that was cut would have done.
        again.ops.retain(|op| !matches!(op, Op::Done));
        again.seen = vec![before.clone(), after.clone()];
        recoveries += 1;
        cut_everywhere(&again, 1, 3).unwrap_or_else(|wrong| panic!("cut at {index}: {wrong}"));
    }
    assert!(recoveries > 5, "{recoveries}");
}

#[test]
fn a_cut_while_unused_pages_are_given_back_costs_nothing() {
    let home = tempdir().unwrap();
    let mut store = Store::open(options(home.path())).unwrap();
    for _ in 0..9 {
        let events: Vec<_> = (0..1000).map(|_| scenario::event(2_500)).collect();
        store.append(&events).unwrap();
    }
    store.discard_pending().unwrap();
    let kept: Vec<_> = (0..5).map(|_| scenario::event(100)).collect();
    store.append(&kept).unwrap();
    let before = observe(&mut store);
    drop(store);
    let steps: &[Step] = &[
        |bench| bench.open(),
        |bench| bench.append(1, 10),
        |bench| {
            let pages = std::fs::metadata(bench.home.join("wal.db")).unwrap().len();
            bench.store().tidy().unwrap();
            assert!(std::fs::metadata(bench.home.join("wal.db")).unwrap().len() < pages);
        },
        |bench| bench.append(1, 10),
    ];
    let run = scenario::run(home.path(), FULL, before, steps);
    let tried = cut_everywhere(&run, 0, 1).unwrap_or_else(|wrong| panic!("{wrong}"));
    eprintln!("{} operations, {tried} states", run.ops.len());
}

/// Cuts after every `stride`th operation, and returns in how many states the disk was
/// found.
fn cut_everywhere(run: &Run, random_states: u64, stride: usize) -> Result<usize, String> {
    let mut disk = Disk::holding(&run.start);
    let mut tried = 0;
    for (index, op) in run.ops.iter().enumerate() {
        disk.apply(op);
        if index % stride != 0 {
            continue;
        }
        let (before, after) = around(run, index);
        let mut cuts = vec![Cut::LosesAll];
        if !disk.is_settled() {
            cuts.extend([Cut::LosesNothing, Cut::LosesContents, Cut::LosesNames]);
            let seeds = (0..random_states).map(|number| (index as u64) << 20 | number);
            cuts.extend(seeds.flat_map(|seed| [Cut::Tears(seed), Cut::Reorders(seed)]));
        }
        for cut in cuts {
            let op: String = format!("{op:?}").chars().take(80).collect();
            let at =
                |wrong| format!("{wrong}\nafter operation {index}, {op}, where the cut {cut:?}");
            oracle::check(&disk.cut(cut), before, after).map_err(at)?;
            tried += 1;
        }
    }
    Ok(tried)
}

/// What was seen last before an operation, and what is seen after the step that it is
/// a part of.
fn around(run: &Run, index: usize) -> (&Observation, &Observation) {
    let is_done = |op: &&Op| matches!(op, Op::Done);
    let done = run.ops[..=index].iter().filter(is_done).count();
    (&run.seen[done], run.seen.get(done + 1).unwrap_or(&run.seen[done]))
}

fn states_a_step(default: u64) -> u64 {
    std::env::var("DEVPULSE_POWER_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}
