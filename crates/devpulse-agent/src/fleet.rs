//! A thousand simulated devices at one simulated server, in paused time: whether they are
//! polite together. Each takes its decisions with the agent's own lane, backoff, token,
//! verdict, batch and configuration rhythm; the seeds are fixed, so that a run repeats.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use devpulse_pipeline::batcher::{BatchPolicy, Due};
use devpulse_pipeline::lane::{Lane, Obstacle};
use devpulse_pipeline::sender::{Blocked, SenderState};
use devpulse_pipeline::verdict::{self, Verdict};
use devpulse_pipeline::wal::{BatchLimits, WalState};
use devpulse_pipeline::{Answer, Call, HttpAnswer, Outcome, ReceiptMode, TransportFault};
use devpulse_protocol::{AccessToken, BatchId, EventId, Timestamp};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::pace::Pace;
use crate::policy_poll::Rhythm;
use crate::revocation::Extent;
use crate::server::RefusedCall;
use crate::server::token::TokenHolder;

const DEVICES: u64 = 1000;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TOKEN_LIFE: u64 = 3600;
const BATCHES: BatchPolicy = BatchPolicy {
    limits: BatchLimits { max_events: 100, max_bytes: 1024 * 1024 },
    max_interval: Duration::from_secs(5),
};

/// How the server answers.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Up,
    /// Nobody listens.
    Down,
    /// Every call is asked to wait for so many seconds.
    Busy(u64),
    /// Every device is revoked.
    Revoking,
}

/// What is asked of it.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Token,
    Config,
    Batch,
}

/// What all devices ask.
struct Server {
    mood: RefCell<Mood>,
    /// Tokens issued before this do not hold any more.
    tokens_since: RefCell<Instant>,
    requests: RefCell<Vec<(Instant, Asked)>>,
}

impl Server {
    fn new(mood: Mood) -> Rc<Self> {
        Rc::new(Self {
            mood: RefCell::new(mood),
            tokens_since: RefCell::new(Instant::now()),
            requests: RefCell::default(),
        })
    }

    fn turns(&self, mood: Mood) {
        *self.mood.borrow_mut() = mood;
    }

    async fn asked(&self, what: Asked, token: Option<&AccessToken>, batch: BatchId) -> Outcome {
        let mood = *self.mood.borrow();
        if mood == Mood::Down {
            return Outcome::Fault(TransportFault::Unreachable);
        }
        self.requests.borrow_mut().push((Instant::now(), what));
        sleep(Duration::from_millis(20)).await;
        let holds = token.is_none_or(|token| {
            let issued: u64 = token.expose().parse().unwrap();
            issued >= millis(*self.tokens_since.borrow())
        });
        match (mood, what) {
            (Mood::Busy(wait), _) => Outcome::Http(HttpAnswer {
                status: 503,
                retry_after: Some(wait.to_string()),
                ..HttpAnswer::default()
            }),
            _ if !holds => answer(401, String::new()),
            (Mood::Revoking, _) => answer(403, r#"{"code":"device_revoked"}"#.to_owned()),
            (Mood::Up | Mood::Down, Asked::Token) => {
                let token = millis(Instant::now());
                answer(
                    200,
                    format!(
                        r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{TOKEN_LIFE}}}"#
                    ),
                )
            }
            (Mood::Up | Mood::Down, Asked::Config) => answer(304, String::new()),
            (Mood::Up | Mood::Down, Asked::Batch) => answer(
                200,
                format!(r#"{{"batch_id":"{batch}","accepted":1,"duplicates":0,"rejected":[]}}"#),
            ),
        }
    }

    /// Requests in each second from `from` on, for `length`.
    fn seconds(&self, from: Instant, length: Duration) -> Vec<usize> {
        let mut seconds = vec![0; usize::try_from(length.as_secs()).unwrap()];
        for (at, _) in self.requests.borrow().iter().filter(|(at, _)| *at >= from) {
            let second = usize::try_from((*at - from).as_secs()).unwrap();
            if let Some(count) = seconds.get_mut(second) {
                *count += 1;
            }
        }
        seconds
    }

    /// The most requests within any stretch of `length`.
    fn most_within(&self, length: Duration) -> usize {
        let requests = self.requests.borrow();
        let ends = requests.iter().enumerate().map(|(index, (begun, _))| {
            requests[index..].iter().take_while(|(at, _)| *at - *begun < length).count()
        });
        ends.max().unwrap_or(0)
    }
}

fn answer(status: u16, body: String) -> Outcome {
    Outcome::Http(HttpAnswer {
        status,
        content_type: Some("application/json".to_owned()),
        body: Bytes::from(body),
        ..HttpAnswer::default()
    })
}

fn millis(at: Instant) -> u64 {
    thread_local!(static BEGIN: Instant = Instant::now());
    BEGIN.with(|begin| u64::try_from(at.saturating_duration_since(*begin).as_millis()).unwrap())
}

/// What a device does by itself.
#[derive(Clone, Copy)]
struct Habits {
    heartbeat: Duration,
    config_poll: Duration,
}

