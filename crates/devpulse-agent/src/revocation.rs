//! What a revoked device still captures: no images from the moment on at which the server
//! says so, and after seven days nothing of the person at all.

use std::time::Duration;

use devpulse_pipeline::lane::Obstacle;
use devpulse_pipeline::sender::SenderState;
use devpulse_pipeline::wal::Wal;
use devpulse_protocol::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long an administrator has to take a revocation back without a hole in the record.
const GRACE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often a revoked device looks whether that time is over.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// What is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What the policy says.
    #[default]
    Everything,
    /// That, without images.
    NoImages,
    /// Only that the agent lives.
    Nothing,
}

impl Extent {
    /// What is left at `now` where the device is revoked since `since`.
    pub(crate) fn of(since: Option<Timestamp>, now: Timestamp) -> Self {
        match since {
            None => Self::Everything,
            Some(since) if now.since(since) < GRACE => Self::NoImages,
            Some(_) => Self::Nothing,
        }
    }

    /// What the log says, for the start.
    pub(crate) async fn known(wal: &Wal) -> Self {
        let since = wal.call(|store| Ok(store.ledger().revoked_since)).await;
        Self::of(since.unwrap_or_default(), Timestamp::now())
    }
}

/// Keeps the extent as it has to be, until `stop` is cancelled.
pub(crate) async fn watch(
    wal: Wal,
    mut sender: watch::Receiver<SenderState>,
    extent: watch::Sender<Extent>,
    stop: CancellationToken,
) {
    loop {
        let (was, attempts) = {
            let state = sender.borrow_and_update();
            (is_revoked(&state), state.attempts)
        };
        let now = Extent::known(&wal).await;
        extent.send_if_modified(|extent| std::mem::replace(extent, now) != now);
        let look = async {
            match now {
                Extent::NoImages => tokio::time::sleep(LOOK).await,
                Extent::Everything | Extent::Nothing => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = look => {}
            // A revocation of an earlier run ends with an attempt that says nothing of it.
            changed = sender.wait_for(|state| {
                is_revoked(state) != was
                    || (now != Extent::Everything && state.attempts != attempts)
            }) => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

fn is_revoked(state: &SenderState) -> bool {
    state.events.as_ref().is_some_and(|blocked| blocked.obstacle == Obstacle::Revoked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_stop_at_once_and_the_rest_after_seven_days() {
        let revoked = Timestamp::from_millis(1_000_000);
        let after = |days: u64| revoked.plus(Duration::from_secs(days * 24 * 60 * 60));
        assert_eq!(Extent::of(None, after(400)), Extent::Everything);
        assert_eq!(Extent::of(Some(revoked), revoked), Extent::NoImages);
        assert_eq!(Extent::of(Some(revoked), after(6)), Extent::NoImages);
        assert_eq!(Extent::of(Some(revoked), after(7)), Extent::Nothing);
    }
}
