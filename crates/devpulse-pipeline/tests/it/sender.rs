use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use devpulse_pipeline::batcher::BatchPolicy;
use devpulse_pipeline::lane::Obstacle;
use devpulse_pipeline::sender::{Sender, SenderPolicy};
use devpulse_pipeline::wal::{BatchLimits, NewImage, Wal, Which};
use devpulse_pipeline::{
    Answer, Call, HttpAnswer, Outcome, OutgoingBatch, OutgoingImage, ReceiptMode, TlsFault,
    TransportFault, Uplink,
};
use devpulse_protocol::{BatchId, EventId};
use tempfile::{TempDir, tempdir};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::{event, events, open};

/// A server that stores what it accepts, refuses what is poisoned, and first gives the
/// answers that the test scripted.
#[derive(Default)]
struct Server {
    script: Mutex<VecDeque<Outcome>>,
    poison: Mutex<HashSet<EventId>>,
    poison_status: u16,
    stored: Mutex<HashSet<EventId>>,
    duplicates: Mutex<u64>,
    requests: Mutex<Vec<(BatchId, Bytes)>>,
    images: Mutex<Vec<String>>,
}

impl Server {
    fn scripted(script: impl IntoIterator<Item = Outcome>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() })
    }

    fn stored(&self) -> HashSet<EventId> {
        self.stored.lock().unwrap().clone()
    }

    fn requests(&self) -> Vec<(BatchId, Bytes)> {
        self.requests.lock().unwrap().clone()
    }

    fn accept(&self, batch: &OutgoingBatch) -> Outcome {
        let mut stored = self.stored.lock().unwrap();
        let new = batch.event_ids.iter().filter(|&&id| stored.insert(id)).count();
        let duplicates = batch.event_ids.len() - new;
        *self.duplicates.lock().unwrap() += duplicates as u64;
        let receipt = format!(
            r#"{{"batch_id":"{}","accepted":{new},"duplicates":{duplicates},"rejected":[],"config_version":4}}"#,
            batch.batch_id
        );
        Outcome::Http(HttpAnswer {
            status: 200,
            content_type: Some("application/json".to_owned()),
            body: Bytes::from(receipt),
            ..HttpAnswer::default()
        })
    }
}

#[async_trait]
impl Uplink for Server {
    async fn send_batch(&self, batch: &OutgoingBatch) -> Answer {
        self.requests.lock().unwrap().push((batch.batch_id, batch.body.clone()));
        let scripted = self.script.lock().unwrap().pop_front();
        let poisoned = {
            let poison = self.poison.lock().unwrap();
            batch.event_ids.iter().any(|id| poison.contains(id))
        };
        let outcome = match scripted {
            Some(outcome) => outcome,
            None if poisoned => status(self.poison_status),
            None => self.accept(batch),
        };
        Answer { call: Call::Batch, outcome }
    }

    async fn send_image(&self, image: &OutgoingImage) -> Answer {
        self.images.lock().unwrap().push(image.sha256.clone());
        Answer { call: Call::Image, outcome: status(201) }
    }
}

fn status(status: u16) -> Outcome {
    Outcome::Http(HttpAnswer { status, ..HttpAnswer::default() })
}

fn start(home: &TempDir, server: &Arc<Server>, max_events: usize) -> (Wal, Sender) {
    let wal = Wal::start(open(home.path())).unwrap();
    let limits = BatchLimits { max_events, max_bytes: 1024 * 1024 };
    let batch = BatchPolicy { limits, max_interval: Duration::from_millis(100) };
    let policy =
        SenderPolicy { batch, history: Duration::from_secs(3600), receipts: ReceiptMode::Receipt };
    let (_, policy) = {
        let (sender, receiver) = watch::channel(policy);
        // Nothing changes the policy here, and the lanes end when it can no longer change.
        std::mem::forget(sender);
        ((), receiver)
    };
    let uplink: Arc<dyn Uplink> = Arc::clone(server) as Arc<dyn Uplink>;
    let sender = Sender::start(&wal, &uplink, &policy);
    (wal, sender)
}

/// Hurries the sender, and waits until `enough` events still wait.
async fn until_pending(wal: &Wal, sender: &Sender, enough: u64) {
    sender.handle().hurry(Instant::now() + Duration::from_secs(30)).await;
    let mut state = wal.state();
    let reached = state.wait_for(|state| state.pending <= enough);
    tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap().unwrap();
}