const USUAL: Habits = Habits { heartbeat: MINUTE, config_poll: Duration::from_secs(300) };

const NOTHING: WalState = WalState {
    pending: 0,
    unbatched: 0,
    unbatched_bytes: 0,
    unbatched_since: None,
    images_pending: 0,
};

struct Device {
    server: Rc<Server>,
    habits: Habits,
    rng: StdRng,
    lane: Lane,
    rhythm: Rhythm,
    tokens: TokenHolder,
    waiting: WalState,
    extent: Extent,
}

impl Device {
    fn new(server: &Rc<Server>, habits: Habits, seed: u64) -> Self {
        Self {
            server: Rc::clone(server),
            habits,
            rng: StdRng::seed_from_u64(seed),
            lane: Lane::default(),
            rhythm: Rhythm::default(),
            tokens: TokenHolder::default(),
            waiting: NOTHING,
            extent: Extent::Everything,
        }
    }

    async fn live(mut self) {
        let mut beats = 0;
        let mut next_beat =
            Instant::now() + Pace::HEARTBEAT.wait(self.habits.heartbeat, beats, &mut self.rng);
        let mut next_poll = Instant::now();
        loop {
            let next = [Some(next_beat), Some(next_poll), self.next_batch()];
            sleep_until(next.into_iter().flatten().min().unwrap()).await;
            let now = Instant::now();
            if now >= next_beat {
                beats += 1;
                next_beat = now + Pace::HEARTBEAT.wait(self.habits.heartbeat, beats, &mut self.rng);
                self.capture();
            }
            if now >= next_poll {
                if self.rhythm.may_ask(&self.state(), self.extent, now) {
                    self.poll().await;
                }
                let interval = self.habits.config_poll;
                let now = Instant::now();
                next_poll = now + self.rhythm.wait(interval, now, &mut self.rng);
            }
            if self.next_batch().is_some_and(|at| at <= Instant::now()) {
                self.send().await;
            }
        }
    }

    fn capture(&mut self) {
        self.waiting.pending += 1;
        self.waiting.unbatched += 1;
        self.waiting.unbatched_since.get_or_insert(Instant::now().into_std());
    }

    fn next_batch(&self) -> Option<Instant> {
        if self.waiting.pending == 0 {
            return None;
        }
        let now = Instant::now();
        if let Some(closed) = self.lane.closed() {
            return Some(closed.next_attempt);
        }
        match BATCHES.due(&self.waiting, false, now.into_std()) {
            Due::Never => None,
            Due::At(at) => Some(Instant::from_std(at)),
            Due::Now => Some(now),
        }
    }

    fn state(&self) -> SenderState {
        let events = self.lane.closed().map(|closed| Blocked {
            obstacle: closed.obstacle,
            cause: closed.cause.clone(),
            next_attempt: Timestamp::from_millis(0),
        });
        SenderState { events, ..SenderState::default() }
    }

    /// A call with a token, and once more with a new one where it is refused; and which
    /// call the answer belongs to.
    async fn with_token(&self, what: Asked, batch: BatchId) -> (Asked, Outcome) {
        let ask = || self.server.asked(Asked::Token, None, batch);
        let token = match self.tokens.get(ask()).await {
            Ok(token) => token,
            Err(outcome) => return (Asked::Token, outcome),
        };
        let outcome = self.server.asked(what, Some(&token), batch).await;
        if !matches!(&outcome, Outcome::Http(http) if http.status == 401) {
            return (what, outcome);
        }
        match self.tokens.replace(&token, ask()).await {
            Ok(token) => (what, self.server.asked(what, Some(&token), batch).await),
            Err(outcome) => (Asked::Token, outcome),
        }
    }

    async fn poll(&mut self) {
        let refused = match self.with_token(Asked::Config, BatchId::new()).await {
            (Asked::Config, Outcome::Http(http)) if http.status == 304 => None,
            (_, outcome) => Some(RefusedCall::of(outcome)),
        };
        self.rhythm.asked(refused.as_ref(), Instant::now(), &mut self.rng);
        if refused.is_some_and(|refused| refused.is_revoked()) {
            self.obstruct(Obstacle::Revoked, None);
        }
    }

    async fn send(&mut self) {
        let (batch, event) = (BatchId::new(), EventId::new());
        let (what, outcome) = self.with_token(Asked::Batch, batch).await;
        let call = if what == Asked::Token { Call::Token } else { Call::Batch };
        let (answer, now) = (Answer { call, outcome }, SystemTime::UNIX_EPOCH);
        match verdict::of_batch(&answer, batch, &[event], ReceiptMode::Receipt, now) {
            Verdict::Acknowledged(_) => {
                self.lane.opened();
                self.extent = Extent::Everything;
                self.waiting = NOTHING;
            }
            Verdict::Retry { trouble, not_before, .. } => {
                self.obstruct(Obstacle::of(trouble), not_before);
            }
            Verdict::AuthBlocked { .. } => self.obstruct(Obstacle::AuthBlocked, None),
            Verdict::Revoked { .. } => {
                self.extent = Extent::NoImages;
                self.obstruct(Obstacle::Revoked, None);
            }
            other => panic!("this server never causes {other:?}"),
        }
    }

