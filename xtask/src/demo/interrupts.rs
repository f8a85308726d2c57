//! Ctrl-C and its kin, as something to wait for rather than a sudden end.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Signals that ask for the end. Every wait of the demo goes through this, so that
/// it ends at once and what was started is taken down in order.
pub(crate) struct Interrupts {
    signals: Receiver<i32>,
    arrived: Cell<u32>,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self> {
        let mut source = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("signals stay unheard")?;
        let (sender, signals) = channel();
        thread::spawn(move || source.forever().try_for_each(|signal| sender.send(signal)));
        Ok(Self { signals, arrived: Cell::new(0) })
    }

    /// Waits for so long, or until a signal arrives; says how many have arrived so far.
    pub(crate) fn wait(&self, time: Duration) -> u32 {
        if self.signals.recv_timeout(time).is_ok() {
            self.arrived.set(self.arrived.get() + 1);
        }
        self.arrived.get()
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Errors
    /// Fails when the time is over, or when one more signal arrives.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        time: Duration,
        mut ask: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let before = self.arrived.get();
        let deadline = Instant::now() + time;
        loop {
            if let Some(answer) = ask()? {
                return Ok(answer);
            }
            if self.wait(Duration::from_millis(20)) > before {
                bail!("interrupted while waiting for {what}");
            }
            if Instant::now() > deadline {
                bail!("{what} did not come within {} s", time.as_secs());
            }
        }
    }
}
