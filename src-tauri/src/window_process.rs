//! The window's process: one web view, which ends with its window.

use anyhow::Context as _;
use tauri::{
    App, AppHandle, Builder, Manager, RunEvent, Runtime, WebviewUrl, WebviewWindowBuilder,
};
use tokio::io::{stdin, stdout};
use tokio::sync::{mpsc, watch};

use crate::backend::{Backend, Tray, TrayWord};
use crate::commands;
use crate::parley::{self, Hearing, ToTray, ToWindow};
use crate::view::{RunState, Screen};
use crate::{arguments, autostart, context};

/// The label of the one window; the permissions are given to it.
pub(crate) const LABEL: &str = "main";

/// Shows the window until it is closed.
///
/// # Errors
/// Fails where there is no display or no home.
pub(crate) fn run(arguments: &arguments::Window) -> anyhow::Result<()> {
    let (said, to_say) = mpsc::unbounded_channel();
    let first = TrayWord { run: RunState::Starting, has_tray: true };
    let (word, known) = watch::channel(first);
    let tray = arguments.tray.map(|pid| Tray { pid, word: known, say: said });
    let is_alone = tray.is_none();
    let backend = Backend::new(tray, arguments.screen)?;
    let app = prepare(Builder::default(), backend)
        .build(context())
        .context("the window cannot be shown")?;
    if !is_alone {
        let handle = app.handle().clone();
        tauri::async_runtime::spawn(speak(to_say));
        tauri::async_runtime::spawn(listen(handle, word));
    }
    app.run(|_, event| {
        if let RunEvent::Ready = event {
            tracing::debug!("the window is ready");
        }
    });
    Ok(())
}

/// The app with its commands and its one window, on any runtime.
#[must_use]
pub(crate) fn prepare<R: Runtime>(builder: Builder<R>, backend: Backend) -> Builder<R> {
    builder
        .plugin(autostart::plugin())
        .manage(backend)
        .invoke_handler(commands::handler())
        .setup(|app| Ok(open(app)?))
}

fn open<R: Runtime>(app: &App<R>) -> tauri::Result<()> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("DevPulse")
        .inner_size(960.0, 680.0)
        .min_inner_size(480.0, 560.0)
        .on_navigation(is_ours)
        .on_new_window(|_, _| tauri::webview::NewWindowResponse::Deny)
        .build()?;
    Ok(())
}

/// Whether an address is one of the app's own pages; no other is ever loaded.
fn is_ours(address: &tauri::Url) -> bool {
    address.scheme() == "tauri"
        || (matches!(address.scheme(), "http" | "https")
            && address.host_str() == Some("tauri.localhost"))
}

/// Passes on what the window says to the tray.
async fn speak(mut messages: mpsc::UnboundedReceiver<ToTray>) {
    let mut output = stdout();
    while let Some(message) = messages.recv().await {
        if parley::say(&mut output, &message).await.is_err() {
            return;
        }
    }
}

/// Hears what the tray says. The window ends with it.
async fn listen<R: Runtime>(app: AppHandle<R>, word: watch::Sender<TrayWord>) {
    let mut hearing = Hearing::new(stdin());
    while let Some(message) = hearing.next().await {
        match message {
            ToWindow::Show { screen } => come_forward(&app, screen),
            ToWindow::State { run, has_tray } => {
                word.send_replace(TrayWord { run, has_tray });
            }
        }
    }
    app.exit(0);
}

fn come_forward<R: Runtime>(app: &AppHandle<R>, screen: Option<Screen>) {
    if let Some(screen) = screen {
        app.state::<Backend>().want(screen);
    }
    let Some(window) = app.get_webview_window(LABEL) else { return };
    for step in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = step {
            tracing::debug!(%error, "the window does not come forward");
        }
    }
}
