//! Work on a task of its own: a panic ends it alone, and dropping it ends it too.

use std::future::Future;

use tokio::task::JoinHandle;

/// Work on a task of its own.
pub(super) struct OwnTask<T>(JoinHandle<T>);

/// The work panicked. What it said then went to the log.
#[derive(Debug)]
pub(super) struct Panicked;

impl<T: Send + 'static> OwnTask<T> {
    pub(super) fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Returns once the work has ended. Loses nothing when dropped.
    pub(super) async fn end(&mut self) -> Result<T, Panicked> {
        (&mut self.0).await.map_err(|_| Panicked)
    }
}

impl<T> Drop for OwnTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
