//! Which windows can be seen, and what of them.

use std::collections::VecDeque;

use x11rb::connection::RequestConnection;
use x11rb::protocol::shape::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, MapState, Window};

use super::connection::{Connection, gone};
use super::properties::{Properties, reply, text};
use crate::hook::HookError;
use crate::screenshot::{Area, VisibleWindow};

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
    let mut covering: Vec<Area> = Vec::new();
    let mut visible = Vec::new();
    for top in tops.into_iter().rev() {
        let seen = covering.iter().fold(vec![top.area], |areas, cover| {
            areas.into_iter().flat_map(|area| without(area, *cover)).collect()
        });
        if top.opacity == Opacity::Opaque {
            covering.push(top.area);
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

/// What of `area` lies outside `cover`, as up to four areas.
fn without(area: Area, cover: Area) -> Vec<Area> {
    let edges = |area: Area| {
        let [left, top] = [area.x, area.y].map(i64::from);
        [left, top, left + i64::from(area.width), top + i64::from(area.height)]
    };
    let [left, top, right, bottom] = edges(area);
    let [cover_left, cover_top, cover_right, cover_bottom] = edges(cover);
    let (inner_top, inner_bottom) = (cover_top.clamp(top, bottom), cover_bottom.clamp(top, bottom));
    let (inner_left, inner_right) = (cover_left.clamp(left, right), cover_right.clamp(left, right));
    if inner_top >= inner_bottom || inner_left >= inner_right {
        return vec![area];
    }
    [
        [left, top, right, inner_top],
        [left, inner_top, inner_left, inner_bottom],
        [inner_right, inner_top, right, inner_bottom],
        [left, inner_bottom, right, bottom],
    ]
    .into_iter()
    .filter(|[left, top, right, bottom]| left < right && top < bottom)
    .filter_map(|[left, top, right, bottom]| {
        Some(Area {
            x: i32::try_from(left).ok()?,
            y: i32::try_from(top).ok()?,
            width: u32::try_from(right - left).ok()?,
            height: u32::try_from(bottom - top).ok()?,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn area(x: i32, y: i32, width: u32, height: u32) -> Area {
        Area { x, y, width, height }
    }

    fn pixels(areas: &[Area]) -> u32 {
        areas.iter().map(|area| area.width * area.height).sum()
    }

    #[test]
    fn what_is_covered_is_left_out_and_nothing_else() {
        let window = area(10, 10, 100, 80);
        assert_eq!(without(window, area(0, 0, 200, 200)), []);
        assert_eq!(without(window, area(110, 10, 50, 50)), [window]);
        let hole = without(window, area(20, 20, 10, 10));
        assert_eq!((hole.len(), pixels(&hole)), (4, 100 * 80 - 100));
        let corner = without(window, area(-50, -50, 70, 70));
        assert_eq!(pixels(&corner), 100 * 80 - 100);
        assert!(corner.iter().all(|part| without(*part, area(-50, -50, 70, 70)) == [*part]));
    }
}
