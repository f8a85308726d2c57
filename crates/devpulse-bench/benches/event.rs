//! The functions that every event goes through, one at a time: `cargo bench -p devpulse-bench`.

#[cfg(target_os = "linux")]
mod paths {
    use devpulse_bench::workload::Workload;
    use devpulse_pipeline::vault::KeysAtHand;
    use devpulse_pipeline::wal::{BatchLimits, Identity, NewEvent, Store, WalOptions};
    use devpulse_protocol::{DeviceId, Timestamp, Username};
    use divan::Bencher;
    use tempfile::TempDir;

    const LIMITS: BatchLimits = BatchLimits { max_events: 100, max_bytes: 1 << 20 };

    fn log() -> (TempDir, Store) {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("wal.db");
        let vault = KeysAtHand::default().vault(&path);
        let device_id = DeviceId::new("device");
        let identity = Identity { username: Username::new("ada"), device_id };
        let images = home.path().join("blobs");
        let store = Store::open(WalOptions { path, images, identity, vault }).expect("a log");
        store.vault().unlock().expect("an open log");
        (home, store)
    }

    /// A session as JSON.
    #[divan::bench]
    fn encode(bencher: Bencher<'_, '_>) {
        let session = Workload::new(1).session();
        bencher.bench(|| NewEvent::from_draft(divan::black_box(&session)));
    }

    /// A commit of so many events: placed, sealed, inserted and synced.
    #[divan::bench(args = [1, 64, 1000])]
    fn append(bencher: Bencher<'_, '_>, events: usize) {
        let (_home, mut store) = log();
        let mut workload = Workload::new(2);
        bencher
            .counter(divan::counter::ItemsCount::new(events))
            .with_inputs(|| workload.events(events))
            .bench_local_values(|events| store.append(&events).expect("an append"));
    }

    /// A batch of 100, read, opened, checked and written as JSON.
    #[divan::bench]
    fn load_batch(bencher: Bencher<'_, '_>) {
        let (_home, mut store) = log();
        store.append(&Workload::new(3).events(100)).expect("an append");
        let meta = store.form_batch(LIMITS, Timestamp::now()).expect("a batch").expect("events");
        bencher
            .counter(divan::counter::ItemsCount::new(100_usize))
            .bench_local(|| store.load_batch(&meta).expect("a batch"));
    }

    /// The same batch, compressed.
    #[divan::bench]
    fn compress_batch(bencher: Bencher<'_, '_>) {
        let (_home, mut store) = log();
        store.append(&Workload::new(4).events(100)).expect("an append");
        let meta = store.form_batch(LIMITS, Timestamp::now()).expect("a batch").expect("events");
        let body = store.load_batch(&meta).expect("a batch").expect("events").outgoing.body;
        bencher
            .counter(divan::counter::ItemsCount::new(100_usize))
            .bench(|| zstd::bulk::compress(divan::black_box(&body), 3));
    }
}

fn main() {
    divan::main();
}
