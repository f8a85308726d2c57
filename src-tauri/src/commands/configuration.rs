//! Start at login, effective settings, diagnostics.

use devpulse_agent::Desktop;
use devpulse_agent::bundle::{Bundle, Part};
use devpulse_agent::doctor::{self, CheckState, Report};
use devpulse_agent::settings::{Origin, Row};
use devpulse_protocol::Timestamp;
use serde_json::Value;
use tauri::{AppHandle, Manager, Runtime, State};

use crate::autostart;
use crate::backend::{self, Backend};
use crate::view::{
    Autostart, DiagnosticCheck, DiagnosticState, Diagnostics, Gathered, GatheredPart, Problem,
    SettingRow,
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

/// Gathers what whoever is asked for help needs: no titles, no secrets. It is written by
/// [`write_diagnostics`], as it is listed here.
#[tauri::command]
pub(super) async fn gather_diagnostics<R: Runtime>(
    app: AppHandle<R>,
    backend: State<'_, Backend>,
) -> Result<Gathered, Problem> {
    let settings = backend::settings(Vec::new()).map(|(_, settings)| settings);
    let bundle = Bundle::gather(settings.as_ref(), &Desktop::from_env()).await;
    let directory = app.path().download_dir().ok().filter(|downloads| downloads.is_dir());
    let directory = match directory {
        Some(downloads) => downloads,
        None => app.path().home_dir().map_err(|error| Problem::of(&error, None))?,
    };
    let path = directory.join(file_name(Timestamp::now()));
    let part = |part: &Part| GatheredPart {
        name: part.name.clone(),
        about: part.about.to_owned(),
        bytes: part.len() as u64,
    };
    let parts = bundle.parts().iter().map(part).collect();
    let shown = path.display().to_string();
    backend.keep_diagnostics(bundle, path);
    Ok(Gathered { path: shown, parts })
}

/// Writes what was gathered last, once. Answers where it is.
#[tauri::command]
pub(super) async fn write_diagnostics(backend: State<'_, Backend>) -> Result<String, Problem> {
    let Some((bundle, path)) = backend.take_diagnostics() else {
        return Err(Problem::new("no diagnostics were gathered", None));
    };
    let shown = path.display().to_string();
    let writing = tauri::async_runtime::spawn_blocking(move || bundle.write(&path)).await;
    let written = writing.map_err(|error| Problem::of(&error, None))?;
    written.map_err(|error| Problem::of(&error, Some(error.hint().to_owned())))?;
    Ok(shown)
}

async fn report() -> Report {
    match backend::settings(Vec::new()) {
        Ok((_, settings)) => doctor::examine(&settings, &Desktop::from_env()).await,
        Err(error) => doctor::of_unusable_settings(&error),
    }
}

fn file_name(at: Timestamp) -> String {
    let stamp: String = at.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    format!("devpulse-diagnostics-{stamp}.tar.gz")
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
