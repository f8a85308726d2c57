//! The log against a model of it, under operations in any order.
//! `PROPTEST_CASES=N` tries N runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;
use std::time::Duration;

use devpulse_pipeline::verdict::Refusal;
use devpulse_pipeline::wal::{BatchLimits, LoadedBatch, Split, Standing, Store, Which};
use devpulse_protocol::{EventId, Timestamp};
use proptest::prelude::*;
use tempfile::{TempDir, tempdir_in};

use crate::support::{open, receipt, sized_event};

#[derive(Clone, Debug)]
enum Op {
    Append {
        count: usize,
        padding: usize,
    },
    /// A group whose commit was in doubt, and that is in the log.
    AppendAgain {
        count: usize,
    },
    Form {
        most: usize,
    },
    Acknowledge {
        rejected: usize,
    },
    Split,
    SetAside,
    Replay,
    Forget,
    Discard,
    /// The cap is reached, and an event comes.
    Evict {
        pages: u64,
    },
    Tidy,
    Reopen,
    Crash,
    /// The wall clock jumps by so many days.
    Jump {
        days: i64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1..12_usize, prop_oneof![Just(0_usize), Just(700), Just(6_000)])
            .prop_map(|(count, padding)| Op::Append { count, padding }),
        1 => (1..5_usize).prop_map(|count| Op::AppendAgain { count }),
        6 => (1..9_usize).prop_map(|most| Op::Form { most }),
        6 => prop_oneof![3 => Just(0_usize), 1 => 1..9_usize]
            .prop_map(|rejected| Op::Acknowledge { rejected }),
        2 => Just(Op::Split),
        2 => Just(Op::SetAside),
        2 => Just(Op::Replay),
        2 => Just(Op::Forget),
        1 => Just(Op::Discard),
        1 => (1..12_u64).prop_map(|pages| Op::Evict { pages }),
        2 => Just(Op::Tidy),
        2 => Just(Op::Reopen),
        3 => Just(Op::Crash),
        2 => (-3_650..3_650_i64).prop_map(|days| Op::Jump { days }),
    ]
}

#[derive(Clone, Debug)]
struct Batch {
    places: Vec<i64>,
    standing: Standing,
}

/// What the log should hold, by places.
#[derive(Debug, Default)]
struct Model {
    ids: BTreeMap<i64, EventId>,
    unbatched: VecDeque<i64>,
    batches: BTreeMap<i64, Batch>,
    dead: BTreeSet<i64>,
    history: BTreeSet<i64>,
    captured: u64,
    delivered: u64,
    dropped: u64,
}

impl Model {
    fn append(&mut self, places: &[i64], ids: &[EventId]) {
        self.ids.extend(places.iter().copied().zip(ids.iter().copied()));
        self.unbatched.extend(places);
        self.captured += places.len() as u64;
    }

    fn pending(&self) -> BTreeSet<i64> {
        let batched = self.batches.values().flat_map(|batch| &batch.places);
        batched.chain(&self.unbatched).copied().collect()
    }

    /// The batch that the sender takes next.
    fn oldest(&self) -> Option<i64> {
        self.batches
            .iter()
            .min_by_key(|(low, batch)| (batch.standing as u8, **low))
            .map(|(low, _)| *low)
    }

    fn acknowledge(&mut self, rejected: usize) {
        let Some(batch) = self.oldest().and_then(|low| self.batches.remove(&low)) else { return };
        let rejected = rejected.min(batch.places.len());
        self.dead.extend(&batch.places[..rejected]);
        self.history.extend(&batch.places[rejected..]);
        self.delivered += (batch.places.len() - rejected) as u64;
        if rejected < batch.places.len() {
            let others = self.batches.values_mut();
            for batch in others.filter(|batch| batch.standing == Standing::SetAside) {
                batch.standing = Standing::LastTrial;
            }
        }
    }
}

