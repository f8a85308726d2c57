//! The tray without an agent, for the tests: it shows the states that standard input names
//! and writes what is chosen.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "the tests read it")]

use std::io::BufRead as _;
use std::time::Duration;

use devpulse_control::{
    AgentStatus, CaptureStatus, ConfigStatus, PauseStatus, PipelineState, PipelineStatus, Progress,
    SignalStatus, Status,
};
use devpulse_desktop::menu::MenuRules;
use devpulse_desktop::standing::{Host, Run, Snapshot};
use devpulse_desktop::view::{PauseRule, SyncReport};
use devpulse_desktop::{autostart, tray};
use devpulse_protocol::{CapabilityState, Timestamp};
use tauri::{AppHandle, RunEvent};
use tokio::sync::{mpsc, watch};

fn main() {
    let context = tauri::test::mock_context(tauri::test::noop_assets());
    let app = tauri::Builder::default()
        .plugin(autostart::plugin())
        .setup(|app| {
            let app = app.handle().clone();
            tauri::async_runtime::spawn(async move { run(app).await });
            Ok(())
        })
        .build(context)
        .unwrap();
    app.run(|_, event| {
        if let RunEvent::ExitRequested { code: None, api, .. } = event {
            api.prevent_exit();
        }
    });
}

async fn run(app: AppHandle) {
    let (snapshot, seen) = watch::channel(Snapshot::starting(Timestamp::now()));
    let (act, mut actions) = mpsc::channel(8);
    let pause = PauseRule { allowed: true, max_minutes: 240 };
    let mut shown = tray::start(app.clone(), seen, move || MenuRules::of(pause), act);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match line.strip_prefix("autostart ") {
                Some(word) => {
                    let result = autostart::set(&app, word == "on");
                    println!("{result:?} {}", autostart::view(&app).is_on);
                }
                None => drop(snapshot.send_replace(named(&line))),
            }
        }
        std::thread::park();
        drop(snapshot);
    });
    loop {
        tokio::select! {
            Ok(()) = shown.changed() => println!("shown {}", *shown.borrow_and_update()),
            Some(action) = actions.recv() => println!("{action:?}"),
            else => return,
        }
    }
}

/// A state by its name.
fn named(name: &str) -> Snapshot {
    let now = Timestamp::now();
    let begin = now.minus(Duration::from_secs(3600));
    let snapshot = Snapshot { watched_since: begin, ..Snapshot::starting(now) };
    let mut status = working(now);
    let mut sync = None;
    match name {
        "not enrolled" => return Snapshot { run: Run::NotEnrolled, ..snapshot },
        "starting" => return snapshot,
        "working" => {}
        "offline" => {
            status.pipeline.state = PipelineState::Offline;
            status.pipeline.pending = 1200;
        }
        "paused" => {
            let until = now.plus(Duration::from_secs(900));
            status.pause = Some(PauseStatus { since: now, until, reason: None });
        }
        "syncing" => sync = Some(SyncReport { sent: 120, pending: 380, last_error: None }),
        _ => panic!("no state is called {name}"),
    }
    let run = Run::Running { host: Host::Here, status: Box::new(status) };
    Snapshot { run, sync, ..snapshot }
}

fn working(now: Timestamp) -> Status {
    let served =
        SignalStatus { backend: None, state: CapabilityState::Ok, last_seen: None, detail: None };
    Status {
        version: "0.1.0".to_owned(),
        enrolled: true,
        device_id: None,
        user_id: None,
        username: None,
        server_url: None,
        agent: AgentStatus { running: true, pid: Some(1), uptime_s: Some(3600.0) },
        pipeline: PipelineStatus {
            progress: Progress {
                captured_at: Some(now),
                stored_at: Some(now),
                sent_at: Some(now),
                acknowledged_at: Some(now),
                deadline_s: Some(3600.0),
            },
            ..PipelineStatus::empty(PipelineState::Idle)
        },
        pause: None,
        capture: CaptureStatus {
            focus: served.clone(),
            idle: served.clone(),
            session: served.clone(),
            screen: served,
        },
        config: ConfigStatus::default(),
        consent: None,
        secret_store: None,
        key_expires_at: None,
        withheld: 0,
    }
}
