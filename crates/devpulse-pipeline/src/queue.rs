//! The bounded stage in front of the log: events wait here for the commit that they share.
//!
//! A group is committed when it holds 64 events, 50 ms after its first event while
//! events keep coming, 500 ms after it when it is quiet, and at once for an urgent one.
//! What arrives during a commit shares the next one. When the stage is full, whoever
//! has an event waits; nothing is ever dropped here.

use std::time::Duration;

use devpulse_protocol::{Seq, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::wal::{NewEvent, Store, Wal, WalError};

/// Events that wait at most; the next one has to wait outside.
pub const CAPACITY: usize = 1024;
/// A group of so many events is committed at once.
pub const GROUP_FULL: usize = 64;
/// A group never holds more events than this.
const GROUP_MOST: usize = 1000;
/// How long a group waits for company while events keep coming.
pub const BUSY_WAIT: Duration = Duration::from_millis(50);
/// How long a group waits for company when it is quiet.
pub const QUIET_WAIT: Duration = Duration::from_millis(500);
/// How long to wait before a group is tried again that could not be committed.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Takes events in. Cheap to clone; the queue ends when the last handle is dropped and
/// everything in it was committed.
#[derive(Clone, Debug)]
pub struct Queue {
    entries: mpsc::Sender<Entry>,
    trouble: watch::Receiver<Option<String>>,
    last_commit: watch::Receiver<Option<Timestamp>>,
}

/// Whether an event may wait for company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It may.
    Routine,
    /// Somebody waits for it, or the machine is about to stop.
    Urgent,
}

/// A promise that is kept once the event is committed and synced.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<Seq>);

/// The queue has ended; the event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event queue is closed")]
pub struct QueueClosed;

#[derive(Debug)]
enum Entry {
    Event {
        event: NewEvent,
        urgency: Urgency,
        durable: oneshot::Sender<Seq>,
    },
    /// Asks to be told once everything before it is committed.
    Barrier(oneshot::Sender<()>),
}

impl Entry {
    const fn is_urgent(&self) -> bool {
        matches!(self, Self::Barrier(_) | Self::Event { urgency: Urgency::Urgent, .. })
    }
}

impl Queue {
    /// Starts the queue's task. The returned handle ends when the last [`Queue`] was
    /// dropped and everything was committed, or when `give_up` says that no more
    /// attempts are to be made.
    #[must_use]
    pub fn start(
        wal: Wal,
        give_up: tokio_util::sync::CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (entries, waiting) = mpsc::channel(CAPACITY);
        let (report, trouble) = watch::channel(None);
        let (committed, last_commit) = watch::channel(None);
        let committer = Committer { wal, waiting, report, committed, give_up, last_commit: None };
        (Self { entries, trouble, last_commit }, tokio::spawn(committer.run()))
    }

    /// Puts an event in, waiting while the queue is full.
    ///
    /// # Errors
    /// Fails where the queue has ended.
    pub async fn push(&self, event: NewEvent, urgency: Urgency) -> Result<Ticket, QueueClosed> {
        let (durable, ticket) = oneshot::channel();
        let entry = Entry::Event { event, urgency, durable };
        self.entries.send(entry).await.map_err(|_| QueueClosed)?;
        Ok(Ticket(ticket))
    }

    /// Commits what waits, now, and returns once it is synced.
    ///
    /// # Errors
    /// Fails where the queue has ended.
    pub async fn settle(&self) -> Result<(), QueueClosed> {
        let (settled, waiting) = oneshot::channel();
        self.entries.send(Entry::Barrier(settled)).await.map_err(|_| QueueClosed)?;
        waiting.await.map_err(|_| QueueClosed)
    }

    /// Events that wait for their commit.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.max_capacity() - self.entries.capacity()
    }

    /// Whether nothing waits for its commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When events were last committed and synced; `None` before the first time.
    #[must_use]
    pub fn last_commit(&self) -> Option<Timestamp> {
        *self.last_commit.borrow()
    }

    /// Why events cannot be committed at present.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }
}

impl Ticket {
    /// Waits until the event is committed and synced.
    ///
    /// # Errors
    /// Fails where the queue ended before; then the event is not in the log.
    pub async fn durable(self) -> Result<Seq, QueueClosed> {
        self.0.await.map_err(|_| QueueClosed)
    }
}

