//! The tray's process: it hosts the agent, shows the icon, and opens the window on demand.
//! It never makes a web view.

use std::time::Duration;

use anyhow::Context as _;
use devpulse_agent::Desktop;
use devpulse_protocol::ActivityType;
use tauri::{AppHandle, Builder, Manager as _, RunEvent, Wry};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::host::AgentHost;
use crate::menu::QuitRule;
use crate::notice::Notices;
use crate::parley::{ToTray, ToWindow};
use crate::standing::Run;
use crate::tray::{self, MenuRules, TrayAction};
use crate::view::{PauseRule, Screen};
use crate::window_child::WindowChild;
use crate::{autostart, backend, context, ending};

/// What the agent needs to end is three seconds at the most.
const LAST_MOMENT: Duration = Duration::from_secs(4);

/// What the parts of the process share.
#[derive(Clone, Debug)]
struct Parts {
    host: AgentHost,
    window: WindowChild,
}

/// Runs the app until it is ended.
///
/// # Errors
/// Fails where there is no display.
pub(crate) fn run(hidden: bool) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("the program does not find itself")?;
    let app = Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            second_start(app, &arguments);
        }))
        .plugin(autostart::plugin())
        .plugin(tauri_plugin_notification::init())
        .setup(move |app| {
            // An icon in the menu bar and none in the Dock, where the window has one.
            #[cfg(target_os = "macos")]
            app.set_activation_policy(tauri::ActivationPolicy::Accessory);
            let handle = app.handle().clone();
            tauri::async_runtime::block_on(async move {
                let (said, heard) = mpsc::unbounded_channel();
                let window = WindowChild::start(program, said);
                let host = AgentHost::start(Desktop::from_env());
                let parts = Parts { host, window };
                handle.manage(parts.clone());
                begin(&handle, &parts, heard, hidden);
            });
            Ok(())
        })
        .build(context())
        .context("the tray app cannot start")?;
    app.run(|app, event| match event {
        // No window is open most of the time; only an explicit end counts.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        RunEvent::Exit => last_moment(app),
        _ => {}
    });
    Ok(())
}

fn begin(
    app: &AppHandle<Wry>,
    parts: &Parts,
    heard: mpsc::UnboundedReceiver<ToTray>,
    hidden: bool,
) {
    let (act, actions) = mpsc::channel(8);
    let snapshot = parts.host.snapshot();
    let has_tray = tray::start(app.clone(), snapshot, menu_rules, act);
    tokio::spawn(tell_window(parts.clone(), has_tray));
    tokio::spawn(hear_window(app.clone(), parts.clone(), heard));
    tokio::spawn(act_on_menu(app.clone(), parts.clone(), actions));
    tokio::spawn(attract(app.clone(), parts.clone(), hidden));
    tokio::spawn(end_with_session(app.clone(), parts.clone()));
    autostart::mend(app);
}

/// The end, which a logout of macOS brings without asking anybody. Where it was asked for, the
/// agent has ended before.
fn last_moment(app: &AppHandle<Wry>) {
    if let Some(parts) = app.try_state::<Parts>() {
        let ended = parts.host.end(ActivityType::NormalShutdown);
        let ended = tauri::async_runtime::block_on(async { timeout(LAST_MOMENT, ended).await });
        if ended.is_err() {
            tracing::warn!("the agent did not end in time");
        }
    }
}

/// Another start of the program shows this one.
fn second_start(app: &AppHandle<Wry>, arguments: &[String]) {
    let wants_window = !arguments.iter().any(|argument| argument == "--hidden");
    if let Some(parts) = app.try_state::<Parts>()
        && wants_window
    {
        parts.window.show(None);
    }
}

/// Opens the window at the start, unless none is wanted and nothing needs the person.
async fn first_window(parts: &Parts, hidden: bool) {
    if !hidden {
        parts.window.show(None);
        return;
    }
    let mut snapshot = parts.host.snapshot();
    let known = snapshot.wait_for(|snapshot| snapshot.run != Run::Starting).await;
    let needs_person =
        known.is_ok_and(|known| matches!(known.run, Run::NotEnrolled | Run::ConsentAwaited));
    if needs_person {
        parts.window.show(Some(Screen::Wizard));
    }
}

/// Tells the window who runs the agent and whether there is a tray.
async fn tell_window(parts: Parts, mut has_tray: watch::Receiver<bool>) {
    let mut snapshot = parts.host.snapshot();
    let mut last = None;
    loop {
        let run = snapshot.borrow_and_update().run.view();
        let state = ToWindow::State { run, has_tray: *has_tray.borrow_and_update() };
        if last.as_ref() != Some(&state) {
            parts.window.tell(state.clone());
            last = Some(state);
        }
        let changed = tokio::select! {
            changed = snapshot.changed() => changed,
            changed = has_tray.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

async fn hear_window(
    app: AppHandle<Wry>,
    parts: Parts,
    mut heard: mpsc::UnboundedReceiver<ToTray>,
) {
    while let Some(message) = heard.recv().await {
        match message {
            ToTray::Look => parts.host.look().await,
            // The button of a window that was open before the policy changed.
            ToTray::Quit if menu_rules().quit == QuitRule::Withheld => {}
            ToTray::Quit => {
                end(&app, &parts, ActivityType::UserInterrupt).await;
                return;
            }
        }
    }
}

async fn act_on_menu(app: AppHandle<Wry>, parts: Parts, mut actions: mpsc::Receiver<TrayAction>) {
    while let Some(action) = actions.recv().await {
        match action {
            TrayAction::Open(screen) => parts.window.show(screen),
            TrayAction::OpenWithoutTray if parts.window.is_open() => {}
            TrayAction::OpenWithoutTray => parts.window.show(None),
            TrayAction::Quit if menu_rules().quit == QuitRule::Withheld => {}
            TrayAction::Quit => {
                end(&app, &parts, ActivityType::UserInterrupt).await;
                return;
            }
            TrayAction::SyncNow => parts.host.sync().await,
            TrayAction::Pause { minutes } => parts.host.pause(minutes).await,
            TrayAction::Resume => parts.host.resume().await,
        }
    }
}

/// What the policy of the moment says about the menu.
fn menu_rules() -> MenuRules {
    let none = MenuRules::of(PauseRule { allowed: false, max_minutes: 0 });
    backend::settings(Vec::new()).map_or(none, |(_, settings)| MenuRules::under(&settings))
}

/// Opens the window where the start asks for it, and notifies of what it does not show.
async fn attract(app: AppHandle<Wry>, parts: Parts, hidden: bool) {
    first_window(&parts, hidden).await;
    give_notice(app, parts).await;
}

async fn give_notice(app: AppHandle<Wry>, parts: Parts) {
    let mut snapshot = parts.host.snapshot();
    let mut notices = Notices::default();
    loop {
        let current = snapshot.borrow_and_update().clone();
        notices.give(&app, &current, parts.window.is_open());
        if snapshot.changed().await.is_err() {
            return;
        }
    }
}

/// Ends with the session, or where the system asks.
async fn end_with_session(app: AppHandle<Wry>, parts: Parts) {
    match ending::asked().await {
        Ok(activity) => end(&app, &parts, activity).await,
        Err(error) => tracing::warn!(%error, "the system's requests to end cannot be heard"),
    }
}

async fn end(app: &AppHandle<Wry>, parts: &Parts, activity: ActivityType) {
    tokio::join!(parts.window.close(), parts.host.end(activity));
    app.exit(0);
}
