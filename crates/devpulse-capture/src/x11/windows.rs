//! Which windows can be seen, and what of them.

use std::collections::VecDeque;

use x11rb::connection::RequestConnection;
use x11rb::protocol::shape::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, MapState, Window};

use super::connection::{Connection, gone};
use super::properties::{Properties, reply, text};
use crate::hook::HookError;
use crate::screenshot::{Area, Coverage, VisibleWindow};

/// Windows below the frame of a window manager that are searched for a name.
const MAX_SEARCHED: usize = 1024;

/// A window at the top of the tree: a frame with its application's window inside, or the
/// latter alone.
struct Top {
    area: Area,
    app_name: Option<String>,
    title: Option<String>,
    opacity: Opacity,
}

/// Whether what lies under a window can be seen through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opacity {
    Opaque,
    Unknown,
}

/// The windows that are mapped, without what opaque windows above them cover. Blocks.
pub(super) fn visible(
    connection: &Connection,
    properties: &Properties,
) -> Result<Vec<VisibleWindow>, HookError> {
    let x = &connection.x;
    let tree = reply(x.query_tree(connection.root()).map_err(gone)?.reply())?;
    let children = tree.map(|tree| tree.children).unwrap_or_default();
    let mut tops = Vec::new();
    for window in children {
        tops.extend(top(connection, properties, window)?);
    }
    let mut coverage = Coverage::default();
    let mut visible = Vec::new();
    for top in tops.into_iter().rev() {
        let seen = coverage.seen(top.area);
        if top.opacity == Opacity::Opaque {
            coverage.cover(top.area);
        }
        if !seen.is_empty() {
            visible.push(VisibleWindow { app_name: top.app_name, title: top.title, areas: seen });
        }
    }
    Ok(visible)
}

/// A mapped child of the root; `None` where it is not mapped or belongs to nobody.
fn top(
    connection: &Connection,
    properties: &Properties,
    window: Window,
) -> Result<Option<Top>, HookError> {
    let x = &*connection.x;
    let attributes = x.get_window_attributes(window).map_err(gone)?;
    let geometry = x.get_geometry(window).map_err(gone)?;
    let translucent = text(x, window, properties.atoms._NET_WM_WINDOW_OPACITY)?;
    let attributes = reply(attributes.reply())?;
    let geometry = reply(geometry.reply())?;
    let translucent = reply(translucent.reply())?.is_some_and(|p| !p.value.is_empty());
    let (Some(attributes), Some(geometry)) = (attributes, geometry) else { return Ok(None) };
    if attributes.map_state != MapState::VIEWABLE {
        return Ok(None);
    }
    let Some(client) = named(connection, window)? else { return Ok(None) };
    let Some(facts) = properties.facts(x, client)? else { return Ok(None) };
    let same_depth = geometry.depth == connection.screen().root_depth;
    let opaque = same_depth && !translucent && !is_shaped(connection, window)?;
    let border = u32::from(geometry.border_width) * 2;
    Ok(Some(Top {
        area: Area {
            x: i32::from(geometry.x),
            y: i32::from(geometry.y),
            width: u32::from(geometry.width) + border,
            height: u32::from(geometry.height) + border,
        },
        app_name: facts.app_name,
        title: facts.title,
        opacity: if opaque { Opacity::Opaque } else { Opacity::Unknown },
    }))
}

/// The first window at or below `window` that bears an application's name. A frame may
/// have dozens of windows of its own, below the application's in the stack: the search begins
/// at the top, and what it cannot finish is an error, because a rule may hide it.
fn named(connection: &Connection, window: Window) -> Result<Option<Window>, HookError> {
    let x = &*connection.x;
    let mut candidates = VecDeque::from([window]);
    for _ in 0..MAX_SEARCHED {
        let Some(candidate) = candidates.pop_front() else { return Ok(None) };
        let class = text(x, candidate, AtomEnum::WM_CLASS.into())?;
        let tree = x.query_tree(candidate).map_err(gone)?;
        if reply(class.reply())?.is_some_and(|class| !class.value.is_empty()) {
            return Ok(Some(candidate));
        }
        let children = reply(tree.reply())?.map(|tree| tree.children).unwrap_or_default();
        candidates.extend(children.into_iter().rev());
    }
    Err(HookError::new("a window has too many parts to find out whose it is"))
}

fn is_shaped(connection: &Connection, window: Window) -> Result<bool, HookError> {
    let x = &*connection.x;
    if x.extension_information(shape::X11_EXTENSION_NAME).map_err(gone)?.is_none() {
        return Ok(false);
    }
    let extents = reply(x.shape_query_extents(window).map_err(gone)?.reply())?;
    Ok(extents.is_none_or(|extents| extents.bounding_shaped))
}
