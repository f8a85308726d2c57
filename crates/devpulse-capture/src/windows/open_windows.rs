//! The windows that are open, for a person who wants to know what rules make of them.

use super::{program, window};
use crate::hook::WindowFacts;

/// Every window with a title that is not hidden.
pub(super) fn list() -> Vec<WindowFacts> {
    let shown = window::all().into_iter().filter(|&window| window::is_shown(window));
    let facts = shown.map(|window| {
        let reading = window::read(window);
        let app_name = reading.program.as_deref().and_then(program::app_name);
        WindowFacts { window: reading.window, title: reading.title, app_name, pid: reading.pid }
    });
    facts.filter(|facts| facts.title.is_some()).collect()
}
