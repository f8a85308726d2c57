//! The tray's menu as a value: what it says and what each row does. `tray` paints it.

use devpulse_agent::settings::{QuitPermission, Settings};
use devpulse_control::{PipelineState, Status};
use devpulse_protocol::Timestamp;

use crate::standing::{Action, Run, Snapshot, standing};
use crate::text::{self, menu};
use crate::view::{PauseRule, Screen};

/// Pauses that are offered besides the longest one, in minutes.
const PAUSES: [u32; 2] = [15, 60];

/// The rows, from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu(pub Vec<Row>);

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Says something and does nothing.
    Line(String),
    /// Does something when it is chosen.
    Item {
        /// What it says.
        label: String,
        /// What it does; `None` where it cannot be chosen at present.
        action: Option<TrayAction>,
    },
    /// Opens further rows.
    Submenu {
        /// What it says.
        label: String,
        /// Its rows.
        rows: Vec<Row>,
    },
    /// A line between groups.
    Separator,
}

/// What a person asks of the tray.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrayAction {
    /// Show the window, with this screen where something asks for it.
    Open(Option<Screen>),
    /// No tray shows the icon: show the window once, which says how to come back. Where it
    /// is open already, nothing has to be done.
    OpenWithoutTray,
    /// Send everything now.
    SyncNow,
    /// Pause capture for so many minutes.
    Pause {
        /// 1 to 1,440, and never more than the policy allows.
        minutes: u32,
    },
    /// End the pause.
    Resume,
    /// End the app.
    Quit,
}

/// What the policy says about the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MenuRules {
    /// About pauses.
    pub pause: PauseRule,
    /// About quitting.
    pub quit: QuitRule,
}

/// Whether a person may end the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuitRule {
    /// From the menu and from the window.
    #[default]
    Allowed,
    /// The app goes on until the session ends.
    Withheld,
}

impl TrayAction {
    /// What the row bears in the menu.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Open(_) => "open".to_owned(),
            Self::OpenWithoutTray => "open-without-tray".to_owned(),
            Self::SyncNow => "sync-now".to_owned(),
            Self::Pause { minutes } => format!("pause-{minutes}"),
            Self::Resume => "resume".to_owned(),
            Self::Quit => "quit".to_owned(),
        }
    }

    /// What a row with this id does; `None` for those that do nothing.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        match id {
            "open" => Some(Self::Open(None)),
            "sync-now" => Some(Self::SyncNow),
            "resume" => Some(Self::Resume),
            "quit" => Some(Self::Quit),
            _ => {
                let minutes = id.strip_prefix("pause-")?.parse().ok()?;
                Some(Self::Pause { minutes })
            }
        }
    }
}

impl MenuRules {
    /// What holds under this rule about pauses, where no policy withholds quitting.
    #[must_use]
    pub fn of(pause: PauseRule) -> Self {
        Self { pause, quit: QuitRule::default() }
    }

    /// What these settings say.
    #[must_use]
    pub fn under(settings: &Settings) -> Self {
        let quit = match settings.local().quit {
            QuitPermission::Granted => QuitRule::Allowed,
            QuitPermission::Withheld => QuitRule::Withheld,
        };
        Self { pause: PauseRule::of(settings.config()), quit }
    }
}

impl Menu {
    /// The menu for what is known at `now`.
    #[must_use]
    pub fn of(snapshot: &Snapshot, rules: MenuRules, now: Timestamp) -> Self {
        let mut rows = vec![
            Row::Line(standing(snapshot, now).headline),
            Row::Separator,
            Row::Item { label: menu::OPEN.to_owned(), action: Some(open(snapshot, now)) },
            sync(snapshot),
        ];
        rows.extend(snapshot.status().map(|status| pause(status, rules.pause)));
        if rules.quit == QuitRule::Allowed {
            rows.push(Row::Separator);
            rows.push(Row::Item { label: menu::QUIT.to_owned(), action: Some(TrayAction::Quit) });
        }
        Self(rows)
    }
}

/// What a click on the icon and the first row of the menu do: where the person has to do
/// something, the window shows it at once.
#[must_use]
pub fn open(snapshot: &Snapshot, now: Timestamp) -> TrayAction {
    TrayAction::Open(match standing(snapshot, now).action {
        Some(Action::Enroll | Action::ReviewConsent) => Some(Screen::Wizard),
        Some(Action::Diagnose) => Some(Screen::Settings),
        Some(Action::Resume | Action::SyncNow) | None => None,
    })
}

fn sync(snapshot: &Snapshot) -> Row {
    if let Some(sync) = &snapshot.sync {
        let label = text::sending_of(sync.sent, sync.sent + sync.pending);
        return Row::Item { label, action: None };
    }
    let can_send = match &snapshot.run {
        Run::Running { status, .. } => status.pipeline.state != PipelineState::Revoked,
        Run::NotEnrolled | Run::ConsentAwaited | Run::Starting | Run::Failed { .. } => false,
    };
    let action = can_send.then_some(TrayAction::SyncNow);
    Row::Item { label: menu::SYNC_NOW.to_owned(), action }
}

fn pause(status: &Status, rule: PauseRule) -> Row {
    if status.pause.is_some() {
        return Row::Item { label: menu::RESUME.to_owned(), action: Some(TrayAction::Resume) };
    }
    if !rule.allowed || rule.max_minutes == 0 {
        return Row::Item { label: menu::PAUSE_WITHHELD.to_owned(), action: None };
    }
    let shorter = PAUSES.into_iter().filter(|minutes| *minutes < rule.max_minutes);
    let mut rows: Vec<_> = shorter.map(|minutes| pause_row(minutes, text::pause_for)).collect();
    rows.push(pause_row(rule.max_minutes, text::pause_for_longest));
    Row::Submenu { label: menu::PAUSE.to_owned(), rows }
}

fn pause_row(minutes: u32, label: fn(u32) -> String) -> Row {
    Row::Item { label: label(minutes), action: Some(TrayAction::Pause { minutes }) }
}

#[cfg(test)]
mod tests;
