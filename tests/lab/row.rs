//! How a row of the fault table is tried out: what a person sees, how often the server is
//! asked, and that everything arrives once when the fault is gone.

use std::time::{Duration, Instant};

use devpulse_lab::{
    Agent, Audit, Device, Fault, FaultProxy, Oracle, Record, Request, Teeth, TestServer, wait,
};
use serde_json::json;

/// For how long a fault is watched, and how often the server may be asked meanwhile.
const WATCHED: Duration = Duration::from_secs(10);
const MOST_REQUESTS: usize = 12;

/// A row of the table.
pub(crate) struct Row {
    name: String,
    trouble: Trouble,
    /// The state that `status` shows.
    state: &'static str,
    resending: Resending,
    /// How long the server asks to wait.
    retry_after: Duration,
}

/// What goes wrong.
pub(crate) enum Trouble {
    /// Batches meet this.
    Batches(Fault),
    /// The token has ended, and requests for another one meet this.
    Tokens(Fault),
    /// Connections are refused.
    ShutDoor,
    /// The server ends the device's right to send.
    Revocation,
    /// The server lets the device's key end.
    EndedKey,
}

/// How the events are sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resending {
    /// In the same batch, whose bytes are the same.
    Same,
    /// In other batches: halves, or the same events under another id.
    Other,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, trouble: Trouble, state: &'static str) -> Self {
        let (resending, retry_after) = (Resending::Same, Duration::ZERO);
        Self { name: name.into(), trouble, state, resending, retry_after }
    }

    pub(crate) fn in_other_batches(mut self) -> Self {
        self.resending = Resending::Other;
        self
    }

    pub(crate) fn not_before(mut self, retry_after: Duration) -> Self {
        self.retry_after = retry_after;
        self
    }

    fn run(&self) {
        let server = TestServer::start();
        server.set_config(json!({
            "heartbeat_interval_s": 86400,
            "config_poll_s": 86400,
            "batch": {"max_interval_ms": 100},
        }));
        let mut proxy = FaultProxy::start(server.address());
        let device = Device::enrolled_through(&server, &proxy.url(), "row");
        let agent = device.start_agent();
        device.run(&["sync"]).expect_exit(0);

        let before = proxy.records().len();
        let begun = Instant::now();
        self.begin(&server, &mut proxy, &device);
        let mut oracle = Oracle::default();
        oracle.promise(agent.emit(40));
        let error = wait(&format!("{} is {}", self.name, self.state), || {
            std::thread::park_timeout(Duration::from_millis(200));
            let pipeline = device.status()["pipeline"].clone();
            (pipeline["state"] == self.state).then(|| pipeline["last_error"].clone())
        });
        assert!(error.is_string(), "what stands in the way is told: {error}");
        while begun.elapsed() < WATCHED {
            std::thread::park_timeout(WATCHED.saturating_sub(begun.elapsed()));
        }
        self.check_requests(&proxy.records()[before..], begun);

        let agent = self.end(&server, &mut proxy, &device, agent);
        device.run(&["sync", "--timeout", "50"]).expect_exit(0);
        let account = oracle.audit(&Audit::of(&device, &server, &proxy));
        assert_eq!(account.ledger.pending, 0);
        let resends = usize::from(self.resends_what_was_sent());
        if self.is_on_the_wire() {
            account.expect(&Teeth { resends, ..Teeth::default() });
        } else {
            assert_eq!(account.faults, Vec::<String>::new());
        }
        eprintln!("{}: {error}; {account}", self.name);
        drop(agent);
    }

    fn begin(&self, server: &TestServer, proxy: &mut FaultProxy, device: &Device) {
        let device_id = || device.status()["device_id"].as_str().unwrap().to_owned();
        match &self.trouble {
            Trouble::Batches(fault) => proxy.set(only(Request::is_batch, fault)),
            Trouble::Tokens(fault) => {
                proxy.set(only(Request::is_token, fault));
                server.expire_tokens();
            }
            Trouble::ShutDoor => proxy.shut(),
            Trouble::Revocation => server.revoke(&device_id()),
            Trouble::EndedKey => {
                server.expire_key(&device_id());
                server.expire_tokens();
            }
        }
    }

    /// Undoes it; what only another key mends is mended by enrolling again.
    fn end<'a>(
        &self,
        server: &TestServer,
        proxy: &mut FaultProxy,
        device: &'a Device,
        agent: Agent<'a>,
    ) -> Agent<'a> {
        proxy.clear();
        proxy.cut();
        proxy.reopen();
        let code = match self.trouble {
            Trouble::Revocation => 5,
            Trouble::EndedKey => 7,
            _ => return agent,
        };
        device.run(&["sync", "--timeout", "2"]).expect_exit(code);
        agent.signal("-TERM");
        device.enroll_again(server, &proxy.url(), "row").expect_exit(0);
        device.start_agent()
    }

    fn check_requests(&self, records: &[Record], begun: Instant) {
        let watched: Vec<&Request> = records
            .iter()
            .map(|record| &record.request)
            .filter(|request| request.at.saturating_duration_since(begun) <= WATCHED)
            .collect();
        assert!(
            watched.len() <= MOST_REQUESTS,
            "{}: {} requests in {WATCHED:?}",
            self.name,
            watched.len()
        );
        assert!(!watched.is_empty() || !self.is_on_the_wire(), "{}: no request", self.name);
        let batches: Vec<&Request> =
            watched.into_iter().filter(|request| request.is_batch()).collect();
        for pair in batches.windows(2) {
            let waited = pair[1].at - pair[0].at;
            assert!(waited >= self.retry_after, "{}: came back after {waited:?}", self.name);
        }
        if self.resending == Resending::Same {
            let keys: Vec<_> = batches.iter().filter_map(|request| request.key()).collect();
            assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{}: {keys:?}", self.name);
        }
    }

    /// Whether a batch reaches the layer and has to come again.
    fn resends_what_was_sent(&self) -> bool {
        matches!(self.trouble, Trouble::Batches(_)) && self.resending == Resending::Same
    }

    fn is_on_the_wire(&self) -> bool {
        matches!(self.trouble, Trouble::Batches(_) | Trouble::Tokens(_))
    }
}

/// Tries the rows out, all at once: each of them takes its time.
pub(crate) fn run_all(rows: &[Row]) {
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = rows
            .iter()
            .map(|row| {
                let thread = std::thread::Builder::new().name(row.name.clone());
                (row.name.as_str(), thread.spawn_scoped(scope, || row.run()).unwrap())
            })
            .collect();
        running.into_iter().filter_map(|(name, row)| row.join().err().map(|_| name)).collect()
    });
    assert!(failed.is_empty(), "{} of {} rows failed: {failed:?}", failed.len(), rows.len());
}

fn only(
    picked: fn(&Request) -> bool,
    fault: &Fault,
) -> impl FnMut(&Request) -> Fault + Send + 'static {
    let fault = fault.clone();
    move |request| if picked(request) { fault.clone() } else { Fault::Pass }
}