/// When a group is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Now,
    At(Instant),
}

/// Decides when a group that holds `events` since `begun` is committed. It is busy when
/// the group began right after the commit before it.
fn due(events: usize, urgent: bool, begun: Instant, last_commit: Option<Instant>) -> Due {
    if urgent || events >= GROUP_FULL {
        return Due::Now;
    }
    let busy = last_commit.is_some_and(|commit| begun.duration_since(commit) < QUIET_WAIT);
    Due::At(begun + if busy { BUSY_WAIT } else { QUIET_WAIT })
}

struct Committer {
    wal: Wal,
    waiting: mpsc::Receiver<Entry>,
    report: watch::Sender<Option<String>>,
    committed: watch::Sender<Option<Timestamp>>,
    give_up: tokio_util::sync::CancellationToken,
    last_commit: Option<Instant>,
}

impl Committer {
    async fn run(mut self) {
        while let Some(first) = self.waiting.recv().await {
            let group = self.gather(first).await;
            if !self.commit(group).await {
                return;
            }
            self.last_commit = Some(Instant::now());
        }
    }

    /// Collects what shares a commit with `first`.
    async fn gather(&mut self, first: Entry) -> Vec<Entry> {
        let begun = Instant::now();
        let mut urgent = first.is_urgent();
        let mut group = vec![first];
        loop {
            while group.len() < GROUP_MOST {
                let Ok(entry) = self.waiting.try_recv() else {
                    break;
                };
                urgent |= entry.is_urgent();
                group.push(entry);
            }
            let Due::At(deadline) = due(group.len(), urgent, begun, self.last_commit) else {
                return group;
            };
            match tokio::time::timeout_at(deadline, self.waiting.recv()).await {
                Ok(Some(entry)) => {
                    urgent |= entry.is_urgent();
                    group.push(entry);
                }
                Ok(None) | Err(_) => return group,
            }
        }
    }

    /// Commits the group, trying until it succeeds. Returns whether it did.
    async fn commit(&self, group: Vec<Entry>) -> bool {
        let (mut events, mut promises, mut barriers) = (Vec::new(), Vec::new(), Vec::new());
        for entry in group {
            match entry {
                Entry::Event { event, durable, .. } => {
                    events.push(event);
                    promises.push(durable);
                }
                Entry::Barrier(settled) => barriers.push(settled),
            }
        }
        let events = std::sync::Arc::new(events);
        let mut attempts = 0_u32;
        loop {
            let group = std::sync::Arc::clone(&events);
            attempts += 1;
            let append = move |store: &mut Store| match attempts {
                1 => store.append(&group),
                _ => store.append_again(&group),
            };
            match self.wal.call(append).await {
                Ok(places) => {
                    self.report.send_if_modified(|trouble| trouble.take().is_some());
                    if !events.is_empty() {
                        self.committed.send_replace(Some(Timestamp::now()));
                    }
                    for (promise, seq) in promises.into_iter().zip(places) {
                        // Whoever submitted the event may not wait for it.
                        promise.send(seq).ok();
                    }
                    for settled in barriers {
                        settled.send(()).ok();
                    }
                    return true;
                }
                Err(WalError::Closed) => return false,
                Err(error) => {
                    tracing::warn!(%error, events = events.len(), "events cannot be committed yet");
                    self.report.send_replace(Some(error.to_string()));
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_WAIT) => {}
                () = self.give_up.cancelled() => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_waits_less_while_events_keep_coming() {
        let begun = Instant::now();
        let long_before = begun.checked_sub(Duration::from_secs(5));
        let just_before = begun.checked_sub(Duration::from_millis(100));
        assert_eq!(due(1, false, begun, None), Due::At(begun + QUIET_WAIT));
        assert_eq!(due(1, false, begun, long_before), Due::At(begun + QUIET_WAIT));
        assert_eq!(due(1, false, begun, just_before), Due::At(begun + BUSY_WAIT));
    }

    #[test]
    fn a_full_or_an_urgent_group_does_not_wait() {
        let now = Instant::now();
        assert_eq!(due(GROUP_FULL, false, now, None), Due::Now);
        assert_eq!(due(1, true, now, None), Due::Now);
        assert_ne!(due(GROUP_FULL - 1, false, now, None), Due::Now);
    }
}
