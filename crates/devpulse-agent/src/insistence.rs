//! Asking the event log again while the agent starts: a disk that fails for a moment must
//! not keep the agent from running, as it does not later.

use std::time::Duration;

use devpulse_pipeline::wal::WalError;

/// How often the log is asked in all.
const TRIES: u32 = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Does `work` until the log does not fail in a way that may pass.
///
/// # Errors
/// Fails as `work` does, the last time.
pub(crate) async fn insist<R, F>(work: impl Fn() -> F) -> Result<R, WalError>
where
    F: Future<Output = Result<R, WalError>>,
{
    for _ in 1..TRIES {
        match work().await {
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "the event log failed at the start; it is asked again");
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            done => return done,
        }
    }
    work().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::*;

    fn passing() -> WalError {
        WalError::Damaged(rusqlite::Error::InvalidQuery)
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_passes_is_no_failure() {
        let tries = Cell::new(0);
        let asked = insist(async || {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(passing()) } else { Ok(tries.get()) }
        });
        assert_eq!(asked.await.ok(), Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_stays_is_told_and_one_of_another_kind_at_once() {
        let tries = Cell::new(0);
        let asked = insist::<(), _>(async || {
            tries.set(tries.get() + 1);
            Err(passing())
        });
        assert!(matches!(asked.await, Err(WalError::Damaged(_))));
        assert_eq!(tries.get(), 4);
        let asked = insist::<(), _>(async || {
            tries.set(tries.get() + 1);
            Err(WalError::Create(io::ErrorKind::PermissionDenied.into()))
        });
        assert!(matches!(asked.await, Err(WalError::Create(_))));
        assert_eq!(tries.get(), 5);
    }
}
