use std::sync::atomic::{AtomicUsize, Ordering};

use devpulse_protocol::{Config, Timestamp};
use tokio::time::timeout;

use super::*;
use crate::capture::{Capture, CaptureHandle};
use crate::captured::Captured;
use crate::hook::{Backends, BoxFuture, Observation};
use crate::policy::CapturePolicy;
use crate::signals::SignalStatus;

/// Says once what it sees; then it does what it was made for.
struct Short(Signal, Fate);

#[derive(Clone, Copy)]
enum Fate {
    Panics,
    Stays,
}

impl Hook for Short {
    fn signal(&self) -> Signal {
        self.0
    }

    fn backend(&self) -> &'static str {
        "short"
    }

    fn run(
        self: Box<Self>,
        out: Observations,
        _: CancellationToken,
    ) -> BoxFuture<Result<(), HookError>> {
        Box::pin(async move {
            let observation = match self.0 {
                Signal::Focus => Observation::NoWindow,
                _ => Observation::Input,
            };
            out.send(observation, out.now()).await;
            match self.1 {
                Fate::Panics => {
                    sleep(Duration::from_secs(3)).await;
                    panic!("a title that nobody must read");
                }
                Fate::Stays => std::future::pending().await,
            }
        })
    }
}

/// A backend whose hooks have these fates one after the other, the last for ever.
fn backend(signal: Signal, fates: &'static [Fate]) -> Probe {
    let opened = AtomicUsize::new(0);
    let open = move |_: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        let number = opened.fetch_add(1, Ordering::Relaxed).min(fates.len() - 1);
        let fate = fates[number];
        Box::pin(async move { Ok(Box::new(Short(signal, fate)) as Box<dyn Hook>) })
    };
    Probe { backend: "short", open: Arc::new(open) }
}

fn panicking_probe() -> Probe {
    let open = |_: &Desktop| -> BoxFuture<Result<Box<dyn Hook>, Refusal>> {
        panic!("a title that nobody must read")
    };
    Probe { backend: "clumsy", open: Arc::new(open) }
}

fn start(backends: Backends) -> (CaptureHandle, mpsc::Receiver<Captured>) {
    let (clock, _) = Clock::steady(Timestamp::from_millis(1_000_000));
    let (out, events) = mpsc::channel(64);
    let policy = CapturePolicy::from_config(&Config::default(), [0; 32]);
    (Capture::start_at(clock, policy, Desktop::default(), backends, out), events)
}

async fn becomes(handle: &CaptureHandle, signal: Signal, state: CapabilityState) -> SignalStatus {
    let mut signals = handle.signals();
    let wanted = signals.wait_for(|signals| signals.get(signal).state == state);
    let reached = timeout(Duration::from_secs(60), wanted).await.unwrap().unwrap();
    reached.get(signal).clone()
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_is_reported_and_started_again_while_the_others_go_on() {
    let focus = vec![backend(Signal::Focus, &[Fate::Panics, Fate::Stays])];
    let idle = vec![backend(Signal::Idle, &[Fate::Stays])];
    let (handle, _events) = start(Backends { focus, idle, ..Backends::default() });
    becomes(&handle, Signal::Focus, CapabilityState::Ok).await;
    let lost = becomes(&handle, Signal::Focus, CapabilityState::Unavailable).await;
    let detail = lost.detail.unwrap();
    assert!(detail.contains("fault of its own"), "{detail}");
    assert!(!detail.contains("title"), "{detail}");
    becomes(&handle, Signal::Idle, CapabilityState::Ok).await;
    becomes(&handle, Signal::Focus, CapabilityState::Ok).await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_leaves_its_place_to_the_next() {
    let focus = vec![panicking_probe(), backend(Signal::Focus, &[Fate::Stays])];
    let (handle, _events) = start(Backends { focus, ..Backends::default() });
    let served = becomes(&handle, Signal::Focus, CapabilityState::Ok).await;
    assert_eq!(served.backend.as_deref(), Some("short"));
}

#[test]
fn of_all_refusals_the_one_is_told_that_a_person_can_do_most_about() {
    let absent = Refusal::Absent("no display".to_owned());
    let unfit = Refusal::Unfit("another desktop's".to_owned());
    let failed = [Refusal::Failed("first".to_owned()), Refusal::Failed("second".to_owned())];
    let all = [absent.clone(), unfit.clone(), failed[0].clone(), failed[1].clone()];
    assert_eq!(Refusal::most_telling(&all), Some(&failed[0]));
    assert_eq!(Refusal::most_telling(&[absent, unfit.clone()]), Some(&unfit));
    assert_eq!(Refusal::most_telling(&[]), None);
}
