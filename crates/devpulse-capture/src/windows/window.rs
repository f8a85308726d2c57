//! What Windows says of a window.

use windows_sys::Win32::Foundation::{HWND, LPARAM, RECT};
use windows_sys::Win32::Graphics::Dwm::{
    DWMWA_CLOAKED, DWMWA_EXTENDED_FRAME_BOUNDS, DwmGetWindowAttribute,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    EnumWindows, FindWindowExW, GWL_EXSTYLE, GetForegroundWindow, GetWindowLongW, GetWindowRect,
    GetWindowThreadProcessId, InternalGetWindowText, IsIconic, IsWindowVisible,
};
use windows_sys::core::BOOL;
use windows_sys::w;

use super::program;
use crate::guard::window::{WindowReading, title_from_utf16};
use crate::screenshot::Area;

/// Units of UTF-16 that are read of a title.
const LONGEST_TITLE: usize = 8192;

/// What shows the windows of applications from the store.
const FRAME_HOST: &str = "ApplicationFrameHost";

/// The window with the focus; `None` where no window has it, or one of another desktop: the
/// lock screen, or a question of the system.
pub(super) fn focused() -> Option<HWND> {
    // SAFETY: takes nothing.
    let window = unsafe { GetForegroundWindow() };
    (!window.is_null()).then_some(window)
}

/// What is told of the window.
pub(super) fn read(window: HWND) -> WindowReading {
    let mut pid = process(window);
    let mut program = pid.and_then(program::of_process);
    let hosts = program.as_deref().and_then(|program| program.file_stem());
    if hosts.is_some_and(|name| name == FRAME_HOST)
        && let Some(hosted) = hosted(window)
    {
        program = program::of_process(hosted);
        pid = Some(hosted);
    }
    WindowReading { window: window as u64, pid, title: title(window), program }
}

/// Its title, which is never asked of its process: that may hang.
pub(super) fn title(window: HWND) -> Option<String> {
    let mut units = vec![0_u16; LONGEST_TITLE];
    // SAFETY: the room is as long as it is said to be.
    let length = unsafe { InternalGetWindowText(window, units.as_mut_ptr(), LONGEST_TITLE as i32) };
    title_from_utf16(&units[..usize::try_from(length).unwrap_or_default().min(LONGEST_TITLE)])
}

/// The process that made it.
pub(super) fn process(window: HWND) -> Option<u32> {
    let mut pid = 0;
    // SAFETY: there is a place for the number; a window that is gone writes none.
    unsafe { GetWindowThreadProcessId(window, &raw mut pid) };
    (pid != 0).then_some(pid)
}

/// Every window at the top level, from the uppermost down.
pub(super) fn all() -> Vec<HWND> {
    let mut windows: Vec<HWND> = Vec::new();
    // SAFETY: the list outlives the call, which calls back on this thread only.
    unsafe { EnumWindows(Some(collect), (&raw mut windows) as LPARAM) };
    windows
}

/// Whether any of it is on the screen, as far as Windows knows.
pub(super) fn is_shown(window: HWND) -> bool {
    // SAFETY: a window that is gone is neither.
    unsafe { IsWindowVisible(window) != 0 && IsIconic(window) == 0 && !is_cloaked(window) }
}

/// Bits of its extended style.
pub(super) fn extended_style(window: HWND) -> u32 {
    // SAFETY: a window that is gone has none.
    unsafe { GetWindowLongW(window, GWL_EXSTYLE) }.cast_unsigned()
}

/// Where it is, its frame included and its shadow not. `None` where it has no extent.
pub(super) fn area(window: HWND) -> Option<Area> {
    let mut edges = RECT::default();
    // SAFETY: there is a place for the edges, as long as it is said to be.
    let told = unsafe {
        let room = size_of::<RECT>() as u32;
        let place = (&raw mut edges).cast();
        DwmGetWindowAttribute(window, DWMWA_EXTENDED_FRAME_BOUNDS as u32, place, room)
    };
    // SAFETY: as above.
    if told != 0 && unsafe { GetWindowRect(window, &raw mut edges) } == 0 {
        return None;
    }
    let side = |from: i32, to: i32| u32::try_from(to.checked_sub(from)?).ok().filter(|&l| l > 0);
    let (width, height) = (side(edges.left, edges.right)?, side(edges.top, edges.bottom)?);
    Some(Area { x: edges.left, y: edges.top, width, height })
}

fn is_cloaked(window: HWND) -> bool {
    let mut cloaked = 0_u32;
    // SAFETY: there is a place for the answer, as long as it is said to be.
    let told = unsafe {
        let place = (&raw mut cloaked).cast();
        DwmGetWindowAttribute(window, DWMWA_CLOAKED as u32, place, size_of::<u32>() as u32)
    };
    told == 0 && cloaked != 0
}

/// The process of the application inside of a frame.
fn hosted(frame: HWND) -> Option<u32> {
    let class = w!("Windows.UI.Core.CoreWindow");
    // SAFETY: the class ends with a zero.
    let inner = unsafe { FindWindowExW(frame, std::ptr::null_mut(), class, std::ptr::null()) };
    if inner.is_null() { None } else { process(inner) }
}

unsafe extern "system" fn collect(window: HWND, list: LPARAM) -> BOOL {
    // SAFETY: the list is the one that `all` holds.
    unsafe { (*(list as *mut Vec<HWND>)).push(window) };
    1
}
