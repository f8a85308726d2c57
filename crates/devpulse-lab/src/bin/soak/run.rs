//! The run: two devices at one server. One is battered: killed, paused, its disk filled.
//! The other only lives through the same weather, so that what it takes can be measured.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use devpulse_lab::{Agent, Audit, Device, FaultProxy, Oracle, SmallDisk, TestServer};
use serde_json::json;

use crate::account::Account;
use crate::load::{self, Load};
use crate::meter::{self, Reading, Trend};
use crate::plan::{Plan, Step};
use crate::tally::Tally;
use crate::weather::Weather;

/// How often processes are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Room for the ballast, the log, and what other programs take.
const DISK_MIB: u64 = 160;
/// Once there is room again, an event has to be taken within this.
const RESUMES_WITHIN: Duration = Duration::from_secs(10);
/// How long the last delivery may take.
const LAST_SYNC: &str = "300";

/// Runs for `length`, and says what came of it.
pub(crate) fn run(length: Duration, seed: u64) -> Account {
    let mut server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 5,
        "config_poll_s": 5,
        "batch": {"max_events": 100, "max_interval_ms": 500},
        "limits": {"max_disk_mb": 256, "history_hours": 0},
    }));
    let mut proxy = FaultProxy::start(server.address());
    let disk = SmallDisk::of_mib(DISK_MIB);
    let battered = match &disk {
        Some(disk) => Device::within(disk.path()),
        None => Device::new(),
    };
    battered.enroll_again(&server, &proxy.url(), "battered").expect_exit(0);
    let steady = Device::enrolled_through(&server, &proxy.url(), "steady");
    let weather = Weather::over(&proxy, seed);
    let (load, steady_load) = (Load::default(), Load::default());
    let readings = Mutex::new(Vec::new());
    let ended = AtomicBool::new(false);
    let mut tally = Tally::default();
    let begun = Instant::now();

    let steady_agent = steady.start_agent();
    let steady_pid = steady_agent.pid();
    std::thread::scope(|scope| {
        scope.spawn(|| load.run(&battered, seed));
        scope.spawn(|| steady_load.run(&steady, seed.wrapping_add(1)));
        scope.spawn(|| watch(steady_pid, begun, &ended, &readings));
        let mut world = World {
            server: &mut server,
            proxy: &mut proxy,
            weather: &weather,
            disk: disk.as_ref(),
            battered: &battered,
            steady: &steady,
            load: &load,
            agent: Some(battered.start_agent()),
            tally: &mut tally,
        };
        for step in Plan::of(seed) {
            if begun.elapsed() >= length {
                break;
            }
            world.take(step);
        }
        world.end();
        load.end();
        steady_load.end();
        ended.store(true, Ordering::SeqCst);
    });
    tally.take_in(&proxy.take_records());
    let length = begun.elapsed();
    let agent = battered.start_agent();
    let mut faults = Vec::new();
    let mut accounts = Vec::new();
    for (device, load) in [(&battered, &load), (&steady, &steady_load)] {
        settle(device, &mut faults);
        let mut oracle = Oracle::default();
        oracle.promise(load.ids());
        let audit = Audit { records: Vec::new(), ..Audit::of(device, &server, &proxy) };
        let account = oracle.audit(&audit);
        faults.extend(account.faults.iter().cloned());
        faults.extend(load::faults(&audit.held));
        if audit.ledger.pending + audit.ledger.dead_letters + audit.ledger.dropped > 0 {
            faults.push(format!("not everything was delivered: {:?}", audit.ledger));
        }
        accounts.push(account);
    }
    drop((agent, steady_agent));
    let readings: Vec<Reading> = readings.into_inner().unwrap();
    let trend = Trend::of(&readings);
    faults.extend(trend.faults());
    faults.extend(tally.faults());
    Account { seed, length, accounts, weather: weather.counts(), tally, trend, faults }
}

/// Delivers what waits, and what the bad weather made a dead letter of.
fn settle(device: &Device, faults: &mut Vec<String>) {
    let replayed = device.run(&["events", "--replay", "all"]);
    if replayed.code != Some(0) && !device.listed("--dead").is_empty() {
        faults.push(format!("dead letters cannot be replayed: {}", replayed.stderr.trim()));
    }
    let synced = device.run(&["sync", "--timeout", LAST_SYNC]);
    if synced.code != Some(0) {
        faults.push(format!("the last delivery failed: {}", synced.stderr.trim()));
    }
}

