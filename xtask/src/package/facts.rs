//! What can be said of packages without making any. `cargo xtask trial` sees the rest.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::Release;
use crate::workspace;

fn sources() -> PathBuf {
    workspace::root().unwrap().join("packaging")
}

fn text(path: &str) -> String {
    fs::read_to_string(sources().join(path)).unwrap()
}

fn has_line(text: &str, line: &str) -> bool {
    text.lines().any(|found| found == line)
}

#[test]
fn every_script_is_one_that_a_shell_understands() {
    let mut scripts = vec![sources().join("deb/prerm"), sources().join("deb/postrm")];
    for folder in ["trial", "examples"] {
        for entry in fs::read_dir(sources().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            scripts.extend(path.extension().is_some_and(|kind| kind == "sh").then_some(path));
        }
    }
    assert!(scripts.len() > 10, "{scripts:?}");
    for script in scripts {
        let output = Command::new("sh").arg("-n").arg(&script).output().unwrap();
        assert!(output.status.success(), "{script:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn no_step_of_the_trial_relies_on_a_negation_that_cannot_fail() {
    for entry in fs::read_dir(sources().join("trial")).unwrap() {
        let path = entry.unwrap().path();
        let script = fs::read_to_string(&path).unwrap();
        let negated = script.lines().find(|line| line.trim_start().starts_with("! "));
        assert_eq!(negated, None, "{path:?}");
    }
}

#[test]
fn templates_are_filled_to_the_last_place() {
    let release = Release { version: "1.2.3".to_owned(), epoch: 1_700_000_000, arch: "x86_64" };
    for template in
        ["linux/devpulse-desktop.1", "linux/dev.devpulse.desktop.metainfo.xml", "rpm/devpulse.spec"]
    {
        let filled = release.fill(&text(template)).unwrap();
        assert!(filled.contains("1.2.3"), "{template}");
        assert!(!filled.contains("@VERSION@") && !filled.contains("@DATE@"), "{template}");
    }
}

#[test]
fn the_command_line_depends_on_no_graphical_package() {
    let control = text("deb/control.devpulse-client");
    assert!(has_line(&control, "Depends: @DEPENDS@, ca-certificates"), "{control}");
    let app = text("deb/control.devpulse");
    assert!(app.contains("devpulse-client (= @VERSION@)"), "{app}");
}

#[test]
fn a_login_starts_the_app_in_the_tray_where_it_is_installed() {
    let entry = text("linux/autostart.desktop");
    assert!(has_line(&entry, "Exec=devpulse-desktop --hidden"));
    assert!(has_line(&entry, "TryExec=devpulse-desktop"));
    assert!(!entry.contains("Hidden="));
    let launcher = text("linux/devpulse-desktop.desktop");
    assert!(has_line(&launcher, "Exec=/usr/bin/devpulse-desktop"));
    assert!(has_line(&launcher, "Icon=devpulse-desktop"));
}

#[test]
fn kwin_finds_both_programs_among_those_that_may_capture_screens() {
    for program in ["devpulse-client", "devpulse-desktop"] {
        let entry = text(&format!("linux/{program}.desktop"));
        let exec = format!("Exec=/usr/bin/{program}");
        assert!(entry.lines().any(|line| line.starts_with(&exec)), "{entry}");
        let may = "X-KDE-DBUS-Restricted-Interfaces=org.kde.KWin.ScreenShot2";
        assert!(has_line(&entry, may), "{entry}");
    }
}

#[test]
fn the_unit_is_watched_restarted_and_not_against_better_knowledge() {
    let unit = text("linux/devpulse-client.service");
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/devpulse-client run",
        "Restart=on-failure",
        "RestartPreventExitStatus=2 3 5",
        "WatchdogSec=300",
        "NoNewPrivileges=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
    ] {
        assert!(has_line(&unit, line), "{line}");
    }
}

#[test]
fn a_removal_ends_only_the_program_of_its_own_package() {
    let scripts = [text("deb/prerm"), text("rpm/devpulse.spec")];
    for script in scripts {
        assert!(script.contains("kill -TERM"));
        assert!(!script.contains("pkill") && !script.contains("killall"));
    }
}
