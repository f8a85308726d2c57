//! What stands between crates that ask the system in our place and the rest: a thread of
//! their own, a deadline, and limits to what they are believed.
//!
//! `active-win-pos-rs`, `user-idle` and `xcap` ask once and return. Each has been seen to panic,
//! to hang, to lose a whole answer over one part of it, or to tell what cannot be. What they
//! tell is therefore taken as a claim: the pure functions below say what is left of it.

#[cfg(any(windows, target_os = "macos", test))]
pub(crate) mod idle;
pub(crate) mod picture;
#[cfg(any(windows, test))]
pub(crate) mod window;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// Asks on a thread of its own, one question at a time.
#[derive(Clone)]
pub(crate) struct Guard {
    asked: &'static str,
    deadline: Duration,
    is_asked: Arc<AtomicBool>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// It takes too long.
    #[error("{0} did not answer within {ms} ms", ms = .1.as_millis())]
    TimedOut(&'static str, Duration),
    /// It still thinks about the question before.
    #[error("{0} has not answered an earlier question yet")]
    Busy(&'static str),
    /// It panicked.
    #[error("{0} failed in the middle of its answer")]
    Panicked(&'static str),
    /// There is no thread for it.
    #[error("there is no thread for {0}")]
    NoThread(&'static str, #[source] io::Error),
}

impl Guard {
    /// Guards what is asked by this name, as people read it.
    pub(crate) fn new(asked: &'static str, deadline: Duration) -> Self {
        Self { asked, deadline, is_asked: Arc::default() }
    }

    /// The answer, within the deadline. Blocks for that long at the most.
    ///
    /// A question that hangs keeps its thread; no other is asked before it has ended.
    ///
    /// # Errors
    /// Fails where there is no answer; the question may end later, unheard.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GuardError> {
        if self.is_asked.swap(true, Ordering::AcqRel) {
            return Err(GuardError::Busy(self.asked));
        }
        let asked = Asked(Arc::clone(&self.is_asked));
        let (answer, answered) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name(self.asked.to_owned()).spawn(move || {
            let result = question();
            drop(asked);
            // Nobody waits any more where the deadline has passed.
            answer.send(result).ok();
        });
        thread.map_err(|error| GuardError::NoThread(self.asked, error))?;
        answered.recv_timeout(self.deadline).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => GuardError::TimedOut(self.asked, self.deadline),
            mpsc::RecvTimeoutError::Disconnected => GuardError::Panicked(self.asked),
        })
    }
}

/// Says that the next question may be asked when dropped, even by a panic.
struct Asked(Arc<AtomicBool>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_handed_on() {
        assert_eq!(Guard::new("it", LONG).ask(|| 7).unwrap(), 7);
    }

    #[test]
    fn a_question_that_hangs_is_given_up_and_the_next_is_asked_once_it_has_ended() {
        let hasty = Guard::new("it", Duration::ZERO);
        let (release, held) = mpsc::channel::<()>();
        let hung = hasty.ask(move || held.recv().is_ok()).unwrap_err();
        assert_eq!(hung.to_string(), "it did not answer within 0 ms");
        let busy = hasty.ask(|| ()).unwrap_err();
        assert_eq!(busy.to_string(), "it has not answered an earlier question yet");
        drop(release);
        while hasty.is_asked.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let patient = Guard { deadline: LONG, ..hasty };
        assert_eq!(patient.ask(|| 7).unwrap(), 7);
    }

    #[test]
    fn a_panic_costs_its_question_and_nothing_else() {
        let guard = Guard::new("it", LONG);
        let panicked = guard.ask(|| assert_eq!(1, 2)).unwrap_err();
        assert_eq!(panicked.to_string(), "it failed in the middle of its answer");
        assert_eq!(guard.ask(|| 7).unwrap(), 7);
    }
}