async fn until_stored(server: &Server, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.stored().len() < count {
        assert!(Instant::now() < deadline, "{} of {count} are stored", server.stored().len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn append(wal: &Wal, count: u32) -> Vec<EventId> {
    let group = events(count);
    let ids = group.iter().map(|event| event.event_id).collect();
    wal.call(move |store| store.append(&group)).await.unwrap();
    ids
}

#[tokio::test]
async fn what_waits_is_delivered_once_and_stays_readable() {
    let home = tempdir().unwrap();
    let server = Server::scripted([]);
    let (wal, sender) = start(&home, &server, 100);
    let ids = append(&wal, 250).await;
    until_pending(&wal, &sender, 0).await;
    assert_eq!(server.stored(), ids.iter().copied().collect());
    assert_eq!(server.requests().len(), 3);
    let sent = wal.call(|store| store.list(Which::Sent, 0, 1000)).await.unwrap();
    assert_eq!(sent.iter().map(|listed| listed.event_id).collect::<Vec<_>>(), ids);
    assert_eq!(*sender.handle().config_version().borrow(), Some(4));
}

#[tokio::test]
async fn a_retry_is_the_same_id_and_the_same_bytes() {
    let home = tempdir().unwrap();
    let server = Server::scripted([
        status(500),
        Outcome::Fault(TransportFault::Broken),
        status(429),
        Outcome::Http(HttpAnswer {
            status: 200,
            content_type: Some("text/html".to_owned()),
            body: Bytes::from_static(b"<html>Sign in</html>"),
            ..HttpAnswer::default()
        }),
    ]);
    let (wal, sender) = start(&home, &server, 100);
    append(&wal, 10).await;
    until_pending(&wal, &sender, 0).await;
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[tokio::test]
async fn one_poisoned_event_among_a_thousand_ends_alone_in_the_dead_letters() {
    let home = tempdir().unwrap();
    let server = Arc::new(Server { poison_status: 400, ..Server::default() });
    let group = events(1000);
    let poison = group[437].event_id;
    server.poison.lock().unwrap().insert(poison);
    let (wal, sender) = start(&home, &server, 1000);
    wal.call(move |store| store.append(&group)).await.unwrap();
    until_pending(&wal, &sender, 0).await;

    assert_eq!(server.stored().len(), 999);
    assert!(!server.stored().contains(&poison));
    assert!(server.requests().len() <= 25, "{} requests", server.requests().len());
    let dead = wal.call(|store| store.list(Which::Dead, 0, 10)).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.event_id).collect::<Vec<_>>(), [poison]);
    assert_eq!(dead[0].status, Some(400));
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let home = tempdir().unwrap();
    let server = Server::scripted([status(413), status(413)]);
    let (wal, sender) = start(&home, &server, 100);
    let ids = append(&wal, 64).await;
    until_pending(&wal, &sender, 0).await;
    assert_eq!(server.stored(), ids.into_iter().collect());
    assert_eq!(*server.duplicates.lock().unwrap(), 0);
}

#[tokio::test]
async fn an_event_that_fails_the_server_does_not_hold_up_the_others() {
    let home = tempdir().unwrap();
    let server = Arc::new(Server { poison_status: 500, ..Server::default() });
    let group = events(8);
    let poison = group[0].event_id;
    server.poison.lock().unwrap().insert(poison);
    let (wal, sender) = start(&home, &server, 4);
    wal.call(move |store| store.append(&group)).await.unwrap();
    until_pending(&wal, &sender, 1).await;
    assert_eq!(server.stored().len(), 7);
    // Each other event that is accepted is a reason to try this one again.
    for stored in 8..=10 {
        append(&wal, 1).await;
        until_stored(&server, stored).await;
    }
    until_pending(&wal, &sender, 0).await;
    assert_eq!(server.stored().len(), 10);
    let dead = wal.call(|store| store.list(Which::Dead, 0, 10)).await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.event_id).collect::<Vec<_>>(), [poison]);
}

#[tokio::test]
async fn a_server_that_refuses_everything_condemns_nothing() {
    let home = tempdir().unwrap();
    let server = Server::scripted((0..1000).map(|_| status(400)));
    let (wal, sender) = start(&home, &server, 100);
    append(&wal, 100).await;
    let mut state = sender.handle().state();
    let blocked = state.wait_for(|state| {
        state.events.as_ref().is_some_and(|blocked| blocked.obstacle == Obstacle::ConfigBlocked)
    });
    tokio::time::timeout(Duration::from_secs(20), blocked).await.unwrap().unwrap();
    assert!(server.requests().len() <= 12, "{} requests", server.requests().len());
    assert_eq!(wal.state().borrow().pending, 100);
}

