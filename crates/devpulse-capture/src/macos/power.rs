//! Sleep, as the power management tells it. It waits for our answer before the machine
//! sleeps, for 30 seconds at the most.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dispatch2::{DispatchQueue, DispatchRetained};
use objc2_io_kit::{
    IOAllowPowerChange, IODeregisterForSystemPower, IONotificationPort, IONotificationPortRef,
    IORegisterForSystemPower, IOServiceClose, io_connect_t, io_object_t, io_service_t,
    kIOMessageCanSystemSleep, kIOMessageSystemHasPoweredOn, kIOMessageSystemWillSleep,
    kIOReturnSuccess,
};
use tokio::sync::mpsc;

use crate::hook::HookError;

/// What the power management says.
pub(super) enum PowerNews {
    /// The machine is about to sleep, and waits for the answer.
    FallingAsleep(Answer),
    /// The machine is awake.
    Awake,
}

/// Lets the machine sleep when it is dropped.
pub(super) struct Answer {
    root: io_connect_t,
    question: isize,
}

impl Drop for Answer {
    fn drop(&mut self) {
        let answered = IOAllowPowerChange(self.root, self.question);
        if answered != kIOReturnSuccess {
            tracing::debug!(answered, "the power management does not take the answer");
        }
    }
}

/// Listens until it is dropped.
pub(super) struct PowerWatch {
    queue: DispatchRetained<DispatchQueue>,
    port: Port,
    notifier: io_object_t,
    context: Arc<Context>,
}

struct Port(IONotificationPortRef);

// SAFETY: the port is used by its owner only, and may be used on any thread.
unsafe impl Send for Port {}
// SAFETY: a shared reference is never used.
unsafe impl Sync for Port {}

struct Context {
    news: mpsc::UnboundedSender<PowerNews>,
    /// The connection on which questions are answered; it is known only after registering.
    root: AtomicU32,
}

impl PowerWatch {
    /// Begins to listen.
    ///
    /// # Errors
    /// Fails where the power management does not answer.
    pub(super) fn listen(news: mpsc::UnboundedSender<PowerNews>) -> Result<Self, HookError> {
        let context = Arc::new(Context { news, root: AtomicU32::new(0) });
        let mut port = std::ptr::null_mut();
        let mut notifier = 0;
        // SAFETY: the context outlives what is registered, and the rest is ours to be written.
        let root = unsafe {
            IORegisterForSystemPower(
                Arc::as_ptr(&context).cast_mut().cast(),
                &raw mut port,
                Some(told),
                &raw mut notifier,
            )
        };
        if root == 0 || port.is_null() {
            return Err(HookError::new("the power management does not tell of sleep"));
        }
        context.root.store(root, Ordering::Release);
        let queue = DispatchQueue::new("dev.devpulse.power", None);
        // SAFETY: the port was just made; nothing is told before it has its queue.
        unsafe { IONotificationPort::set_dispatch_queue(port, Some(&queue)) };
        Ok(Self { queue, port: Port(port), notifier, context })
    }
}

impl Drop for PowerWatch {
    fn drop(&mut self) {
        let root = self.context.root.load(Ordering::Acquire);
        let (port, notifier) = (&self.port, &mut self.notifier);
        // On the queue, so that nothing is told meanwhile.
        self.queue.exec_sync(move || {
            // SAFETY: both are those that were registered, and nobody uses them afterwards.
            unsafe {
                IODeregisterForSystemPower(notifier);
                IONotificationPort::destroy(port.0);
            }
            IOServiceClose(root);
        });
    }
}

unsafe extern "C-unwind" fn told(
    context: *mut c_void,
    _service: io_service_t,
    message: u32,
    argument: *mut c_void,
) {
    // SAFETY: the context was given with this type, and outlives what was registered.
    let Some(context) = (unsafe { context.cast::<Context>().as_ref() }) else { return };
    let answer =
        || Answer { root: context.root.load(Ordering::Acquire), question: argument as isize };
    // Where nobody listens any more, the answer comes back and is given at once.
    if message == kIOMessageCanSystemSleep {
        // Whether it may sleep is the person's to say.
        drop(answer());
    } else if message == kIOMessageSystemWillSleep {
        context.news.send(PowerNews::FallingAsleep(answer())).ok();
    } else if message == kIOMessageSystemHasPoweredOn {
        context.news.send(PowerNews::Awake).ok();
    }
}
