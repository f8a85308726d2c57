//! The face of the tray, and how Tauri is made to show it.

use tauri::image::Image;
use tauri::menu::{IsMenuItem, MenuBuilder, MenuItem, PredefinedMenuItem, Submenu};
use tauri::tray::{TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Runtime, include_image};

use crate::menu::{Menu, Row};
use crate::standing::Icon;

/// What people expect of an icon in the menu bar of macOS; elsewhere a click opens the window.
pub(super) const CLICK_OPENS_MENU: bool = cfg!(target_os = "macos");

/// What the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Face {
    pub(super) icon: Icon,
    pub(super) tooltip: String,
    pub(super) menu: Menu,
}

/// The icon as it is shown.
pub(super) struct Painted<R: Runtime> {
    tray: TrayIcon<R>,
    face: Face,
}

impl<R: Runtime> Painted<R> {
    /// Makes the icon. Everything of it happens on the main thread, which is waited for
    /// where waiting is allowed.
    pub(super) async fn new(
        app: AppHandle<R>,
        face: Face,
        clicked: impl Fn(&TrayIconEvent) + Send + Sync + 'static,
    ) -> tauri::Result<Self> {
        on_a_thread(move || {
            let mut tray = TrayIconBuilder::with_id("devpulse")
                .icon(image(face.icon))
                .tooltip(&face.tooltip)
                .menu(&menu(&app, &face.menu)?)
                .show_menu_on_left_click(CLICK_OPENS_MENU)
                .on_tray_icon_event(move |_, event| clicked(&event));
            if !cfg!(target_os = "macos") {
                // In a menu bar it would stand beside the icon.
                tray = tray.title(crate::text::APP);
            }
            let tray = tray.build(&app)?;
            Ok(Self { tray, face })
        })
        .await
    }

    /// Shows `face` where it differs. An icon that cannot be changed is given up.
    pub(super) async fn with(self, face: Face) -> Option<Self> {
        if self.face == face {
            return Some(self);
        }
        let changed = on_a_thread(move || {
            let Self { tray, face: old } = self;
            if face.icon != old.icon {
                tray.set_icon(Some(image(face.icon)))?;
            }
            if face.tooltip != old.tooltip {
                tray.set_tooltip(Some(&face.tooltip))?;
            }
            if face.menu != old.menu {
                tray.set_menu(Some(menu(tray.app_handle(), &face.menu)?))?;
            }
            Ok(Self { tray, face })
        });
        changed.await.inspect_err(|error| tracing::warn!(%error, "the tray is lost")).ok()
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> tauri::Result<T> + Send + 'static,
) -> tauri::Result<T> {
    tauri::async_runtime::spawn_blocking(work).await?
}

const fn image(icon: Icon) -> Image<'static> {
    match icon {
        Icon::Working => include_image!("icons/tray/working.png"),
        Icon::Syncing => include_image!("icons/tray/syncing.png"),
        Icon::Offline => include_image!("icons/tray/offline.png"),
        Icon::Paused => include_image!("icons/tray/paused.png"),
        Icon::ActionNeeded => include_image!("icons/tray/action_needed.png"),
    }
}

fn menu<R: Runtime>(app: &AppHandle<R>, menu: &Menu) -> tauri::Result<tauri::menu::Menu<R>> {
    let rows = rows(app, &menu.0, "row")?;
    rows.iter().fold(MenuBuilder::new(app), |builder, row| builder.item(row.as_ref())).build()
}

/// The rows as Tauri's. Those that do nothing bear an id of their place, below `place`.
fn rows<R: Runtime>(
    app: &AppHandle<R>,
    rows: &[Row],
    place: &str,
) -> tauri::Result<Vec<Box<dyn IsMenuItem<R>>>> {
    let mut items: Vec<Box<dyn IsMenuItem<R>>> = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let place = format!("{place}-{index}");
        items.push(match row {
            Row::Line(label) | Row::Item { label, action: None } => {
                Box::new(MenuItem::with_id(app, place, plain(label), false, None::<&str>)?)
            }
            Row::Item { label, action: Some(action) } => {
                Box::new(MenuItem::with_id(app, action.id(), plain(label), true, None::<&str>)?)
            }
            Row::Submenu { label, rows: inner } => {
                let inner = self::rows(app, inner, &place)?;
                let inner: Vec<_> = inner.iter().map(AsRef::as_ref).collect();
                Box::new(Submenu::with_id_and_items(app, place, plain(label), true, &inner)?)
            }
            Row::Separator => Box::new(PredefinedMenuItem::separator(app)?),
        });
    }
    Ok(items)
}

/// A label in which no letter becomes a shortcut.
fn plain(label: &str) -> String {
    label.replace('&', "&&")
}
