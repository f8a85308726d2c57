use std::path::Path;

use crate::program::{Program, tray_alone};
use crate::session::Session;
use crate::watcher::Panel;

/// A session's launcher of what starts at login.
const LAUNCHER: &str = "dex";

#[tokio::test(flavor = "multi_thread")]
async fn a_login_starts_the_app_from_a_path_with_spaces_until_it_is_switched_off() {
    let Some(session) = Session::start(&[LAUNCHER]) else { return };
    let program = session.home().join("my programs").join("devpulse-desktop");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::copy(tray_alone(), &program).unwrap();
    let mut panel = Panel::start(session.bus(), true).await;
    let mut app = Program::start(&session, &program);
    panel.icon().await;
    app.expect("shown true").await;
    app.say("autostart on");
    app.expect("Ok(()) true").await;
    let entry = session.settings().join("autostart/devpulse-desktop.desktop");
    assert!(entry.is_file());
    let of_plugin = session.home().join(".config/autostart/devpulse-desktop.desktop");
    assert!(!of_plugin.exists(), "an entry that no session reads is left behind");
    drop(app);

    log_in(&session);
    let icon = panel.icon().await;
    let started = icon.pid().await;
    let words = std::fs::read(format!("/proc/{started}/cmdline")).unwrap();
    let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    assert_eq!(words[..2], [program.to_str().unwrap(), "--hidden"]);
    end(started);

    let mut app = Program::start(&session, &program);
    panel.icon().await;
    app.expect("shown true").await;
    app.say("autostart off");
    app.expect("Ok(()) false").await;
    drop(app);
    let launched = log_in(&session);
    assert!(!launched.contains("devpulse"), "it is started all the same: {launched}");
}

/// Starts what starts at login; returns what the launcher says about it. It speaks into a
/// file, because what it starts goes on and keeps a pipe open.
fn log_in(session: &Session) -> String {
    let said = session.home().join("launcher");
    let file = std::fs::File::create(&said).unwrap();
    let mut launcher = session.command(Path::new(LAUNCHER));
    launcher.args(["--autostart", "--verbose", "--environment", "X-Virtual"]);
    launcher.stdout(file.try_clone().unwrap()).stderr(file);
    assert!(launcher.status().unwrap().success());
    std::fs::read_to_string(said).unwrap()
}

/// Ends the process that the launcher started.
fn end(pid: u32) {
    let status = std::process::Command::new("kill").arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}
