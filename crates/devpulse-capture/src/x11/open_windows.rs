//! The windows that are open now, whether they can be seen or not.

use std::collections::VecDeque;

use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, Window};

use super::connection::{Connection, gone};
use super::properties::{Properties, reply, text};
use crate::hook::{HookError, WindowFacts};

/// More windows than this are not listed.
const MAX_WINDOWS: u32 = 4096;
/// Windows that are searched where no window manager keeps a list.
const MAX_SEARCHED: usize = 4096;

/// The applications' windows, oldest first. Blocks.
pub(super) fn list(connection: &Connection) -> Result<Vec<WindowFacts>, HookError> {
    let properties = Properties::new(connection)?;
    let mut windows = managed(connection)?;
    if windows.is_empty() {
        windows = searched(connection)?;
    }
    let mut facts = Vec::with_capacity(windows.len());
    for window in windows {
        facts.extend(properties.facts(&connection.x, window)?);
    }
    Ok(facts)
}

/// What the window manager says, where there is one.
fn managed(connection: &Connection) -> Result<Vec<Window>, HookError> {
    let x = &*connection.x;
    let name = reply(x.intern_atom(false, b"_NET_CLIENT_LIST").map_err(gone)?.reply())?;
    let Some(name) = name else { return Ok(Vec::new()) };
    let list = x
        .get_property(false, connection.root(), name.atom, AtomEnum::WINDOW, 0, MAX_WINDOWS)
        .map_err(gone)?;
    let list = reply(list.reply())?;
    Ok(list.and_then(|list| list.value32().map(Iterator::collect)).unwrap_or_default())
}

/// The uppermost windows that bear an application's name.
fn searched(connection: &Connection) -> Result<Vec<Window>, HookError> {
    let x = &*connection.x;
    let mut found = Vec::new();
    let mut candidates = VecDeque::from([connection.root()]);
    for _ in 0..MAX_SEARCHED {
        let Some(candidate) = candidates.pop_front() else { break };
        let class = text(x, candidate, AtomEnum::WM_CLASS.into())?;
        if reply(class.reply())?.is_some_and(|class| !class.value.is_empty()) {
            found.push(candidate);
            continue;
        }
        let tree = reply(x.query_tree(candidate).map_err(gone)?.reply())?;
        candidates.extend(tree.into_iter().flat_map(|tree| tree.children));
    }
    Ok(found)
}
