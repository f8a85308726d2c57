//! Where windows lie on a Wayland desktop, for the masks of screenshots. No protocol tells it;
//! some compositors do, each in its own way.

use std::path::PathBuf;
use std::time::Duration;

use crate::desktop::Desktop;
use crate::hyprland;
use crate::screenshot::{Area, GrabError, VisibleWindow};
use crate::sway;

/// Who tells where windows lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WindowPlaces {
    /// Sway, at this socket.
    Sway(PathBuf),
    /// Hyprland, in this folder.
    Hyprland(PathBuf),
    /// Nobody.
    Unknown,
}

impl WindowPlaces {
    pub(crate) fn of(desktop: &Desktop) -> Self {
        if let Some(socket) = sway::socket(desktop) {
            Self::Sway(socket)
        } else if let Some(folder) = hyprland::folder(desktop) {
            Self::Hyprland(folder)
        } else {
            Self::Unknown
        }
    }

    /// For how long the screen may show windows where they were before. Sway waits for 200 ms for
    /// windows to draw themselves anew; Hyprland moves them slowly.
    pub(crate) const fn lag(&self) -> Duration {
        match self {
            Self::Sway(_) | Self::Unknown => Duration::from_millis(300),
            Self::Hyprland(_) => Duration::from_secs(1),
        }
    }

    /// The windows that can be seen on these monitors. Blocks for at most a few seconds.
    ///
    /// A window's menus may reach beyond it, and nobody tells where: the window that has the
    /// focus, which alone can have one open, counts as being all over its monitors.
    ///
    /// # Errors
    /// Says why they cannot be told.
    pub(crate) fn visible(&self, monitors: &[Area]) -> Result<Vec<VisibleWindow>, GrabError> {
        let placed = match self {
            Self::Sway(socket) => sway::placed(socket).map_err(GrabError::from_cause),
            Self::Hyprland(folder) => hyprland::placed(folder).map_err(GrabError::from_cause),
            Self::Unknown => Err(GrabError::new("nobody tells where windows lie")),
        }?;
        Ok(placed.into_iter().map(|window| window.spread(monitors)).collect())
    }
}

/// A window that can be seen.
pub(crate) struct PlacedWindow {
    pub(crate) window: VisibleWindow,
    pub(crate) focused: bool,
}

impl PlacedWindow {
    /// As it counts on these monitors: everywhere on its own where it has the focus.
    pub(crate) fn spread(self, monitors: &[Area]) -> VisibleWindow {
        let Self { mut window, focused } = self;
        if focused {
            let own = window.areas.clone();
            let touched = |monitor: &&Area| own.iter().any(|area| overlap(*area, **monitor));
            window.areas.extend(monitors.iter().filter(touched));
        }
        window
    }
}

fn overlap(one: Area, other: Area) -> bool {
    let meets = |near: i32, length: u32, other_near: i32, other_length: u32| {
        i64::from(near) < i64::from(other_near) + i64::from(other_length)
            && i64::from(other_near) < i64::from(near) + i64::from(length)
    };
    meets(one.x, one.width, other.x, other.width) && meets(one.y, one.height, other.y, other.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Area = Area { x: 0, y: 0, width: 100, height: 100 };
    const RIGHT: Area = Area { x: 100, y: 0, width: 100, height: 100 };

    fn placed(focused: bool) -> PlacedWindow {
        let own = Area { x: 10, y: 10, width: 90, height: 5 };
        let window = VisibleWindow { app_name: None, title: None, areas: vec![own] };
        PlacedWindow { window, focused }
    }

    #[test]
    fn a_window_with_the_focus_counts_as_all_over_its_monitor_and_no_other() {
        assert_eq!(placed(true).spread(&[LEFT, RIGHT]).areas[1..], [LEFT]);
        assert_eq!(placed(false).spread(&[LEFT, RIGHT]).areas.len(), 1);
    }
}
