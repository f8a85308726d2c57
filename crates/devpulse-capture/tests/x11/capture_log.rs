//! What capture hands on, awaited with a deadline.

use std::time::Duration;

use devpulse_capture::{
    Capture, CaptureHandle, CapturePolicy, Captured, Desktop, Signal, SignalStatus,
};
use devpulse_protocol::{
    ActivityType, CapabilityState, Config, EventBody, Gap, Heartbeat, Screenshot, Timestamp, Window,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

/// The default settings, without a device's key.
pub(crate) fn policy() -> CapturePolicy {
    CapturePolicy::from_config(&Config::default(), [7; 32])
}

/// Capture, and what it hands on.
pub(crate) struct CaptureLog {
    pub(crate) handle: CaptureHandle,
    events: mpsc::Receiver<Captured>,
    windows: Vec<Window>,
}

impl CaptureLog {
    pub(crate) fn start(policy: CapturePolicy, desktop: Desktop) -> Self {
        let (out, events) = mpsc::channel(64);
        Self { handle: Capture::start(policy, desktop, out), events, windows: Vec::new() }
    }

    pub(crate) fn wall_now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Lets time pass on the desktop, as a person would.
    pub(crate) async fn passes(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn next(&mut self) -> Captured {
        let next = timeout(DEADLINE, self.events.recv()).await;
        let captured = next.expect("an event in time").unwrap();
        self.remember(&captured);
        captured
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(&EventBody) -> Option<T>) -> (Captured, T) {
        loop {
            let captured = self.next().await;
            if let Some(found) = wanted(&captured.body) {
                return (captured, found);
            }
        }
    }

    /// The next activity has to be this one.
    pub(crate) async fn activity(&mut self, expected: ActivityType) -> Captured {
        let (captured, activity) = self
            .until(|body| match body {
                EventBody::Activity(activity) => Some(activity.activity_type),
                _ => None,
            })
            .await;
        if activity == ActivityType::Started && expected != activity {
            return Box::pin(self.activity(expected)).await;
        }
        assert_eq!(activity, expected);
        captured
    }

    pub(crate) async fn window(&mut self) -> (Captured, Window) {
        self.until(|body| match body {
            EventBody::Window(window) => Some(window.clone()),
            _ => None,
        })
        .await
    }

    /// All windows up to the activity that ends capture.
    pub(crate) async fn windows_until_end(&mut self) -> Vec<Window> {
        let mut windows = Vec::new();
        self.until(|body| match body {
            EventBody::Window(window) => {
                windows.push(window.clone());
                None
            }
            EventBody::Activity(activity) => {
                (activity.activity_type == ActivityType::NormalShutdown).then_some(())
            }
            _ => None,
        })
        .await;
        windows
    }

    /// All windows that were handed on so far, also those that were passed over.
    pub(crate) fn all_windows(&mut self) -> Vec<Window> {
        while let Ok(captured) = self.events.try_recv() {
            self.remember(&captured);
        }
        std::mem::take(&mut self.windows)
    }

    fn remember(&mut self, captured: &Captured) {
        if let EventBody::Window(window) = &captured.body {
            self.windows.push(window.clone());
        }
    }

    pub(crate) async fn gap(&mut self) -> Gap {
        let (_, gap) = self
            .until(|body| match body {
                EventBody::Gap(gap) => Some(gap.clone()),
                _ => None,
            })
            .await;
        gap
    }

    pub(crate) async fn screenshot(&mut self) -> (Captured, Screenshot) {
        self.until(|body| match body {
            EventBody::Screenshot(screenshot) => Some(screenshot.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn heartbeat(&mut self) -> (Captured, Heartbeat) {
        self.until(|body| match body {
            EventBody::Heartbeat(heartbeat) => Some(heartbeat.clone()),
            _ => None,
        })
        .await
    }

    /// Nothing waits to be read.
    pub(crate) fn nothing(&mut self) {
        if let Ok(captured) = self.events.try_recv() {
            panic!("{:?}", captured.body);
        }
    }

    /// Nothing but windows waits to be read.
    pub(crate) fn nothing_but_windows(&mut self) {
        while let Ok(captured) = self.events.try_recv() {
            assert!(matches!(captured.body, EventBody::Window(_)), "{:?}", captured.body);
        }
    }

    /// Passes over what waits to be read.
    pub(crate) fn forget(&mut self) {
        while self.events.try_recv().is_ok() {}
    }

    pub(crate) fn status(&self, signal: Signal) -> SignalStatus {
        self.handle.signals().borrow().get(signal).clone()
    }

    pub(crate) async fn serves(&self, signal: Signal) {
        self.reaches(signal, |status| status.state == CapabilityState::Ok).await;
    }

    pub(crate) async fn serves_degraded(&self, signal: Signal) {
        self.reaches(signal, |status| status.state == CapabilityState::Degraded).await;
    }

    pub(crate) async fn unavailable(&self, signal: Signal) {
        self.reaches(signal, |status| status.state == CapabilityState::Unavailable).await;
    }

    pub(crate) async fn unavailable_because(&self, signal: Signal, reason: &str) {
        self.reaches(signal, |status| {
            status.state == CapabilityState::Unavailable
                && status.detail.as_ref().is_some_and(|detail| detail.contains(reason))
        })
        .await;
    }

    async fn reaches(&self, signal: Signal, wanted: impl Fn(&SignalStatus) -> bool) {
        let mut signals = self.handle.signals();
        let reached = signals.wait_for(|signals| wanted(signals.get(signal)));
        if timeout(DEADLINE, reached).await.is_err() {
            panic!("{signal:?} is {:?}", self.status(signal));
        }
    }
}

/// Both times are the same but for `tolerance`.
#[track_caller]
pub(crate) fn near(one: Timestamp, other: Timestamp, tolerance: Duration) {
    let apart = one.since(other).max(other.since(one));
    assert!(apart <= tolerance, "{one} and {other} are {apart:?} apart");
}

/// The WebP file shows one colour.
#[track_caller]
pub(crate) fn all_pixels_are(webp: &[u8], colour: [u8; 3]) {
    let image = webp::Decoder::new(webp).decode().unwrap();
    for pixel in image.chunks_exact(3) {
        let off = pixel.iter().zip(colour).map(|(have, want)| have.abs_diff(want)).max();
        assert!(off < Some(8), "{pixel:?} is not {colour:?}");
    }
}

/// The pixels of a PNG file.
pub(crate) fn png_pixels(png: &[u8]) -> Vec<[u8; 3]> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    bytes.as_chunks::<3>().0.to_vec()
}