#[tokio::test]
async fn what_was_refused_while_everything_was_is_delivered_in_the_end() {
    let home = tempdir().unwrap();
    let server = Server::scripted((0..12).map(|_| status(400)));
    let (wal, sender) = start(&home, &server, 100);
    let ids = append(&wal, 100).await;
    until_pending(&wal, &sender, 0).await;
    assert_eq!(server.stored(), ids.into_iter().collect());
    assert_eq!(wal.call(|store| Ok(store.ledger().dead)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lone_refused_event_leaves_the_way_open_for_the_next_one() {
    let home = tempdir().unwrap();
    let server = Arc::new(Server { poison_status: 422, ..Server::default() });
    let poisoned = event(0);
    server.poison.lock().unwrap().insert(poisoned.event_id);
    let (wal, sender) = start(&home, &server, 100);
    wal.call(move |store| store.append(&[poisoned])).await.unwrap();
    let mut state = sender.handle().state();
    let blocked = state.wait_for(|state| {
        state.events.as_ref().is_some_and(|blocked| blocked.obstacle == Obstacle::ConfigBlocked)
    });
    tokio::time::timeout(Duration::from_secs(20), blocked).await.unwrap().unwrap();

    append(&wal, 1).await;
    let mut state = wal.state();
    let drained = state.wait_for(|state| state.pending == 0);
    tokio::time::timeout(Duration::from_secs(20), drained).await.unwrap().unwrap();
    assert_eq!(wal.call(|store| Ok(store.ledger().dead)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_refused_token_and_a_revoked_device_are_pauses() {
    for (answer, obstacle) in [
        (status(401), Obstacle::AuthBlocked),
        (Outcome::NoKey("the keychain is locked".to_owned()), Obstacle::NoKey),
        (status(404), Obstacle::ConfigBlocked),
        (
            Outcome::Http(HttpAnswer {
                status: 403,
                content_type: Some("application/problem+json".to_owned()),
                body: Bytes::from_static(br#"{"status":403,"code":"device_revoked"}"#),
                ..HttpAnswer::default()
            }),
            Obstacle::Revoked,
        ),
    ] {
        let home = tempdir().unwrap();
        let server = Server::scripted([answer]);
        let (wal, sender) = start(&home, &server, 100);
        append(&wal, 3).await;
        let mut state = sender.handle().state();
        let blocked = state.wait_for(|state| state.events.is_some());
        let blocked =
            tokio::time::timeout(Duration::from_secs(20), blocked).await.unwrap().unwrap().clone();
        assert_eq!(blocked.events.unwrap().obstacle, obstacle);
        assert_eq!(wal.state().borrow().pending, 3);
        let revoked = wal.call(|store| Ok(store.ledger().revoked_since)).await.unwrap();
        assert_eq!(revoked.is_some(), obstacle == Obstacle::Revoked);

        until_pending(&wal, &sender, 0).await;
        assert_eq!(server.stored().len(), 3);
        let revoked = wal.call(|store| Ok(store.ledger().revoked_since)).await.unwrap();
        assert_eq!(revoked, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pinned_key_that_is_back_is_found_without_anybodys_word() {
    let home = tempdir().unwrap();
    let mismatch = || Outcome::Fault(TransportFault::Tls(TlsFault::PinMismatch));
    let server = Server::scripted([mismatch(), mismatch()]);
    let (wal, sender) = start(&home, &server, 100);
    append(&wal, 3).await;
    let mut state = sender.handle().state();
    let blocked = state.wait_for(|state| state.events.is_some()).await.unwrap().clone();
    let blocked = blocked.events.unwrap();
    assert_eq!(blocked.obstacle, Obstacle::ConfigBlocked);
    assert_eq!(blocked.cause, "the server's key is none of those that are pinned");
    let begun = tokio::time::Instant::now();
    let mut waiting = wal.state();
    waiting.wait_for(|state| state.pending == 0).await.unwrap();
    let waited = begun.elapsed().as_secs();
    assert!((60..3 * 3600).contains(&waited), "{waited} s");
    assert_eq!((server.stored().len(), server.requests().len()), (3, 3));
}

#[tokio::test]
async fn images_follow_their_events() {
    let home = tempdir().unwrap();
    let server = Server::scripted([]);
    let (wal, sender) = start(&home, &server, 100);
    let bytes = Bytes::from(vec![7; 100_000]);
    let blobs = home.path().join("blobs");
    let image =
        NewImage::stage(wal.vault(), &blobs, &"07".repeat(32), "image/webp", &bytes).unwrap();
    let mut with_image = event(0);
    with_image.image = Some(image);
    wal.call(move |store| store.append(&[with_image])).await.unwrap();
    sender.handle().hurry(Instant::now() + Duration::from_secs(30)).await;
    let mut state = wal.state();
    let drained = state.wait_for(|state| state.pending == 0 && state.images_pending == 0);
    tokio::time::timeout(Duration::from_secs(20), drained).await.unwrap().unwrap();
    assert_eq!(*server.images.lock().unwrap(), ["07".repeat(32)]);
}

#[tokio::test]
async fn stopping_sends_what_waits_and_gives_up_at_the_first_obstacle() {
    let home = tempdir().unwrap();
    let server = Server::scripted([]);
    let (wal, sender) = start(&home, &server, 100);
    append(&wal, 10).await;
    sender.stop(Duration::from_secs(10)).await;
    assert_eq!(server.stored().len(), 10);

    let home = tempdir().unwrap();
    let server = Server::scripted((0..100).map(|_| Outcome::Fault(TransportFault::Unreachable)));
    let (wal_down, sender) = start(&home, &server, 100);
    append(&wal_down, 10).await;
    let begun = Instant::now();
    sender.stop(Duration::from_secs(60)).await;
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(wal_down.state().borrow().pending, 10);
    drop(wal);
}
