//! What the workspace and other programs announce, heard on the main thread.

use std::ffi::c_void;
use std::ptr::NonNull;

use block2::RcBlock;
use objc2::MainThreadMarker;
use objc2::rc::Retained;
use objc2::runtime::{AnyObject, NSObjectProtocol, ProtocolObject};
use objc2_app_kit::NSWorkspace;
use objc2_core_foundation::{
    CFDictionary, CFNotificationCenter, CFNotificationSuspensionBehavior, CFRetained, CFString,
};
use objc2_foundation::{NSNotification, NSNotificationCenter, NSNotificationName};

/// Listens to the workspace until it is dropped.
pub(super) struct Workspace {
    center: Retained<NSNotificationCenter>,
    token: Retained<ProtocolObject<dyn NSObjectProtocol>>,
}

impl Workspace {
    /// Calls `told` whenever the workspace announces `name`.
    pub(super) fn listen(
        _main: MainThreadMarker,
        name: &NSNotificationName,
        told: impl Fn() + 'static,
    ) -> Self {
        let center = NSWorkspace::sharedWorkspace().notificationCenter();
        let block = RcBlock::new(move |_: NonNull<NSNotification>| told());
        // SAFETY: the workspace announces on the main thread, where the block was made.
        let token = unsafe {
            center.addObserverForName_object_queue_usingBlock(Some(name), None, None, &block)
        };
        Self { center, token }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let token: &AnyObject = self.token.as_ref();
        // SAFETY: the token is that of an observer of this centre.
        unsafe { self.center.removeObserver(token) };
    }
}

type Told = Box<dyn Fn(&str)>;

/// Listens to what programs announce to all others, until it is dropped.
pub(super) struct Distributed {
    center: CFRetained<CFNotificationCenter>,
    told: Box<Told>,
}

impl Distributed {
    /// Calls `told` with the name whenever one of `names` is announced, also while this
    /// program is in the background. `None` where there is no login session.
    pub(super) fn listen(
        _main: MainThreadMarker,
        names: &[&'static str],
        told: impl Fn(&str) + 'static,
    ) -> Option<Self> {
        let center = CFNotificationCenter::distributed_center()?;
        let told: Box<Told> = Box::new(Box::new(told));
        let listener = Self { center, told };
        for name in names {
            let name = CFString::from_static_str(name);
            // SAFETY: the observer lives until it is removed, on the thread that calls it.
            unsafe {
                listener.center.add_observer(
                    listener.observer(),
                    Some(announced),
                    Some(&name),
                    std::ptr::null(),
                    CFNotificationSuspensionBehavior::DeliverImmediately,
                );
            }
        }
        Some(listener)
    }

    fn observer(&self) -> *const c_void {
        std::ptr::from_ref::<Told>(&self.told).cast()
    }
}

impl Drop for Distributed {
    fn drop(&mut self) {
        // SAFETY: this is the observer that was added, and it is called on this thread only.
        unsafe { self.center.remove_every_observer(self.observer()) };
    }
}

unsafe extern "C-unwind" fn announced(
    _center: *mut CFNotificationCenter,
    observer: *mut c_void,
    name: *const CFString,
    _object: *const c_void,
    _info: *const CFDictionary,
) {
    // SAFETY: the observer was added with this type, and is removed before it is dropped.
    let told = unsafe { observer.cast::<Told>().as_ref() };
    // SAFETY: the system lends the name for the time of the call.
    let name = unsafe { name.as_ref() };
    if let (Some(told), Some(name)) = (told, name) {
        told(&name.to_string());
    }
}