struct World {
    home: TempDir,
    store: Option<Store>,
    model: Model,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        let home = tempdir_in(memory()).unwrap();
        let store = Some(open(home.path()));
        Self { home, store, model: Model::default(), now: Timestamp::now() }
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Append { count, padding } => self.append(count, padding, false),
            Op::AppendAgain { count } => self.append(count, 10, true),
            Op::Form { most } => self.form(most),
            Op::Acknowledge { rejected } => {
                let (now, Some(batch)) = (self.now, self.oldest()) else { return };
                let rejected = &batch.outgoing.event_ids[..rejected.min(batch.events.len())];
                let receipt = receipt(&batch, rejected);
                self.store().acknowledge(&batch, &receipt, true, None, now).unwrap();
                self.model.acknowledge(rejected.len());
            }
            Op::Split => self.split(),
            Op::SetAside => self.set_aside(),
            Op::Replay => {
                let count = self.store().replay(None).unwrap();
                assert_eq!(count, self.model.dead.len() as u64);
                for place in std::mem::take(&mut self.model.dead) {
                    let batch = Batch { places: vec![place], standing: Standing::Ordinary };
                    self.model.batches.insert(place, batch);
                }
            }
            Op::Forget => {
                let before = self.now.minus(Duration::from_secs(60 * 60));
                while self.store().forget_delivered(before).unwrap() {}
                self.learn_history();
            }
            Op::Discard => {
                let waiting = self.model.pending().len() as u64;
                assert_eq!(self.store().discard_pending().unwrap().events, waiting);
                self.model.dropped += waiting;
                self.model.unbatched.clear();
                self.model.batches.clear();
            }
            Op::Evict { pages } => self.evict(pages),
            Op::Tidy => self.store().tidy().unwrap(),
            Op::Reopen => {
                self.store = None;
                self.store = Some(open(self.home.path()));
            }
            Op::Crash => self.crash(),
            Op::Jump { days } => {
                let span = Duration::from_secs(days.unsigned_abs() * 86_400);
                self.now = if days < 0 { self.now.minus(span) } else { self.now.plus(span) };
            }
        }
    }

    fn append(&mut self, count: usize, padding: usize, again: bool) {
        let now = self.now;
        let mut events: Vec<_> = (0..count).map(|n| sized_event(n as u32, padding)).collect();
        events.iter_mut().for_each(|event| event.at = now);
        let places = self.store().append(&events).unwrap();
        if again {
            assert_eq!(self.store().append_again(&events).unwrap(), places);
        }
        let places: Vec<i64> = places.iter().map(|place| place.0).collect();
        let ids: Vec<EventId> = events.iter().map(|event| event.event_id).collect();
        self.model.append(&places, &ids);
    }

    fn form(&mut self, most: usize) {
        let limits = BatchLimits { max_events: most, max_bytes: 1 << 30 };
        let now = self.now;
        let formed = self.store().form_batch(limits, now).unwrap();
        let most = most.min(self.model.unbatched.len());
        let places: Vec<i64> = self.model.unbatched.drain(..most).collect();
        assert_eq!(formed.map(|batch| *batch.range.start()), places.first().copied());
        if let Some(&low) = places.first() {
            self.model.batches.insert(low, Batch { places, standing: Standing::Ordinary });
        }
    }

    fn oldest(&mut self) -> Option<LoadedBatch> {
        let meta = self.store().open_batches(1).unwrap().pop()?;
        assert_eq!(Some(*meta.range.start()), self.model.oldest());
        let batch = self.store().load_batch(&meta).unwrap().unwrap();
        assert_eq!(batch.meta.id, meta.id);
        let places: Vec<i64> = batch.events.iter().map(|event| event.seq).collect();
        assert_eq!(places, self.model.batches[meta.range.start()].places);
        Some(batch)
    }

    fn split(&mut self) {
        let (now, Some(batch)) = (self.now, self.oldest()) else { return };
        let halves = self.store().split_batch(&batch, Split::ByCount, now).unwrap();
        if halves.is_empty() {
            return;
        }
        let mut first = self.model.batches.remove(batch.meta.range.start()).unwrap();
        let places = first.places.split_off(first.places.len() / 2);
        self.model.batches.insert(first.places[0], first);
        self.model.batches.insert(places[0], Batch { places, standing: Standing::Ordinary });
    }

    fn set_aside(&mut self) {
        let Some(batch) = self.oldest().filter(|batch| batch.events.len() == 1) else { return };
        let refusal = Refusal { status: 400, code: None, cause: "refused".to_owned() };
        let low = *batch.meta.range.start();
        if batch.meta.standing == Standing::LastTrial {
            let now = self.now;
            self.store().condemn(&batch.meta, &refusal, now).unwrap();
            self.model.batches.remove(&low);
            self.model.dead.insert(low);
            return;
        }
        self.store().set_aside(&batch.meta, &refusal).unwrap();
        self.model.batches.get_mut(&low).unwrap().standing = Standing::SetAside;
    }

    /// Which events go is the log's choice; that they are counted and reported is not.
    fn evict(&mut self, pages: u64) {
        let used = self.store().bytes_used().unwrap();
        self.store().set_cap(used.saturating_sub(pages * 4096));
        self.append(1, 10, false);
        self.store().set_cap(u64::MAX);
        self.learn_history();
        let listed = self.store().list(Which::Pending, 0, 100_000).unwrap();
        let batched: BTreeSet<i64> =
            self.model.batches.values().flat_map(|batch| batch.places.clone()).collect();
        let before: BTreeSet<i64> = self.model.unbatched.drain(..).collect();
        let mut reported = 0;
        for event in listed.iter().filter(|event| !batched.contains(&event.seq)) {
            if !before.contains(&event.seq) {
                let gap: serde_json::Value = serde_json::from_str(&event.json).unwrap();
                assert_eq!(
                    (&gap["event_type"], &gap["reason"]),
                    (&"gap".into(), &"disk_cap".into())
                );
                reported += gap["count"].as_u64().unwrap();
                self.model.ids.insert(event.seq, event.event_id);
                self.model.captured += 1;
            }
            self.model.unbatched.push_back(event.seq);
        }
        let kept: BTreeSet<i64> = self.model.unbatched.iter().copied().collect();
        let gone = before.difference(&kept).count() as u64;
        assert_eq!(reported, gone);
        self.model.dropped += gone;
    }

    /// Takes over what the log forgot of its history, which it may do when it is due or
    /// in need of room. Nothing else is ever taken from it.
    fn learn_history(&mut self) {
        let listed = self.store().list(Which::Sent, 0, 100_000).unwrap();
        let kept: BTreeSet<i64> = listed.iter().map(|event| event.seq).collect();
        assert!(kept.is_subset(&self.model.history));
        self.model.history = kept;
    }

    /// What a kill leaves is what the files hold while they are open.
    fn crash(&mut self) {
        let next = tempdir_in(memory()).unwrap();
        for entry in fs::read_dir(self.home.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::copy(entry.path(), next.path().join(entry.file_name())).unwrap();
            }
        }
        self.store = None;
        self.home = next;
        self.store = Some(open(self.home.path()));
    }

    fn check(&mut self) {
        let store = self.store.as_mut().unwrap();
        let model = &self.model;
        let mut listed = |which| -> Vec<(i64, EventId)> {
            let events = store.list(which, 0, 100_000).unwrap();
            events.iter().map(|event| (event.seq, event.event_id)).collect()
        };
        let expected = |places: &BTreeSet<i64>| -> Vec<(i64, EventId)> {
            places.iter().map(|place| (*place, model.ids[place])).collect()
        };
        assert_eq!(listed(Which::Pending), expected(&model.pending()));
        assert_eq!(listed(Which::Sent), expected(&model.history));
        assert_eq!(listed(Which::Dead), expected(&model.dead));
        let ledger = store.ledger();
        assert!(ledger.adds_up(), "{ledger:?}");
        let counted =
            (ledger.captured, ledger.delivered, ledger.pending, ledger.unbatched, ledger.dead);
        let (pending, dead) = (model.pending().len() as u64, model.dead.len() as u64);
        let unbatched = model.unbatched.len() as u64;
        assert_eq!(counted, (model.captured, model.delivered, pending, unbatched, dead));
        assert_eq!(ledger.dropped_total(), model.dropped);
        assert_eq!(ledger.next_seq, model.ids.last_key_value().map_or(1, |(place, _)| place + 1));
        let open = store.open_batches(100_000).unwrap();
        let open: BTreeMap<i64, (u64, Standing)> = open
            .iter()
            .map(|batch| (*batch.range.start(), (batch.events, batch.standing)))
            .collect();
        let expected: BTreeMap<i64, (u64, Standing)> = model
            .batches
            .iter()
            .map(|(low, batch)| (*low, (batch.places.len() as u64, batch.standing)))
            .collect();
        assert_eq!(open, expected);
    }
}

fn memory() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(48), failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_log_does_what_the_model_does(ops in prop::collection::vec(op(), 1..64)) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
            world.check();
        }
    }
}
