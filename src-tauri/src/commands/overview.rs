//! What the agent does now.

use devpulse_agent::settings::{QuitPermission, Settings};
use devpulse_control::{KeyPlace, PauseStatus, PipelineStatus, SignalStatus, Status};
use devpulse_protocol::Timestamp;
use tauri::State;

use crate::backend::{self, Backend};
use crate::parley::ToTray;
use crate::standing::{self, Host, Run, Snapshot};
use crate::view::{
    Figures, Overview, PauseRule, PauseView, Person, Presence, Problem, RunState, Screen,
    SignalView, TrendPoint,
};

/// The first screen of a window that was opened without asking for one.
#[tauri::command]
pub(super) async fn first_screen(backend: State<'_, Backend>) -> Result<Screen, Problem> {
    let run = run(&backend, None).await;
    Ok(match (backend.first_screen(), run) {
        (_, Run::NotEnrolled | Run::ConsentAwaited) => Screen::Wizard,
        (Some(screen), _) => screen,
        (None, _) => Screen::Status,
    })
}

/// What the window shows at any time.
#[tauri::command]
pub(super) async fn overview(backend: State<'_, Backend>) -> Result<Overview, Problem> {
    let (_, settings) = backend::settings(Vec::new())?;
    let run = run(&backend, Some(&settings)).await;
    let status = match &run {
        Run::Running { status, .. } => status.as_ref().clone(),
        _ => {
            devpulse_agent::offline::status(&settings).map_err(|error| Problem::of(&error, None))?
        }
    };
    let has_tray = backend.tray().is_none_or(|(_, word)| word.has_tray);
    let now = Timestamp::now();
    let consent_awaits = match &run {
        Run::Running { .. } => status.consent.as_ref().is_some_and(|consent| consent.awaiting),
        _ => false,
    };
    let watched_since = backend.watched_since(now);
    let snapshot = Snapshot { run, consent_awaits, sync: None, taken_at: now, watched_since };
    let presence = present(&backend).await;
    Ok(Overview {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        standing: standing::standing(&snapshot, now),
        stages: standing::stages(&status, now),
        person: person(&status),
        figures: (&status.pipeline).into(),
        signals: status.capture.signals().map(|(name, signal)| signal_view(name, signal)).into(),
        presence,
        pause: status.pause.clone().map(Into::into),
        pause_rule: PauseRule::of(settings.config()),
        can_screenshot: settings.config().screenshot.enabled,
        consent_awaits,
        has_tray,
        can_quit: backend.tray().is_some() && settings.local().quit == QuitPermission::Granted,
        policy_version: status.config.version,
        wanted_screen: backend.take_wanted(),
        run_state: snapshot.run.view(),
    })
}

/// The pipeline over the last hour, as far as the agent has run.
#[tauri::command]
pub(super) async fn trend(backend: State<'_, Backend>) -> Result<Vec<TrendPoint>, Problem> {
    let samples = backend.link().ask(|client| async move { client.trend().await }).await?;
    let point = |sample: devpulse_control::Sample| TrendPoint {
        at: sample.at.to_string(),
        pending: sample.pending,
        sent: sample.sent,
        captured: sample.captured,
    };
    Ok(samples.into_iter().map(point).collect())
}

/// Ends the app.
#[tauri::command]
pub(super) fn quit(backend: State<'_, Backend>) {
    backend.say(ToTray::Quit);
}

/// Who runs the agent, and what it says. Where it does not answer, the tray's word counts.
async fn run(backend: &Backend, settings: Option<&Settings>) -> Run {
    let told = backend.tray();
    match backend
        .link()
        .ask(|client| async move { Ok((client.agent().pid, client.status().await?)) })
        .await
    {
        Ok((pid, status)) => {
            let is_here = told.is_some_and(|(tray, _)| tray == pid);
            let host = if is_here { Host::Here } else { Host::Attached { pid } };
            Run::Running { host, status: Box::new(status) }
        }
        Err(error) => match told.map(|(_, word)| word.run) {
            Some(RunState::NotEnrolled) => not_enrolled(settings),
            Some(RunState::Failed { problem }) => Run::Failed { problem },
            Some(RunState::Starting | RunState::Here | RunState::Attached { .. }) => Run::Starting,
            None => match not_enrolled(settings) {
                run @ Run::NotEnrolled => run,
                _ => Run::Failed { problem: error.into() },
            },
        },
    }
}

/// Whether the enrollment or only the consent is missing.
fn not_enrolled(settings: Option<&Settings>) -> Run {
    let is_enrolled = match settings {
        Some(settings) => settings.local().client_id.is_some(),
        None => backend::settings(Vec::new()).is_ok_and(|(sources, _)| sources.is_enrolled()),
    };
    if is_enrolled { Run::ConsentAwaited } else { Run::NotEnrolled }
}

/// What the person does now; an agent of an earlier version does not say.
async fn present(backend: &Backend) -> Option<Presence> {
    let present = backend.link().ask(|client| async move { client.present().await }).await.ok()?;
    let window = present.window;
    Some(Presence {
        state: word(&present.presence),
        since: present.since.map(|at| at.to_string()),
        app: window.as_ref().and_then(|window| window.app_name.clone()),
        title: window.as_ref().and_then(|window| window.window_title.clone()),
        app_since: window.map(|window| window.since.to_string()),
    })
}

/// A value as its JSON spells it.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn person(status: &Status) -> Option<Person> {
    Some(Person {
        username: status.username.as_ref()?.as_str().to_owned(),
        device_id: status.device_id.as_ref()?.as_str().to_owned(),
        server_url: status.server_url.clone()?,
        key_place: status.secret_store.map(|place| key_place(place).to_owned()),
    })
}

/// Where the key is kept, in words.
pub(super) const fn key_place(place: KeyPlace) -> &'static str {
    match place {
        KeyPlace::Keyring => "the keychain",
        KeyPlace::File => "a file that only you can read",
        KeyPlace::Environment => "the environment of the agent",
    }
}

fn signal_view(name: &str, signal: &SignalStatus) -> SignalView {
    SignalView {
        name: name.to_owned(),
        state: signal.state.as_str().to_owned(),
        backend: signal.backend.clone(),
        last_seen: signal.last_seen.map(|at| at.to_string()),
        detail: signal.detail.clone(),
    }
}

impl From<&PipelineStatus> for Figures {
    fn from(pipeline: &PipelineStatus) -> Self {
        Self {
            captured: pipeline.captured,
            queued: pipeline.queued,
            pending: pipeline.pending,
            in_flight: pipeline.in_flight,
            sent: pipeline.sent,
            rejected: pipeline.rejected,
            dead_letter: pipeline.dead_letter,
            dropped: pipeline.dropped,
            images_pending: pipeline.blobs_pending,
            oldest_pending_s: pipeline.oldest_pending_s,
            disk_bytes: pipeline.wal_bytes,
            last_receipt: pipeline.last_success.map(|at| at.to_string()),
            last_error: pipeline.last_error.clone(),
            next_attempt: pipeline.next_attempt.map(|at| at.to_string()),
        }
    }
}

impl From<PauseStatus> for PauseView {
    fn from(pause: PauseStatus) -> Self {
        Self {
            since: pause.since.to_string(),
            until: pause.until.to_string(),
            reason: pause.reason,
        }
    }
}
