//! A thread that owns a connection, and the queue of work before it.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::StoreError;

/// Work that waits is committed together, but no more of it than this.
const GROUP: usize = 64;

type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Outcome + Send>;

enum Message {
    Job(Job),
    Close(oneshot::Sender<()>),
}

/// What became of a job, to be told once the fate of its transaction is known.
struct Outcome {
    keep: bool,
    tell: Box<dyn FnOnce(Result<(), StoreError>)>,
}

pub(super) struct Worker {
    queue: Sender<Message>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}

impl Worker {
    /// Starts the thread that commits.
    pub(super) fn writer(connection: Connection) -> std::io::Result<Self> {
        Self::start("store-writer", connection, |connection, jobs| {
            run_group(connection, "BEGIN IMMEDIATE", jobs);
        })
    }

    /// Starts the thread that only reads.
    pub(super) fn reader(connection: Connection) -> std::io::Result<Self> {
        Self::start("store-reader", connection, |connection, jobs| {
            run_group(connection, "BEGIN", jobs);
        })
    }

    fn start(
        name: &str,
        connection: Connection,
        run: fn(&Connection, Vec<Job>),
    ) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(connection, &waiting, run))?;
        Ok(Self { queue })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection.and_then(work);
            Outcome {
                keep: result.is_ok(),
                tell: Box::new(move |committed| {
                    // A caller that went away no longer wants to know.
                    sender.send(result.and_then(|value| committed.map(|()| value))).ok();
                }),
            }
        });
        self.queue.send(Message::Job(job)).map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) {
        let (sender, closed) = oneshot::channel();
        if self.queue.send(Message::Close(sender)).is_ok() {
            closed.await.ok();
        }
    }
}

fn serve(connection: Connection, waiting: &Receiver<Message>, run: fn(&Connection, Vec<Job>)) {
    while let Ok(message) = waiting.recv() {
        let mut next = Some(message);
        let mut jobs = Vec::new();
        let mut closing = None;
        while let Some(message) = next.take() {
            match message {
                Message::Job(job) => jobs.push(job),
                Message::Close(sender) => {
                    closing = Some(sender);
                    break;
                }
            }
            if jobs.len() < GROUP {
                next = waiting.try_recv().ok();
            }
        }
        run(&connection, jobs);
        if let Some(sender) = closing {
            drop(connection);
            sender.send(()).ok();
            return;
        }
    }
}

/// Runs the jobs in one transaction. A job that fails is undone alone; a commit
/// that fails is the failure of all.
fn run_group(connection: &Connection, begin: &str, jobs: Vec<Job>) {
    if jobs.is_empty() {
        return;
    }
    if let Err(cause) = execute(connection, begin) {
        let cause = Arc::new(cause);
        for job in jobs {
            let outcome = job(Err(StoreError::Commit(Arc::clone(&cause))));
            (outcome.tell)(Ok(()));
        }
        return;
    }
    let outcomes: Vec<Outcome> = jobs.into_iter().map(|job| run_job(connection, job)).collect();
    let committed = execute(connection, "COMMIT").map_err(Arc::new);
    if !connection.is_autocommit()
        && let Err(cause) = execute(connection, "ROLLBACK")
    {
        tracing::error!(%cause, "a transaction could not be rolled back");
    }
    for outcome in outcomes {
        (outcome.tell)(committed.clone().map_err(StoreError::Commit));
    }
}

fn run_job(connection: &Connection, job: Job) -> Outcome {
    if let Err(cause) = execute(connection, "SAVEPOINT job") {
        return job(Err(cause.into()));
    }
    let outcome = job(Ok(connection));
    let undone = if outcome.keep { Ok(()) } else { execute(connection, "ROLLBACK TO job") };
    match undone.and_then(|()| execute(connection, "RELEASE job")) {
        Ok(()) => outcome,
        // SQLite has ended the transaction by itself, so that COMMIT will fail for all.
        Err(cause) => {
            tracing::error!(%cause, "a savepoint was lost");
            outcome
        }
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Worker {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t(x INTEGER UNIQUE)").unwrap();
        Worker::writer(connection).unwrap()
    }

    fn insert(connection: &Connection, x: i64) -> Result<(), StoreError> {
        connection.execute("INSERT INTO t VALUES(?)", [x])?;
        Ok(())
    }

    async fn sum(worker: &Worker) -> i64 {
        worker
            .run(|connection| {
                Ok(connection
                    .query_row("SELECT total(x) FROM t", [], |row| row.get::<_, f64>(0))?)
            })
            .await
            .unwrap() as i64
    }

    #[tokio::test]
    async fn a_job_that_fails_is_undone_and_its_neighbours_are_kept() {
        let worker = table();
        let good = worker.run(|connection| insert(connection, 1));
        let bad = worker.run(|connection| {
            insert(connection, 2)?;
            insert(connection, 2)
        });
        let later = worker.run(|connection| insert(connection, 4));
        let (good, bad, later) = tokio::join!(good, bad, later);
        assert!(good.is_ok() && bad.is_err() && later.is_ok());
        assert_eq!(sum(&worker).await, 5);
    }

    #[tokio::test]
    async fn a_transaction_that_is_lost_is_the_failure_of_all_who_shared_it() {
        let worker = table();
        let good = worker.run(|connection| insert(connection, 1));
        let fatal = worker.run(|connection| {
            insert(connection, 2)?;
            connection.execute_batch("ROLLBACK")?;
            Ok(())
        });
        let (good, fatal) = tokio::join!(good, fatal);
        assert!(fatal.is_err());
        assert_eq!(sum(&worker).await, i64::from(good.is_ok()));
    }

    #[tokio::test]
    async fn work_after_closing_is_refused() {
        let worker = table();
        worker.close().await;
        let late = worker.run(|connection| insert(connection, 1)).await;
        assert!(matches!(late, Err(StoreError::Closed)));
    }
}
