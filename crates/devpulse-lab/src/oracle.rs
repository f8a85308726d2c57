//! Who checks: what was promised, what the client accounts for, what the server holds,
//! and whether anything went wrong at all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::Value;

use crate::device::Device;
use crate::proxy::FaultProxy;
use crate::request::Record;
use crate::server::TestServer;

/// What the client has promised to deliver.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    promised: HashMap<String, Option<Value>>,
}

/// What the client accounts for, from `status --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Events that were taken.
    pub captured: u64,
    /// Events that a receipt accounts for as stored.
    pub delivered: u64,
    /// Those of them that the server had already.
    pub duplicates: u64,
    /// Events that wait.
    pub pending: u64,
    /// Events that were refused for good.
    pub dead_letters: u64,
    /// Events that were given up, each told by a `gap`.
    pub dropped: u64,
}

/// Everything that is compared.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// What the client accounts for.
    pub ledger: Ledger,
    /// What waits at the client, as it is sent.
    pub pending: Vec<Value>,
    /// The dead letters.
    pub dead: Vec<Value>,
    /// What the server holds.
    pub held: Vec<Value>,
    /// What went over the wire.
    pub records: Vec<Record>,
}

/// What the comparison found.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Everything that is not as it must be, a sentence each.
    pub faults: Vec<String>,
    /// The client's own account.
    pub ledger: Ledger,
    /// Events that were promised.
    pub promised: usize,
    /// Events that the server holds.
    pub held: usize,
    /// Requests that brought events.
    pub batches: usize,
    /// Batches that were sent once more.
    pub resends: usize,
    /// Those of them that the server had taken already.
    pub repeated: usize,
    /// Requests that met a fault.
    pub spoilt: usize,
    /// Requests whose answer was lost or spoilt after the server had taken them.
    pub lost_answers: usize,
}

/// What must have happened at the least; otherwise the run proves nothing. At least one
/// request has to have met a fault in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Teeth {
    /// Batches that were sent once more.
    pub resends: usize,
    /// Batches that were sent once more although the server had them.
    pub repeated: usize,
    /// Dead letters, exactly.
    pub dead_letters: u64,
}

impl Oracle {
    /// Takes note of events whose ids the client has given out.
    pub fn promise(&mut self, ids: impl IntoIterator<Item = String>) {
        self.promised.extend(ids.into_iter().map(|id| (id, None)));
    }

    /// Takes note of a custom event, with what has to be in its `data`.
    pub fn promise_data(&mut self, id: String, data: Value) {
        self.promised.insert(id, Some(data));
    }

    /// Compares.
    #[must_use]
    pub fn audit(&self, audit: &Audit) -> Account {
        let mut account = Account {
            ledger: audit.ledger,
            promised: self.promised.len(),
            held: audit.held.len(),
            ..Account::default()
        };
        account.check_ledger(audit);
        account.check_held(&audit.held);
        self.check_promises(audit, &mut account.faults);
        account.check_wire(&audit.records);
        account
    }

    fn check_promises(&self, audit: &Audit, faults: &mut Vec<String>) {
        let mut known: HashMap<&str, &Value> = HashMap::new();
        for event in audit.held.iter().chain(&audit.pending).chain(&audit.dead) {
            known.insert(text(event, "event_id"), event);
        }
        let missing = self.promised.keys().filter(|id| !known.contains_key(id.as_str())).count();
        if missing > 0 && missing as u64 > audit.ledger.dropped {
            faults
                .push(format!("{missing} of {} promised events are missing", self.promised.len()));
        }
        for (id, data) in &self.promised {
            let (Some(data), Some(event)) = (data, known.get(id.as_str())) else { continue };
            if event["data"] != *data {
                faults.push(format!("{id} arrived as {}, promised was {data}", event["data"]));
            }
        }
    }
}

impl Ledger {
    /// Reads the account out of `status --json`.
    #[must_use]
    pub fn read(status: &Value) -> Self {
        let count = |name: &str| status["pipeline"][name].as_u64().unwrap();
        Self {
            captured: count("captured"),
            delivered: count("sent"),
            duplicates: count("duplicates"),
            pending: count("pending"),
            dead_letters: count("dead_letter"),
            dropped: count("dropped"),
        }
    }

