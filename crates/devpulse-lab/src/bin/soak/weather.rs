//! What goes wrong with requests, at random.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use devpulse_lab::{Fault, FaultProxy, Reply, Request, Spoil, Trouble};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// How much goes wrong, and what went wrong so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    permille: Arc<AtomicU32>,
    counts: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Weather {
    /// Puts it over a layer.
    pub(crate) fn over(proxy: &FaultProxy, seed: u64) -> Self {
        let weather = Self::default();
        let mut rng = StdRng::seed_from_u64(seed);
        let over = weather.clone();
        proxy.set(move |request| {
            let spared = request.is_enrollment() || request.path.contains("health");
            if spared || rng.random_range(0..1000) >= over.permille.load(Ordering::Relaxed) {
                return Fault::Pass;
            }
            let (kind, fault) = draw(request, &mut rng);
            *over.counts.lock().unwrap().entry(kind).or_default() += 1;
            fault
        });
        weather
    }

    /// From now on so many of a thousand requests go wrong.
    pub(crate) fn turn(&self, permille: u32) {
        self.permille.store(permille, Ordering::Relaxed);
    }

    /// How often each kind of fault was met.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap().clone()
    }
}

/// One fault. What blocks a device for hours without a `sync` is rare.
fn draw(request: &Request, rng: &mut StdRng) -> (&'static str, Fault) {
    let answer = |status| Fault::answer(Reply::status(status));
    let waiting = |status| Fault::answer(Reply::status(status).with("retry-after", "1"));
    match rng.random_range(0..100) {
        0..8 => ("500", answer(500)),
        8..14 => ("503 with Retry-After", waiting(503)),
        14..18 => ("429 with Retry-After", waiting(429)),
        18..22 => ("502, 504, 507 or 408", answer([502, 504, 507, 408][rng.random_range(0..4)])),
        22..26 => ("401", answer(401)),
        26..28 => ("403", answer(403)),
        28..29 => ("403 device_revoked", Fault::answer(Reply::problem(403, "device_revoked"))),
        29..31 => ("404", answer(404)),
        31..33 => ("409", answer(409)),
        33..35 => ("413", answer(413)),
        35..37 => ("400 or 422", answer([400, 422][rng.random_range(0..2)])),
        37..40 => {
            ("redirect to another host", Fault::answer(Reply::redirect(307, "http://127.0.0.1:9/")))
        }
        40..45 => ("captive portal", Fault::answer(Reply::page(200))),
        45..48 => ("204", answer(204)),
        48..58 => ("reset before the server", Fault::Before(Trouble::Reset)),
        58..72 => ("reset after the server", Fault::After(Spoil::Reset)),
        72..80 => ("answer cut", Fault::After(Spoil::Cut)),
        80..84 => ("answer trickles", Fault::After(Spoil::Slow(Duration::from_millis(2)))),
        84..88 => ("500 after the server", Fault::After(Spoil::Replace(Reply::status(500)))),
        88..94 if request.is_batch() => ("lying receipt", Fault::After(Spoil::Alter(lie))),
        94..96 => ("hangs before the server", Fault::Before(Trouble::Hang)),
        96..98 => ("hangs after the server", Fault::After(Spoil::Hang)),
        _ => ("empty 200", Fault::After(Spoil::Replace(Reply::status(200)))),
    }
}

/// A receipt that accounts for one event too many.
fn lie(reply: &mut Reply) {
    let Ok(mut receipt) = serde_json::from_slice::<Value>(&reply.body) else { return };
    if let Some(accepted) = receipt["accepted"].as_u64() {
        receipt["accepted"] = Value::from(accepted + 1);
        reply.body = receipt.to_string().into_bytes();
    }
}
