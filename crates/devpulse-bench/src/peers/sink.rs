//! The server of the peers: it takes what comes, knows the events in it by their numbers, and
//! answers with an error when it is told to.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use devpulse_lab::{Fault, FaultProxy, Reply};

/// How the number of an event is written in its title: `ev` and so many digits.
const DIGITS: usize = 8;

pub(super) struct Sink {
    layer: FaultProxy,
    status: Arc<AtomicU16>,
    seen: Arc<Mutex<HashMap<u64, usize>>>,
}

impl Sink {
    pub(super) fn start() -> Self {
        // Nothing is ever passed on, so that nobody has to be there.
        let layer = FaultProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 9)));
        let status = Arc::new(AtomicU16::new(200));
        let seen = Arc::<Mutex<HashMap<u64, usize>>>::default();
        let (answer, numbers) = (Arc::clone(&status), Arc::clone(&seen));
        layer.set(move |request| {
            let status = answer.load(Ordering::SeqCst);
            if status == 200 {
                let mut seen = numbers.lock().unwrap_or_else(PoisonError::into_inner);
                for number in numbers_in(&request.body) {
                    *seen.entry(number).or_default() += 1;
                }
            }
            let kind = request.header("content-type").unwrap_or("application/json").to_owned();
            let body = if kind.contains("json") { "{}" } else { "" };
            Fault::answer(Reply::status(status).with("content-type", &kind).holding(body))
        });
        Self { layer, status, seen }
    }

    pub(super) fn url(&self) -> String {
        self.layer.url()
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.url().strip_prefix("http://")?.parse().ok()
    }

    /// From now on everything is answered like this; only 200 takes events.
    pub(super) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The events that were taken, and how often each was.
    pub(super) fn seen(&self) -> HashMap<u64, usize> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The numbers of the events in a body, of whatever format it is.
pub(super) fn numbers_in(body: &[u8]) -> impl Iterator<Item = u64> {
    body.windows(2 + DIGITS).filter_map(|window| {
        let digits = window.strip_prefix(b"ev")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_their_numbers_wherever_they_stand() {
        let found: Vec<u64> =
            numbers_in(b"\x00ev00000012 a\x01{\"t\":\"ev00000007\"}ev1").collect();
        assert_eq!(found, [12, 7]);
    }
}
