//! Titles, by the accessibility interface: it reads them, and tells when they change.

use std::ffi::c_void;
use std::ptr::NonNull;

use objc2::MainThreadMarker;
use objc2_application_services::{AXError, AXObserver, AXUIElement};
use objc2_core_foundation::{
    CFRetained, CFRunLoop, CFRunLoopSource, CFString, CFType, kCFRunLoopCommonModes,
};
use tokio::sync::mpsc;

/// Seconds that another program has to answer.
const PATIENCE: f32 = 0.5;

const FOCUSED_WINDOW: &str = "AXFocusedWindow";
const TITLE: &str = "AXTitle";

/// What changes the title that counts.
const CHANGES: [&str; 3] = ["AXFocusedWindowChanged", "AXMainWindowChanged", "AXTitleChanged"];

/// The title of the window with the focus in this process. Blocks for a second at the most.
pub(super) fn focused_title(pid: i32) -> Option<String> {
    let window = attribute(&application(pid), FOCUSED_WINDOW)?;
    let window = window.downcast_ref::<AXUIElement>()?;
    // SAFETY: the element is alive.
    let patience = unsafe { window.set_messaging_timeout(PATIENCE) };
    if patience != AXError::Success {
        return None;
    }
    let title = attribute(window, TITLE)?;
    super::window::title(&title.downcast_ref::<CFString>()?.to_string())
}

fn application(pid: i32) -> CFRetained<AXUIElement> {
    // SAFETY: any number is taken; one of no process answers nothing.
    let application = unsafe { AXUIElement::new_application(pid) };
    // SAFETY: the element is alive.
    let patience = unsafe { application.set_messaging_timeout(PATIENCE) };
    if patience != AXError::Success {
        tracing::debug!(error = patience.0, "the accessibility interface keeps its own patience");
    }
    application
}

fn attribute(element: &AXUIElement, name: &'static str) -> Option<CFRetained<CFType>> {
    let mut value = std::ptr::null::<CFType>();
    let name = CFString::from_static_str(name);
    // SAFETY: the value is ours to be written.
    let error = unsafe { element.copy_attribute_value(&name, NonNull::from(&mut value)) };
    let value = NonNull::new(value.cast_mut()).filter(|_| error == AXError::Success)?;
    // SAFETY: what is copied is ours to release.
    Some(unsafe { CFRetained::from_raw(value) })
}

/// Tells when the title of a process changes, until it is dropped.
pub(super) struct TitleWatch {
    source: CFRetained<CFRunLoopSource>,
    /// Its end is the end of what it observes.
    _observer: CFRetained<AXObserver>,
    _told: Box<mpsc::Sender<()>>,
}

impl TitleWatch {
    /// Watches the process; `None` where it tells of nothing.
    pub(super) fn of(pid: i32, told: mpsc::Sender<()>, _main: MainThreadMarker) -> Option<Self> {
        let told = Box::new(told);
        let mut observer = std::ptr::null_mut::<AXObserver>();
        // SAFETY: the observer is ours to be written.
        let error = unsafe { AXObserver::create(pid, Some(changed), NonNull::from(&mut observer)) };
        let observer = NonNull::new(observer).filter(|_| error == AXError::Success)?;
        // SAFETY: what is created is ours to release.
        let observer = unsafe { CFRetained::from_raw(observer) };
        let application = application(pid);
        let context = std::ptr::from_ref::<mpsc::Sender<()>>(&told).cast_mut().cast();
        let heard = CHANGES.into_iter().filter(|name| {
            let name = CFString::from_static_str(name);
            // SAFETY: the context lives as long as the observer, and is used on this thread only.
            let error = unsafe { observer.add_notification(&application, &name, context) };
            error == AXError::Success
        });
        if heard.count() == 0 {
            return None;
        }
        // SAFETY: the observer is alive.
        let source = unsafe { observer.run_loop_source() };
        // SAFETY: the name of the modes, which nobody changes.
        let modes = unsafe { kCFRunLoopCommonModes };
        CFRunLoop::main()?.add_source(Some(&source), modes);
        Some(Self { source, _observer: observer, _told: told })
    }
}

impl Drop for TitleWatch {
    fn drop(&mut self) {
        // SAFETY: the name of the modes, which nobody changes.
        let modes = unsafe { kCFRunLoopCommonModes };
        if let Some(main) = CFRunLoop::main() {
            main.remove_source(Some(&self.source), modes);
        }
    }
}

unsafe extern "C-unwind" fn changed(
    _observer: NonNull<AXObserver>,
    _element: NonNull<AXUIElement>,
    _name: NonNull<CFString>,
    context: *mut c_void,
) {
    // SAFETY: the context was given with this type, and outlives the observer.
    if let Some(told) = unsafe { context.cast::<mpsc::Sender<()>>().as_ref() } {
        // One that was not taken yet says the same.
        told.try_send(()).ok();
    }
}
