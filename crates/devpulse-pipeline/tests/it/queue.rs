use std::time::Duration;

use devpulse_pipeline::queue::{CAPACITY, Queue, Urgency};
use devpulse_pipeline::wal::{Snapshot, Wal, Which};
use devpulse_protocol::EventId;
use tempfile::{TempDir, tempdir};
use tokio_util::sync::CancellationToken;

use crate::support::{event, open};

fn start(home: &TempDir) -> (Queue, tokio::task::JoinHandle<()>, Wal) {
    let wal = Wal::start(open(home.path())).unwrap();
    let (queue, task) = Queue::start(wal.clone(), CancellationToken::new());
    (queue, task, wal)
}

#[tokio::test]
async fn an_acknowledged_event_is_in_the_file() {
    let home = tempdir().unwrap();
    let (queue, _task, wal) = start(&home);
    let event = event(1);
    let id = event.event_id;
    queue.push(event, Urgency::Urgent).await.unwrap().durable().await.unwrap();

    let copy = tempdir().unwrap();
    for name in ["wal.db", "wal.db-wal"] {
        std::fs::copy(home.path().join(name), copy.path().join(name)).unwrap();
    }
    let snapshot = Snapshot::open(&copy.path().join("wal.db")).unwrap().unwrap();
    assert_eq!(snapshot.list(wal.vault(), Which::Pending, 0, 10).unwrap()[0].event_id, id);
}

#[tokio::test]
async fn an_urgent_event_takes_those_before_it_along_in_their_order() {
    let home = tempdir().unwrap();
    let (queue, _task, wal) = start(&home);
    let mut expected = Vec::new();
    let mut tickets = Vec::new();
    for number in 0..10 {
        let event = event(number);
        expected.push(event.event_id);
        let urgency = if number == 9 { Urgency::Urgent } else { Urgency::Routine };
        tickets.push(queue.push(event, urgency).await.unwrap());
    }
    for ticket in tickets {
        ticket.durable().await.unwrap();
    }
    let stored: Vec<EventId> = wal
        .call(|store| store.list(Which::Pending, 0, 100))
        .await
        .unwrap()
        .into_iter()
        .map(|listed| listed.event_id)
        .collect();
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn everything_in_the_queue_is_committed_before_it_ends() {
    let home = tempdir().unwrap();
    let (queue, task, wal) = start(&home);
    for number in 0..200 {
        queue.push(event(number), Urgency::Routine).await.unwrap();
    }
    drop(queue);
    tokio::time::timeout(Duration::from_secs(10), task).await.unwrap().unwrap();
    assert_eq!(wal.state().borrow().pending, 200);
}

#[tokio::test]
async fn a_full_queue_makes_its_callers_wait_and_drops_nothing() {
    let home = tempdir().unwrap();
    let (queue, task, wal) = start(&home);
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let blocked = tokio::spawn({
        let wal = wal.clone();
        async move {
            wal.call(move |_| {
                gate.recv().unwrap();
                Ok(())
            })
            .await
        }
    });
    let total = CAPACITY * 3;
    let pusher = tokio::spawn({
        let queue = queue.clone();
        async move {
            for number in 0..total {
                queue.push(event(number as u32), Urgency::Routine).await.unwrap();
            }
        }
    });
    while queue.len() < CAPACITY {
        tokio::task::yield_now().await;
    }
    assert!(!pusher.is_finished());
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    pusher.await.unwrap();
    drop(queue);
    task.await.unwrap();
    assert_eq!(wal.state().borrow().pending, total as u64);
}

#[tokio::test]
async fn settling_commits_what_waits_and_adds_nothing() {
    let home = tempdir().unwrap();
    let (queue, _task, wal) = start(&home);
    for number in 0..3 {
        queue.push(event(number), Urgency::Routine).await.unwrap();
    }
    queue.settle().await.unwrap();
    assert_eq!(wal.state().borrow().pending, 3);
    queue.settle().await.unwrap();
    assert_eq!(wal.state().borrow().pending, 3);
}
