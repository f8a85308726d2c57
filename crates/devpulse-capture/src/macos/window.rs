//! Windows as the window server lists them, front to back, in points of the desktop.

use objc2_core_foundation::{
    CFArray, CFDictionary, CFNumber, CFRetained, CFString, CFType, CGRect,
};
use objc2_core_graphics::{
    CGRectMakeWithDictionaryRepresentation, CGWindowListCopyWindowInfo, CGWindowListOption,
    kCGNullWindowID, kCGWindowBounds, kCGWindowLayer, kCGWindowName, kCGWindowNumber,
    kCGWindowOwnerName, kCGWindowOwnerPID,
};

use crate::hook::WindowFacts;
use crate::screenshot::{Area, VisibleWindow};

/// The layer of ordinary windows; menus, the Dock and the desktop have others.
const ORDINARY: i64 = 0;

/// Characters up to which a title is kept. Nobody reads on, and a title may be of any length.
const LONGEST_TITLE: usize = 4096;

/// A window as it is listed.
pub(super) struct Listed {
    /// Tells it from others while it exists.
    pub(super) number: u64,
    pub(super) pid: Option<u32>,
    layer: i64,
    app_name: Option<String>,
    /// Only told where Screen Recording is permitted.
    pub(super) title: Option<String>,
    area: Option<Area>,
}

/// The foremost ordinary window of a process.
pub(super) fn foremost_of(pid: u32) -> Option<Listed> {
    shown()?.into_iter().find(|window| window.pid == Some(pid) && window.layer == ORDINARY)
}

/// What can be seen. Nothing counts as covered: whether a window can be seen through is not
/// told, and to hide too much is the lesser mistake. `None` where nothing is told.
pub(super) fn visible() -> Option<Vec<VisibleWindow>> {
    let windows = shown()?.into_iter().filter_map(|window| {
        let areas = vec![window.area?];
        Some(VisibleWindow { app_name: window.app_name, title: window.title, areas })
    });
    Some(windows.collect())
}

/// Every ordinary window, whether it is shown or not.
pub(super) fn open() -> Option<Vec<WindowFacts>> {
    let all = list(CGWindowListOption::OptionAll | CGWindowListOption::ExcludeDesktopElements)?;
    let windows = all.into_iter().filter(|window| window.layer == ORDINARY);
    let facts = windows.map(|window| WindowFacts {
        window: window.number,
        title: window.title,
        app_name: window.app_name,
        pid: window.pid,
    });
    Some(facts.collect())
}

fn shown() -> Option<Vec<Listed>> {
    list(CGWindowListOption::OptionOnScreenOnly | CGWindowListOption::ExcludeDesktopElements)
}

fn list(which: CGWindowListOption) -> Option<Vec<Listed>> {
    let list = CGWindowListCopyWindowInfo(which, kCGNullWindowID)?;
    // SAFETY: the list is documented to hold dictionaries with strings as keys.
    let list = unsafe { CFRetained::cast_unchecked::<CFArray<Entry>>(list) };
    Some(list.iter().filter_map(|entry| listed(&entry)).collect())
}

type Entry = CFDictionary<CFString, CFType>;

fn listed(entry: &Entry) -> Option<Listed> {
    // SAFETY: the names of keys, which nobody changes.
    let [number, pid, layer, owner, name, bounds] = unsafe {
        [
            kCGWindowNumber,
            kCGWindowOwnerPID,
            kCGWindowLayer,
            kCGWindowOwnerName,
            kCGWindowName,
            kCGWindowBounds,
        ]
    };
    Some(Listed {
        number: u64::try_from(integer(entry, number)?).ok()?,
        pid: integer(entry, pid).and_then(|pid| u32::try_from(pid).ok()),
        layer: integer(entry, layer).unwrap_or(ORDINARY),
        app_name: text(entry, owner),
        title: text(entry, name),
        area: area(entry, bounds),
    })
}

fn integer(entry: &Entry, key: &CFString) -> Option<i64> {
    entry.get(key)?.downcast_ref::<CFNumber>()?.as_i64()
}

fn text(entry: &Entry, key: &CFString) -> Option<String> {
    title(&entry.get(key)?.downcast_ref::<CFString>()?.to_string())
}

/// A title as it is kept: none that is blank, and none that is too long.
pub(super) fn title(told: &str) -> Option<String> {
    let title: String = told.chars().take(LONGEST_TITLE).collect();
    (!title.trim().is_empty()).then_some(title)
}

fn area(entry: &Entry, key: &CFString) -> Option<Area> {
    let bounds = entry.get(key)?;
    let bounds = bounds.downcast_ref::<CFDictionary>()?;
    let mut rect = CGRect::default();
    // SAFETY: the rectangle is ours to be written.
    let is_told = unsafe { CGRectMakeWithDictionaryRepresentation(Some(bounds), &raw mut rect) };
    is_told.then(|| outline(rect))
}

/// The whole points that a rectangle touches.
pub(super) fn outline(rect: CGRect) -> Area {
    let (left, top) = (rect.origin.x.floor(), rect.origin.y.floor());
    let right = (rect.origin.x + rect.size.width.max(0.0)).ceil();
    let bottom = (rect.origin.y + rect.size.height.max(0.0)).ceil();
    // A conversion from a float ends at the limits of the integer.
    Area {
        x: left as i32,
        y: top as i32,
        width: (right - left) as u32,
        height: (bottom - top) as u32,
    }
}
