//! Start at login, effective settings, diagnostics.

use std::path::{Path, PathBuf};

use devpulse_agent::doctor::{self, CheckState, Report};
use devpulse_agent::settings::{Origin, Row, Settings};
use devpulse_agent::{Desktop, home};
use devpulse_protocol::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tauri::{AppHandle, Manager, Runtime, State};

use crate::autostart;
use crate::backend::{self, Backend};
use crate::view::{
    Autostart, DiagnosticCheck, DiagnosticState, Diagnostics, Exported, Problem, SettingRow,
};

/// Every setting with its origin.
#[tauri::command]
pub(super) async fn settings() -> Result<Vec<SettingRow>, Problem> {
    let (_, settings) = backend::settings(Vec::new())?;
    Ok(settings.rows().into_iter().map(SettingRow::from).collect())
}

/// Whether the app starts at login, as the system's own entry says.
#[tauri::command]
pub(super) async fn autostart<R: Runtime>(app: AppHandle<R>) -> Autostart {
    autostart::view(&app)
}

/// Has the app start at login, or not any more. Answers what the system's entry says then.
#[tauri::command]
pub(super) async fn set_autostart<R: Runtime>(
    app: AppHandle<R>,
    on: bool,
) -> Result<Autostart, Problem> {
    autostart::set(&app, on)?;
    Ok(autostart::view(&app))
}

/// Looks at everything that the agent needs.
#[tauri::command]
pub(super) async fn diagnose() -> Diagnostics {
    let checks = report().await.checks;
    let check = |check: doctor::Check| DiagnosticCheck {
        name: check.name.to_owned(),
        state: match check.state {
            CheckState::Ok => DiagnosticState::Ok,
            CheckState::Warning => DiagnosticState::Warning,
            CheckState::Failed => DiagnosticState::Failed,
            CheckState::Unknown => DiagnosticState::Unknown,
        },
        detail: check.detail,
        remedy: check.remedy,
    };
    Diagnostics { checks: checks.into_iter().map(check).collect() }
}

/// Writes what an administrator asks for first into a file: no titles, no secrets.
#[tauri::command]
pub(super) async fn export_diagnostics<R: Runtime>(
    app: AppHandle<R>,
    backend: State<'_, Backend>,
) -> Result<Exported, Problem> {
    #[derive(Serialize)]
    struct Export {
        written_at: Timestamp,
        version: &'static str,
        doctor: Report,
        status: devpulse_control::Status,
        settings: Vec<SettingRow>,
    }
    let (_, settings) = backend::settings(Vec::new())?;
    let export = Export {
        written_at: Timestamp::now(),
        version: env!("CARGO_PKG_VERSION"),
        doctor: report().await,
        status: backend.link().status(&settings).await?,
        settings: settings.rows().into_iter().filter(is_plain).map(SettingRow::from).collect(),
    };
    let directory = app.path().download_dir().or_else(|_| app.path().home_dir());
    let directory = directory.map_err(|error| Problem::of(&error, None))?;
    let path = destination(&directory, &settings, export.written_at);
    let json = serde_json::to_vec_pretty(&export).map_err(|error| Problem::of(&error, None))?;
    home::atomic_write(&path, &json).map_err(|error| Problem::of(&error, None))?;
    let contents = [
        "what works on this computer and what does not",
        "the agent's state and its counters",
        "every setting with its origin, without rules and secrets",
    ];
    let path = path.display().to_string();
    Ok(Exported { path, contents: contents.map(ToOwned::to_owned).into() })
}

async fn report() -> Report {
    match backend::settings(Vec::new()) {
        Ok((_, settings)) => doctor::examine(&settings, &Desktop::from_env()).await,
        Err(error) => doctor::of_unusable_settings(&error),
    }
}

/// Rules name applications and titles, which are nobody else's business.
fn is_plain(row: &Row) -> bool {
    row.name != "window.rules"
}

/// In the person's downloads, or in the agent's home where there are none.
fn destination(downloads: &Path, settings: &Settings, at: Timestamp) -> PathBuf {
    let stamp: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let directory = if downloads.is_dir() { downloads } else { settings.local().home.root() };
    directory.join(format!("devpulse-diagnostics-{stamp}.json"))
}

impl From<Row> for SettingRow {
    fn from(row: Row) -> Self {
        let variable = match row.origin {
            Origin::Environment(variable) => Some(variable.to_owned()),
            _ => None,
        };
        let value = match row.value {
            Value::Null => "none".to_owned(),
            value => value.to_string(),
        };
        let origin = row.origin.as_str().to_owned();
        Self { name: row.name.to_owned(), value, origin, variable }
    }
}