fn watch(pid: u32, begun: Instant, ended: &AtomicBool, readings: &Mutex<Vec<Reading>>) {
    while !ended.load(Ordering::SeqCst) {
        readings.lock().unwrap().extend(meter::look(pid, begun.elapsed()));
        std::thread::park_timeout(LOOK);
    }
}

/// Everything that steps happen to.
struct World<'a> {
    server: &'a mut TestServer,
    proxy: &'a mut FaultProxy,
    weather: &'a Weather,
    disk: Option<&'a SmallDisk>,
    battered: &'a Device,
    steady: &'a Device,
    load: &'a Load,
    agent: Option<Agent<'a>>,
    tally: &'a mut Tally,
}

impl World<'_> {
    fn take(&mut self, step: Step) {
        self.tally.count(&step);
        match step {
            Step::Calm(lasts) => std::thread::park_timeout(lasts),
            Step::Storm { permille, lasts } => {
                self.weather.turn(permille);
                self.hurry(lasts);
                self.weather.turn(0);
            }
            Step::Kill => {
                self.weather.turn(200);
                if let Some(agent) = self.agent.take() {
                    agent.kill();
                }
                self.agent = Some(self.battered.start_agent());
                self.weather.turn(0);
            }
            Step::Terminate => {
                if let Some(agent) = self.agent.take() {
                    let (status, took) = agent.signal("-TERM");
                    self.tally.terminated(status, took);
                }
                self.agent = Some(self.battered.start_agent());
            }
            Step::ExpireTokens => self.server.expire_tokens(),
            Step::StopServer(lasts) => {
                self.server.stop();
                std::thread::park_timeout(lasts);
                self.server.start_again();
            }
            Step::Refuse(lasts) => {
                self.proxy.shut();
                std::thread::park_timeout(lasts);
                self.proxy.reopen();
            }
            Step::Configure(config) => self.server.set_config(config),
            Step::Pause(lasts) => {
                self.battered.run(&["pause", "--minutes", "1"]);
                std::thread::park_timeout(lasts);
                self.battered.run(&["resume"]);
            }
            Step::FillDisk(lasts) => self.fill_disk(lasts),
            Step::Sync => {
                self.proxy.cut();
                self.hurry(Duration::from_secs(5));
            }
        }
        self.tally.take_in(&self.proxy.take_records());
    }

    /// Somebody waits at both devices, again and again, so that they send as often as they can.
    fn hurry(&self, lasts: Duration) {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for device in [self.battered, self.steady] {
                scope.spawn(move || {
                    while let Some(left) = lasts.checked_sub(begun.elapsed()) {
                        let timeout = left.as_secs().max(1).to_string();
                        device.run(&["sync", "--timeout", &timeout]);
                        std::thread::park_timeout(Duration::from_millis(100));
                    }
                });
            }
        });
    }

    /// The other program takes what becomes free for as long as it lasts.
    fn fill_disk(&mut self, lasts: Duration) {
        let Some(disk) = self.disk else { return };
        let begun = Instant::now();
        while begun.elapsed() < lasts {
            disk.fill();
            std::thread::park_timeout(Duration::from_millis(100));
        }
        let refused = self.battered.status()["pipeline"]["last_error"]
            .as_str()
            .is_some_and(|error| error.contains("space"));
        disk.clear();
        let (freed, before) = (Instant::now(), self.load.promised());
        while self.load.promised() == before && freed.elapsed() < 2 * RESUMES_WITHIN {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        self.tally.disk_was_full(refused, freed.elapsed());
    }

    fn end(&mut self) {
        self.weather.turn(0);
        self.proxy.clear();
        self.proxy.cut();
        self.agent.take();
    }
}

impl Tally {
    fn faults(&self) -> Vec<String> {
        let mut faults = self.wire.clone();
        if self.slowest_resumption > RESUMES_WITHIN {
            faults
                .push(format!("after a full disk it took {:?} to go on", self.slowest_resumption));
        }
        faults
    }
}
