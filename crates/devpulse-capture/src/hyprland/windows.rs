//! What Hyprland says of windows. Pure.

use serde_json::Value;

use crate::hook::WindowFacts;
use crate::screenshot::{Area, VisibleWindow};
use crate::window_places::PlacedWindow;

/// A window as Hyprland describes it; `None` where it describes none.
pub(super) fn facts(client: &Value) -> Option<WindowFacts> {
    let text = |key: &str| client[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let address = client["address"].as_str()?.trim_start_matches("0x");
    Some(WindowFacts {
        window: u64::from_str_radix(address, 16).ok()?,
        title: text("title"),
        app_name: text("class"),
        pid: client["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()),
    })
}

/// The windows that can be seen. A member of a group shows its title in the bar of the group,
/// whose place is not told, so that it counts as one that is all over its monitor.
pub(super) fn placed(clients: &Value, monitors: &Value) -> Vec<PlacedWindow> {
    let shown: Vec<i64> = monitors
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|monitor| [&monitor["activeWorkspace"]["id"], &monitor["specialWorkspace"]["id"]])
        .filter_map(Value::as_i64)
        .filter(|id| *id != 0)
        .collect();
    let clients = clients.as_array().into_iter().flatten();
    clients
        .filter(|client| client["mapped"] != false)
        .filter(|client| {
            let workspace = client["workspace"]["id"].as_i64();
            client["pinned"] == true || workspace.is_some_and(|id| shown.contains(&id))
        })
        .filter_map(|client| {
            let grouped = client["grouped"].as_array().is_some_and(|members| members.len() > 1);
            if client["hidden"] == true && !grouped {
                return None;
            }
            let WindowFacts { app_name, title, .. } = facts(client)?;
            let window = VisibleWindow { app_name, title, areas: vec![area(client)?] };
            let focused = grouped || client["focusHistoryID"] == 0;
            Some(PlacedWindow { window, focused })
        })
        .collect()
}

fn area(client: &Value) -> Option<Area> {
    let number = |pair: &Value, index: usize| pair[index].as_i64();
    let near = |index| i32::try_from(number(&client["at"], index)?).ok();
    let length = |index| u32::try_from(number(&client["size"], index)?).ok();
    Some(Area { x: near(0)?, y: near(1)?, width: length(0)?, height: length(1)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client(class: &str, workspace: i64) -> Value {
        json!({
            "address": "0x5591", "class": class, "title": "t", "pid": 9, "mapped": true,
            "hidden": false, "at": [10, 20], "size": [300, 200], "grouped": [],
            "workspace": {"id": workspace}, "pinned": false, "focusHistoryID": 4,
        })
    }

    #[test]
    fn only_windows_on_workspaces_that_are_shown_are_seen() {
        let monitors = json!([{"activeWorkspace": {"id": 1}, "specialWorkspace": {"id": 0}}]);
        let mut behind = client("behind", 1);
        behind["hidden"] = true.into();
        let mut tab = behind.clone();
        tab["class"] = "tab".into();
        tab["grouped"] = json!(["0x1", "0x2"]);
        let mut pinned = client("pinned", 3);
        pinned["pinned"] = true.into();
        let clients = json!([client("here", 1), client("elsewhere", 2), behind, tab, pinned]);
        let seen = placed(&clients, &monitors);
        let apps: Vec<_> = seen.iter().filter_map(|of| of.window.app_name.as_deref()).collect();
        assert_eq!(apps, ["here", "tab", "pinned"]);
        assert_eq!(seen[0].window.areas, [Area { x: 10, y: 20, width: 300, height: 200 }]);
        assert_eq!(seen.iter().map(|of| of.focused).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn no_window_is_no_window() {
        assert!(facts(&json!({})).is_none());
    }
}
