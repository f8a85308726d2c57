//! A thread with a hidden window: what Windows tells is told to windows, and to the thread
//! that made them. It sleeps while there is no message.
//!
//! The window is a top-level one that is never shown: those that are for messages only hear
//! nothing of sleep and shutdown.

use std::cell::RefCell;
use std::{io, ptr, thread};

use tokio::sync::oneshot;
use windows_sys::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
use windows_sys::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DefWindowProcW, DispatchMessageW, GetMessageW, MSG, PostMessageW,
    PostQuitMessage, RegisterClassW, WM_APP, WM_CLOSE, WM_DESTROY, WNDCLASSW,
};
use windows_sys::w;

use crate::hook::HookError;

/// The first of the messages that mean what the one who handles them says.
pub(super) const OWN_MESSAGE: u32 = WM_APP + 1;

const CLASS: windows_sys::core::PCWSTR = w!("DevPulseHooks");

/// A message to the window.
#[derive(Clone, Copy)]
pub(super) struct Message {
    pub(super) kind: u32,
    pub(super) wparam: WPARAM,
}

/// Handles messages, on the thread of the pump. Returns what Windows is answered, or `None` to
/// have the message handled as usual.
pub(super) type Handler = Box<dyn FnMut(Message) -> Option<LRESULT>>;

thread_local! {
    static HANDLER: RefCell<Option<Handler>> = const { RefCell::new(None) };
}

/// The thread; it ends when this is dropped.
pub(super) struct Pump {
    window: isize,
    ended: oneshot::Receiver<()>,
}

impl Pump {
    /// Starts the thread. `build` runs on it, is given the window, and returns what handles
    /// its messages; that is dropped on the thread, too.
    ///
    /// # Errors
    /// Fails where there is no thread or no window, or `build` fails.
    pub(super) async fn start(
        name: &str,
        build: impl FnOnce(HWND) -> Result<Handler, HookError> + Send + 'static,
    ) -> Result<Self, HookError> {
        let (started, starting) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            match open(build) {
                Ok(window) => {
                    // Where nobody waits any more, the window is closed again at once.
                    if started.send(Ok(window as isize)).is_err() {
                        close(window as isize);
                    }
                    turn();
                }
                Err(error) => {
                    started.send(Err(error)).ok();
                }
            }
            HANDLER.take();
            ending.send(()).ok();
        });
        thread.map_err(|error| HookError::with_source("there is no thread for messages", error))?;
        let window = starting
            .await
            .map_err(|error| HookError::with_source("the thread for messages is gone", error))??;
        Ok(Self { window, ended })
    }

    /// Sends the window a message and returns at once.
    pub(super) fn post(&self, message: u32) {
        post(self.window as HWND, message, 0, 0);
    }

    /// Returns when the thread has ended.
    pub(super) async fn ended(&mut self) -> HookError {
        (&mut self.ended).await.ok();
        HookError::new("the window for messages was closed")
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        close(self.window);
    }
}

/// Puts a message into the queue of a window.
pub(super) fn post(window: HWND, message: u32, wparam: WPARAM, lparam: LPARAM) {
    // SAFETY: a window that is gone makes the call fail, and nothing else.
    if unsafe { PostMessageW(window, message, wparam, lparam) } == 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "a message was not taken");
    }
}

/// The last error of the system on this thread, with what was tried.
pub(super) fn failed(what: &str) -> HookError {
    HookError::with_source(what, io::Error::last_os_error())
}

fn close(window: isize) {
    post(window as HWND, WM_CLOSE, 0, 0);
}

fn open(build: impl FnOnce(HWND) -> Result<Handler, HookError>) -> Result<HWND, HookError> {
    // SAFETY: asks for the program itself, which stays.
    let program = unsafe { GetModuleHandleW(ptr::null()) };
    let class = WNDCLASSW {
        lpfnWndProc: Some(handle),
        hInstance: program,
        lpszClassName: CLASS,
        ..Default::default()
    };
    // SAFETY: the structure is valid during the call. A class that is there already is ours.
    unsafe { RegisterClassW(&raw const class) };
    // SAFETY: the class is registered, and the texts end with a zero.
    let window = unsafe {
        let (none, parent) = (ptr::null_mut(), ptr::null_mut());
        CreateWindowExW(0, CLASS, CLASS, 0, 0, 0, 0, 0, parent, none, program, ptr::null())
    };
    if window.is_null() {
        return Err(failed("no window for messages can be made"));
    }
    let handler = build(window)?;
    HANDLER.set(Some(handler));
    Ok(window)
}

/// Hands on messages until the window is closed.
fn turn() {
    let mut message = MSG::default();
    // SAFETY: there is a place for the message. Zero is the end, less is an error.
    while unsafe { GetMessageW(&raw mut message, ptr::null_mut(), 0, 0) } > 0 {
        // SAFETY: the message is the one that was taken just now.
        unsafe { DispatchMessageW(&raw const message) };
    }
}

unsafe extern "system" fn handle(
    window: HWND,
    kind: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> LRESULT {
    if kind == WM_DESTROY {
        // SAFETY: ends the loop of this thread, whatever its state.
        unsafe { PostQuitMessage(0) };
        return 0;
    }
    let message = Message { kind, wparam };
    let answer = HANDLER.with(|handler| {
        // What arrives while another message is handled is handled as usual.
        let mut handler = handler.try_borrow_mut().ok()?;
        handler.as_mut()?(message)
    });
    // SAFETY: the arguments are those of this call.
    answer.unwrap_or_else(|| unsafe { DefWindowProcW(window, kind, wparam, lparam) })
}