    fn obstruct(&mut self, obstacle: Obstacle, not_before: Option<Duration>) {
        let (now, rng) = (Instant::now(), &mut self.rng);
        self.lane.obstructed(obstacle, String::new(), not_before, now, rng);
    }
}

/// Lets devices live at a server for as long as `story` takes.
async fn fleet(server: &Rc<Server>, devices: u64, habits: Habits, story: impl Future<Output = ()>) {
    let local = LocalSet::new();
    for seed in 0..devices {
        let device = Device::new(server, habits, seed);
        local.spawn_local(device.live());
    }
    local.run_until(story).await;
}

/// The peak second as a multiple of the mean of the first minute.
#[track_caller]
fn assert_no_herd(server: &Server, since: Instant, what: &str) {
    let seconds = server.seconds(since, MINUTE);
    let peak = seconds.iter().max().copied().unwrap_or(0);
    let mean = seconds.iter().sum::<usize>() as f64 / seconds.len() as f64;
    eprintln!(
        "{what}: peak second {peak}, mean of the first minute {mean:.1}, {:.2} times",
        peak as f64 / mean
    );
    assert!(mean > 1.0, "{what}: nobody came back");
    assert!(peak as f64 <= 3.0 * mean, "{what}: {peak} in a second, {mean:.1} on average");
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_a_thousand_devices_do_not_come_back_at_once() {
    for outage in [Duration::from_secs(20), Duration::from_secs(120), 30 * MINUTE] {
        let server = Server::new(Mood::Up);
        let story = async {
            sleep(10 * MINUTE).await;
            server.turns(Mood::Down);
            sleep(outage).await;
            let back = Instant::now();
            server.turns(Mood::Up);
            sleep(2 * MINUTE).await;
            assert_no_herd(&server, back, &format!("outage of {outage:?}"));
        };
        fleet(&server, DEVICES, USUAL, story).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asked_everybody_for_does_not_bring_everybody_back_at_once() {
    for wait in [30, 60] {
        let server = Server::new(Mood::Up);
        let story = async {
            sleep(10 * MINUTE).await;
            server.turns(Mood::Busy(wait));
            sleep(MINUTE + Duration::from_secs(wait)).await;
            let before = Instant::now();
            server.turns(Mood::Up);
            sleep(30 * MINUTE).await;
            let first = server.requests.borrow().iter().find(|(at, _)| *at >= before).unwrap().0;
            assert_no_herd(&server, first, &format!("Retry-After: {wait}"));
        };
        fleet(&server, DEVICES, USUAL, story).await;
    }
}

#[tokio::test(start_paused = true)]
async fn when_every_token_ends_at_once_the_new_ones_are_not_asked_for_at_once() {
    let server = Server::new(Mood::Up);
    let story = async {
        sleep(10 * MINUTE).await;
        let ended = Instant::now();
        *server.tokens_since.borrow_mut() = ended;
        sleep(2 * MINUTE).await;
        assert_no_herd(&server, ended, "all tokens ended");
        let tokens = server.requests.borrow();
        let renewed = tokens.iter().filter(|(at, what)| *at >= ended && *what == Asked::Token);
        assert_eq!(renewed.count() as u64, DEVICES);
    };
    fleet(&server, DEVICES, USUAL, story).await;
}

#[tokio::test(start_paused = true)]
async fn devices_that_were_started_in_one_second_do_not_march_in_step() {
    let server = Server::new(Mood::Up);
    let story = async {
        let mut minute = Instant::now() + 2 * MINUTE;
        sleep(12 * MINUTE).await;
        while minute + MINUTE < Instant::now() {
            assert_no_herd(&server, minute, "a usual minute");
            minute += MINUTE;
        }
    };
    fleet(&server, DEVICES, USUAL, story).await;
}

#[tokio::test(start_paused = true)]
async fn a_revoked_device_makes_at_most_24_requests_a_day_of_all_kinds_together() {
    let rare = Habits { heartbeat: DAY, config_poll: Duration::from_secs(300) };
    let eager = Habits { heartbeat: Duration::from_secs(15), config_poll: Duration::from_secs(15) };
    for habits in [USUAL, rare, eager] {
        for seed in 0..3 {
            let server = Server::new(Mood::Up);
            let story = async {
                sleep(HOUR).await;
                server.turns(Mood::Revoking);
                *server.tokens_since.borrow_mut() = Instant::now();
                server.requests.borrow_mut().clear();
                sleep(3 * DAY).await;
                let most = server.most_within(DAY);
                assert!((1..=24).contains(&most), "{most} requests within a day");
            };
            let local = LocalSet::new();
            local.spawn_local(Device::new(&server, habits, seed).live());
            local.run_until(story).await;
        }
    }
}
