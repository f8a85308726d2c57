use std::collections::BTreeSet;

use tauri::ipc::{CallbackFn, InvokeBody};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::backend::Backend;
use crate::context;
use crate::window_process::{LABEL, prepare};

fn app() -> App<MockRuntime> {
    let backend = Backend::new(None, None).unwrap();
    prepare(mock_builder(), backend).build(context()).unwrap()
}

fn main_window(app: &App<MockRuntime>) -> WebviewWindow<MockRuntime> {
    match app.get_webview_window(LABEL) {
        Some(window) => window,
        // The mock runtime does not run the set-up before the app runs.
        None => window(app, LABEL),
    }
}

fn window(app: &App<MockRuntime>, label: &str) -> WebviewWindow<MockRuntime> {
    WebviewWindowBuilder::new(app, label, WebviewUrl::default()).build().unwrap()
}

/// Asks as a page at `url` does.
fn ask(window: &WebviewWindow<MockRuntime>, command: &str, url: &str) -> Result<(), String> {
    let request = InvokeRequest {
        cmd: command.to_owned(),
        callback: CallbackFn(0),
        error: CallbackFn(1),
        url: url.parse().unwrap(),
        body: InvokeBody::default(),
        headers: tauri::http::HeaderMap::new(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    get_ipc_response(window, request).map(|_| ()).map_err(|error| error.to_string())
}

const PAGE: &str = "tauri://localhost";

#[test]
fn the_window_may_ask_for_the_commands_of_the_app() {
    let app = app();
    assert_eq!(ask(&main_window(&app), "cancel_sync", PAGE), Ok(()));
}

#[test]
fn no_other_window_and_no_other_page_may_ask_for_anything() {
    let app = app();
    let other = window(&app, "other");
    for (window, page) in [
        (&other, PAGE),
        (&main_window(&app), "https://devpulse.example/"),
        (&main_window(&app), "http://127.0.0.1:8080/"),
    ] {
        let refused = ask(window, "cancel_sync", page).unwrap_err();
        assert!(refused.contains("not allowed"), "{page}: {refused}");
    }
}

#[test]
fn the_window_may_not_ask_for_what_tauri_offers() {
    let app = app();
    for command in [
        "plugin:event|listen",
        "plugin:window|close",
        "plugin:path|resolve_directory",
        "plugin:webview|create_webview_window",
        "plugin:autostart|enable",
    ] {
        let refused = ask(&main_window(&app), command, PAGE).unwrap_err();
        assert!(refused.contains("not allowed") || refused.contains("not found"), "{refused}");
    }
}

#[test]
fn every_command_is_allowed_by_name_and_nothing_else_is() {
    let (_, handler) = include_str!("../commands.rs").split_once("generate_handler![").unwrap();
    let handled: BTreeSet<_> = handler
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once("::"))
        .map(|(_, command)| command)
        .collect();
    let allowed: BTreeSet<_> = include_str!("../../permissions/window.toml")
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .collect();
    assert!(handled.contains("overview"));
    assert_eq!(handled, allowed);
}
