//! The run loop of the main thread, on which macOS tells what happens. The tray app runs it
//! anyway, and the command line beside its work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dispatch2::DispatchQueue;
use objc2::MainThreadMarker;
use objc2::rc::autoreleasepool;
use objc2_core_foundation::{CFRunLoop, CFRunLoopRunResult, kCFRunLoopDefaultMode};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::hook::HookError;

/// A main thread that has not answered for so long runs no loop, or hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// Seconds after which the loop looks whether the work is done, should nobody tell it.
const LONGEST_TURN: f64 = 3600.0;

/// Does `work` on a thread of its own, and runs the main loop until it is done. Where this is
/// not the main thread, `work` is done here.
///
/// # Errors
/// Fails where there is no thread for the work, which is then not done.
pub(crate) fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    if MainThreadMarker::new().is_none() {
        return Ok(work());
    }
    let done = Arc::new(AtomicBool::new(false));
    let end = EndOfWork(Arc::clone(&done));
    let worker = thread::Builder::new().name("agent".to_owned()).spawn(move || {
        let _end = end;
        work()
    })?;
    while !done.load(Ordering::Acquire) {
        // SAFETY: the name of a mode, which nobody changes.
        let mode = unsafe { kCFRunLoopDefaultMode };
        let turn = CFRunLoop::run_in_mode(mode, LONGEST_TURN, false);
        if turn == CFRunLoopRunResult::Finished {
            break;
        }
    }
    worker.join().or_else(|panic| std::panic::resume_unwind(panic))
}

/// Ends the main loop when the work is done, even by a panic.
struct EndOfWork(Arc<AtomicBool>);

impl Drop for EndOfWork {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        // From within the loop: one that is not running yet is not stopped too early.
        DispatchQueue::main().exec_async(|| {
            if let Some(main) = CFRunLoop::main() {
                main.stop();
            }
        });
    }
}

/// Does `work` on the main thread.
///
/// # Errors
/// Fails where the main thread runs no loop.
pub(super) async fn on_main<T: Send + 'static>(
    work: impl FnOnce(MainThreadMarker) -> T + Send + 'static,
) -> Result<T, HookError> {
    let (done, answer) = oneshot::channel();
    DispatchQueue::main().exec_async(move || {
        let Some(main) = MainThreadMarker::new() else { return };
        if !done.is_closed() {
            // Where nobody waits any more, the answer is dropped here.
            done.send(autoreleasepool(|_| work(main))).ok();
        }
    });
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(HookError::new(
            "the main thread of this program does not listen to what macOS tells it",
        )),
    }
}

/// A value that was made on the main thread and is dropped there. Nobody reads it.
pub(super) struct OnMain<T: 'static>(Option<Kept<T>>);

/// What is moved between threads without being touched.
struct Kept<T>(T);

// SAFETY: the value is made and dropped on the main thread, and never read elsewhere.
unsafe impl<T> Send for Kept<T> {}
// SAFETY: a shared reference gives access to nothing.
unsafe impl<T> Sync for Kept<T> {}

impl<T> OnMain<T> {
    pub(super) fn new(value: T, _main: MainThreadMarker) -> Self {
        Self(Some(Kept(value)))
    }
}

impl<T> Drop for OnMain<T> {
    fn drop(&mut self) {
        if let Some(kept) = self.0.take() {
            DispatchQueue::main().exec_async(move || drop(kept));
        }
    }
}
