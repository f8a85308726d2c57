//! The icon in the tray: what `standing` and `menu` decided, painted where it changed.
//!
//! Where nothing shows icons yet the tray is made as soon as something does, and the window
//! is asked for once, because the app could not be reached otherwise.

#[cfg(target_os = "linux")]
#[path = "tray/status_notifier_watcher.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "tray/always_there.rs"]
mod imp;
mod paint;

use std::time::Duration;

use devpulse_protocol::Timestamp;
use tauri::tray::{MouseButton, MouseButtonState, TrayIconEvent};
use tauri::{AppHandle, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::menu::{Menu, open};
pub use crate::menu::{MenuRules, TrayAction};
use crate::standing::{Snapshot, changes_at, standing};
use paint::{Face, Painted};

/// Desktops start their panel beside the app; after this long none is coming.
const PATIENCE: Duration = Duration::from_secs(15);
/// After an icon that could not be made although something shows icons.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest such wait.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// Whether something shows icons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrayHost {
    Absent,
    Present,
}

/// Shows the icon for as long as the app runs. `rules` is asked whenever the menu is made;
/// what the person chooses goes to `act`. Returns whether the icon is shown, as it changes.
///
/// Has to be called on the async runtime.
pub fn start<R: Runtime>(
    app: AppHandle<R>,
    snapshot: watch::Receiver<Snapshot>,
    rules: impl Fn() -> MenuRules + Send + 'static,
    act: mpsc::Sender<TrayAction>,
) -> watch::Receiver<bool> {
    let (shown, is_shown) = watch::channel(false);
    let (chosen, known) = (act.clone(), snapshot.clone());
    app.on_menu_event(move |_, event| match TrayAction::of_id(event.id().as_ref()) {
        Some(TrayAction::Open(_)) => send(&chosen, open(&known.borrow(), Timestamp::now())),
        Some(action) => send(&chosen, action),
        None => {}
    });
    let keeper = Keeper {
        app,
        snapshot,
        rules: Box::new(rules),
        act,
        shown,
        host: imp::watch(),
        painted: None,
        hurry: Some(Instant::now() + PATIENCE),
        retry: Retry { at: None, wait: FIRST_RETRY },
    };
    tokio::spawn(keeper.run());
    is_shown
}

/// Keeps the icon as it has to be.
struct Keeper<R: Runtime> {
    app: AppHandle<R>,
    snapshot: watch::Receiver<Snapshot>,
    rules: Box<dyn Fn() -> MenuRules + Send>,
    act: mpsc::Sender<TrayAction>,
    shown: watch::Sender<bool>,
    host: watch::Receiver<TrayHost>,
    painted: Option<Painted<R>>,
    /// When the window is asked for; `None` once an icon was shown or the window asked for.
    hurry: Option<Instant>,
    retry: Retry,
}

/// The next try after one that failed.
#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Option<Instant>,
    wait: Duration,
}

impl<R: Runtime> Keeper<R> {
    async fn run(mut self) {
        loop {
            let host = *self.host.borrow_and_update();
            let face = self.face();
            self.keep(host, face).await;
            self.ask_for_window();
            let wake = self.wake();
            let goes_on = tokio::select! {
                changed = self.snapshot.changed() => changed.is_ok(),
                changed = self.host.changed() => changed.is_ok(),
                () = wait(wake) => true,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// What has to be shown now.
    fn face(&mut self) -> Face {
        let now = Timestamp::now();
        let snapshot = self.snapshot.borrow_and_update();
        let standing = standing(&snapshot, now);
        Face {
            icon: standing.icon,
            tooltip: standing.headline,
            menu: Menu::of(&snapshot, (self.rules)(), now),
        }
    }

    async fn keep(&mut self, host: TrayHost, face: Face) {
        match self.painted.take() {
            Some(painted) => self.painted = painted.with(face).await,
            None if host == TrayHost::Present && self.retry.is_due() => self.make(face).await,
            None => {}
        }
        let is_shown = self.painted.is_some() && host == TrayHost::Present;
        self.shown.send_if_modified(|shown| std::mem::replace(shown, is_shown) != is_shown);
        if is_shown {
            self.hurry = None;
        }
    }

    async fn make(&mut self, face: Face) {
        let (snapshot, act) = (self.snapshot.clone(), self.act.clone());
        let clicked = move |event: &TrayIconEvent| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
                && !paint::CLICK_OPENS_MENU
            {
                send(&act, open(&snapshot.borrow(), Timestamp::now()));
            }
        };
        match Painted::new(self.app.clone(), face, clicked).await {
            Ok(painted) => {
                tracing::info!("the tray shows the icon");
                self.painted = Some(painted);
                self.retry = Retry { at: None, wait: FIRST_RETRY };
            }
            Err(error) => {
                tracing::warn!(%error, wait = ?self.retry.wait, "the tray takes no icon");
                self.retry.failed();
            }
        }
    }

    fn ask_for_window(&mut self) {
        if self.hurry.is_some_and(|at| at <= Instant::now()) {
            tracing::info!("no tray shows the icon; the window is opened instead");
            self.hurry = None;
            send(&self.act, TrayAction::OpenWithoutTray);
        }
    }

    /// When something may change although nobody says so.
    fn wake(&self) -> Option<Instant> {
        let now = Timestamp::now();
        let changes = changes_at(&self.snapshot.borrow(), now)
            .map(|at| Instant::now() + at.since(now) + Duration::from_millis(1));
        let host = *self.host.borrow();
        let retry = self.retry.at.filter(|_| host == TrayHost::Present);
        [changes, self.hurry, retry].into_iter().flatten().min()
    }
}

impl Retry {
    fn is_due(&self) -> bool {
        self.at.is_none_or(|at| at <= Instant::now())
    }

    fn failed(&mut self) {
        self.at = Some(Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(LONGEST_RETRY);
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Hands on what was chosen. A person who clicks faster than anything is done has clicked
/// enough.
fn send(act: &mpsc::Sender<TrayAction>, action: TrayAction) {
    if let Err(error) = act.try_send(action) {
        tracing::warn!(%error, ?action, "nobody takes what was chosen in the tray");
    }
}