    /// Whether every event that was taken is accounted for.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        self.captured == self.delivered + self.pending + self.dead_letters + self.dropped
    }
}

impl Audit {
    /// Gathers it from a device at rest, its server, and the layer between.
    #[must_use]
    pub fn of(device: &Device, server: &TestServer, proxy: &FaultProxy) -> Self {
        let status = device.status();
        let device_id = status["device_id"].as_str().unwrap();
        Self {
            ledger: Ledger::read(&status),
            pending: device.listed("--pending"),
            dead: device.listed("--dead"),
            held: server.events_of(device_id),
            records: proxy.records(),
        }
    }
}

impl Account {
    /// Fails where anything is not as it must be, or where too little went wrong for the
    /// run to prove anything.
    #[track_caller]
    pub fn expect(&self, teeth: &Teeth) {
        let faults = [self.faults.clone(), self.bite(teeth)].concat();
        assert!(faults.is_empty(), "{}\n{self}", faults.join("\n"));
    }

    /// Why the run proves nothing, a sentence each.
    #[must_use]
    pub fn bite(&self, teeth: &Teeth) -> Vec<String> {
        let mut missing = Vec::new();
        if self.spoilt == 0 {
            missing.push("nothing went wrong, so nothing is proven".to_owned());
        }
        for (what, seen, wanted) in [
            ("resends", self.resends, teeth.resends),
            ("resends of what the server had", self.repeated, teeth.repeated),
        ] {
            if seen < wanted {
                missing.push(format!("{seen} {what}, and at least {wanted} were to be provoked"));
            }
        }
        if self.ledger.dead_letters != teeth.dead_letters {
            let (found, wanted) = (self.ledger.dead_letters, teeth.dead_letters);
            missing.push(format!("{found} dead letters, and {wanted} were to be"));
        }
        missing
    }

    fn check_ledger(&mut self, audit: &Audit) {
        let ledger = audit.ledger;
        if !ledger.adds_up() {
            self.faults.push(format!("the ledger does not add up: {ledger:?}"));
        }
        for (what, counted, found) in [
            ("delivered", ledger.delivered, audit.held.len()),
            ("pending", ledger.pending, audit.pending.len()),
            ("dead letters", ledger.dead_letters, audit.dead.len()),
        ] {
            // A receipt that got lost: the server holds more than the client knows of.
            let excused = what == "delivered" && ledger.pending > 0 && found as u64 > counted;
            if counted != found as u64 && !excused {
                self.faults.push(format!("{what}: {counted} by the ledger, {found} found"));
            }
        }
    }

    fn check_held(&mut self, held: &[Value]) {
        let (mut ids, mut places) = (HashSet::new(), HashSet::new());
        for event in held {
            if !ids.insert(text(event, "event_id")) {
                self.faults.push(format!("stored twice: {event}"));
            }
            if !places.insert((text(event, "epoch"), event["seq"].as_u64())) {
                self.faults.push(format!("two events have one place: {event}"));
            }
        }
    }

    fn check_wire(&mut self, records: &[Record]) {
        let mut batches: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in records {
            self.spoilt += usize::from(record.fault.is_one());
            self.lost_answers += usize::from(record.served.is_some() && record.fault.is_one());
            let request = &record.request;
            if !request.is_batch() {
                continue;
            }
            self.batches += 1;
            let batch = request.batch().unwrap_or_default();
            if request.key().is_none_or(|key| key != text(&batch, "batch_id")) {
                self.faults
                    .push(format!("request {} bears another id than its batch", record.number));
            }
            batches.entry(request.key().unwrap_or_default()).or_default().push(record);
        }
        for (key, sent) in batches {
            self.resends += sent.len() - 1;
            self.repeated += sent.iter().skip_while(|record| !is_taken(record)).skip(1).count();
            if sent.iter().any(|record| record.request.body != sent[0].request.body) {
                self.faults.push(format!("batch {key} was sent again with other bytes"));
            }
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} promised, {} held, {} batches sent, {} resent ({} although the server had them), \
             {} requests spoilt; {:?}",
            self.promised,
            self.held,
            self.batches,
            self.resends,
            self.repeated,
            self.spoilt,
            self.ledger
        )
    }
}

/// Whether the server has taken it.
fn is_taken(record: &Record) -> bool {
    record.served.is_some_and(|status| (200..300).contains(&status))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
