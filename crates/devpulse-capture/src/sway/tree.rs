//! What Sway's tree says of windows. Pure.

use serde_json::Value;

use crate::hook::WindowFacts;
use crate::screenshot::{Area, VisibleWindow};
use crate::window_places::PlacedWindow;

/// A tree that is nested more deeply is cut off.
const DEEPEST: usize = 64;

/// The window that has the focus.
pub(super) fn focused(tree: &Value) -> Option<WindowFacts> {
    let mut found = None;
    visit(tree, &mut |node, _| {
        if node["focused"] == true {
            found = window(node);
        }
    });
    found
}

/// Every window.
pub(super) fn windows(tree: &Value) -> Vec<WindowFacts> {
    let mut found = Vec::new();
    visit(tree, &mut |node, _| found.extend(window(node)));
    found
}

/// The windows that can be seen, with their places. The title of one that is hidden behind
/// another tab can be seen too.
pub(super) fn placed(tree: &Value) -> Vec<PlacedWindow> {
    let mut found = Vec::new();
    visit(tree, &mut |node, parent| {
        let Some(WindowFacts { app_name, title, .. }) = window(node) else { return };
        let mut areas = Vec::new();
        if node["visible"] == true {
            areas.extend(area(&node["rect"]));
            areas.extend(drawn(node));
        }
        if let (Some(title_bar), Some(parent)) = (area(&node["deco_rect"]), area(&parent["rect"])) {
            let [x, y] = [parent.x + title_bar.x, parent.y + title_bar.y];
            areas.push(Area { x, y, ..title_bar });
        }
        if !areas.is_empty() {
            let focused = node["focused"] == true;
            found.push(PlacedWindow { window: VisibleWindow { app_name, title, areas }, focused });
        }
    });
    found
}

/// What a node says of its window, where it is one.
pub(super) fn window(node: &Value) -> Option<WindowFacts> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let pid = node["pid"].as_u64()?;
    // Containers and workspaces of other windows have no process; neither has an output.
    let leaf = node["nodes"].as_array().is_none_or(Vec::is_empty);
    if !leaf || !matches!(node["type"].as_str(), Some("con" | "floating_con")) {
        return None;
    }
    Some(WindowFacts {
        window: node["id"].as_u64()?,
        title: text(&node["name"]),
        app_name: text(&node["app_id"]).or_else(|| text(&node["window_properties"]["class"])),
        pid: u32::try_from(pid).ok(),
    })
}

/// Where a window may be drawn that is larger than its place, as one is that has not followed a
/// change of its size yet: Sway centres it, and some versions cut nothing off.
fn drawn(node: &Value) -> Option<Area> {
    let (place, own) = (area(&node["rect"])?, area(&node["geometry"])?);
    let [beside, above] =
        [own.width.saturating_sub(place.width), own.height.saturating_sub(place.height)];
    let back = |near: i32, by: u32| near.saturating_sub(i32::try_from(by).unwrap_or(i32::MAX));
    (beside > 0 || above > 0).then(|| Area {
        x: back(place.x, beside),
        y: back(place.y, above),
        width: place.width.saturating_add(2 * beside),
        height: place.height.saturating_add(2 * above),
    })
}

fn area(rect: &Value) -> Option<Area> {
    let near = |key: &str| i32::try_from(rect[key].as_i64()?).ok();
    let length = |key: &str| u32::try_from(rect[key].as_i64()?).ok().filter(|length| *length > 0);
    Some(Area { x: near("x")?, y: near("y")?, width: length("width")?, height: length("height")? })
}

/// Visits every node below the root with its parent.
fn visit<'a>(tree: &'a Value, see: &mut impl FnMut(&'a Value, &'a Value)) {
    let mut open = vec![(tree, 0)];
    while let Some((parent, depth)) = open.pop() {
        if depth > DEEPEST {
            continue;
        }
        for list in ["nodes", "floating_nodes"] {
            for node in parent[list].as_array().into_iter().flatten() {
                see(node, parent);
                open.push((node, depth + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn leaf(id: u64, app: &str, visible: bool, rect: [i32; 4], title_bar: [i32; 4]) -> Value {
        let rect_of = |[x, y, width, height]: [i32; 4]| json!({"x": x, "y": y, "width": width, "height": height});
        json!({
            "id": id, "type": "con", "name": format!("title of {app}"), "app_id": app, "pid": 7,
            "visible": visible, "focused": id == 2, "rect": rect_of(rect),
            "deco_rect": rect_of(title_bar), "nodes": [], "floating_nodes": [],
        })
    }

    /// Two tabs, the second of which is shown, beside a window of X11 that floats.
    fn tree() -> Value {
        let mut x11 = leaf(3, "", true, [300, 10, 50, 50], [0, 0, 0, 0]);
        x11["app_id"] = Value::Null;
        x11["type"] = "floating_con".into();
        x11["window_properties"] = json!({"class": "XTerm"});
        json!({"type": "root", "nodes": [{"type": "output", "nodes": [{
            "type": "workspace", "rect": {"x": 100, "y": 0, "width": 200, "height": 100},
            "nodes": [
                leaf(1, "hidden", false, [100, 20, 200, 80], [0, 0, 100, 20]),
                leaf(2, "shown", true, [100, 20, 200, 80], [100, 0, 100, 20]),
            ],
            "floating_nodes": [x11],
        }]}]})
    }

    #[test]
    fn the_focused_window_is_found_with_its_process() {
        let facts = focused(&tree()).unwrap();
        assert_eq!((facts.window, facts.pid), (2, Some(7)));
        assert_eq!(facts.app_name.as_deref(), Some("shown"));
        assert_eq!(windows(&tree()).len(), 3);
    }

    #[test]
    fn a_workspace_with_the_focus_is_no_window() {
        let empty = json!({"nodes": [{"type": "workspace", "focused": true, "nodes": []}]});
        assert!(focused(&empty).is_none());
    }

    #[test]
    fn a_window_that_is_larger_than_its_place_counts_where_it_may_be_drawn() {
        let mut node = leaf(1, "late", true, [100, 0, 50, 40], [0, 0, 0, 0]);
        node["geometry"] = json!({"x": 0, "y": 0, "width": 70, "height": 40});
        let tree = json!({"nodes": [node]});
        let areas = &placed(&tree)[0].window.areas;
        assert_eq!(areas[1..], [Area { x: 80, y: 0, width: 90, height: 40 }]);
    }

    #[test]
    fn the_title_of_a_window_behind_another_tab_has_a_place_and_its_content_has_none() {
        let placed = placed(&tree());
        let of = |app: &str| {
            placed.iter().find(|of| of.window.app_name.as_deref() == Some(app)).unwrap()
        };
        let bar = |x| Area { x, y: 0, width: 100, height: 20 };
        assert_eq!(of("hidden").window.areas, [bar(100)]);
        let content = Area { x: 100, y: 20, width: 200, height: 80 };
        assert_eq!(of("shown").window.areas, [content, bar(200)]);
        assert!(of("shown").focused);
        assert_eq!(of("XTerm").window.areas.len(), 1);
    }
}
