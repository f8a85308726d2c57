//! On a real, if virtual, desktop. Where there is none to be had the test says so and
//! passes, unless `DEVPULSE_REQUIRE_DESKTOP` is set.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::{Device, TestServer, first_line, wait};

/// An X server with a window manager; ended when dropped.
pub(crate) struct Desktop {
    pub(crate) display: String,
    processes: Vec<Child>,
}

impl Desktop {
    pub(crate) fn start() -> Option<Self> {
        let is_there = |program: &str| {
            Command::new("which")
                .arg(program)
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let missing: Vec<_> = ["Xvfb", "openbox", "xterm", "xdotool"]
            .into_iter()
            .filter(|name| !is_there(name))
            .collect();
        if !missing.is_empty() {
            assert!(
                std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_none(),
                "a desktop is required, but {missing:?} are missing"
            );
            eprintln!("skipped: {missing:?} are missing");
            return None;
        }
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let display = format!(":{}", first_line(server.stdout.take().unwrap()));
        let mut desktop = Self { display, processes: vec![server] };
        desktop.spawn("openbox", &[]);
        wait("the window manager is there", || {
            desktop.keep_managed();
            desktop
                .ask("xprop", &["-root", "_NET_SUPPORTING_WM_CHECK"])
                .contains("window id")
                .then_some(())
        });
        Some(desktop)
    }

    /// Starts the window manager again where it ended: on a display whose former server
    /// has only just gone it may take that one's window manager for its own.
    fn keep_managed(&mut self) {
        let (server, manager) = self.processes.split_at_mut(1);
        assert!(server[0].try_wait().unwrap().is_none(), "the X server ended");
        if manager[0].try_wait().unwrap().is_some() {
            self.processes.pop();
            self.spawn("openbox", &[]);
        }
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.processes.push(child);
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output =
            Command::new(program).args(arguments).env("DISPLAY", &self.display).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn open(&mut self, class: &str, title: &str) -> String {
        self.spawn("xterm", &["-class", class, "-T", title, "-e", "sleep", "600"]);
        let window = wait("the window is there", || {
            let found = self.ask("xdotool", &["search", "--class", class]);
            found.lines().next().map(ToOwned::to_owned).filter(|id| !id.is_empty())
        });
        self.focus(&window);
        window
    }

    fn focus(&self, window: &str) {
        self.ask("xdotool", &["windowactivate", "--sync", window]);
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// A person looks at a window for a while; what flits by is no stay.
pub(crate) fn look() {
    std::thread::park_timeout(Duration::from_millis(1500));
}

fn quick_config() -> Value {
    json!({
        "heartbeat_interval_s": 1,
        "idle_threshold_s": 2,
        "batch": {"max_interval_ms": 100},
        "screenshot": {"interval_s": 1, "jitter": 0.0, "format": "png"},
    })
}

fn window(event: &Value, title: &str) -> bool {
    event["event_type"] == "window" && event["window_title"] == title
}

#[test]
fn what_is_on_the_screen_arrives_at_the_server() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    server.set_config(quick_config());
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    let agent = device.start_agent();
    wait("focus is watched", || {
        (device.status()["capture"]["focus"]["state"] == "ok").then_some(())
    });

    let first = desktop.open("Editor", "chapter one");
    look();
    desktop.open("Browser", "search results");
    look();
    desktop.focus(&first);
    let one = server.wait_for("the first window", |event| window(event, "chapter one"));
    assert_eq!(one["app_name"], "Editor");
    assert!(one["pid"].as_u64().is_some_and(|pid| pid > 1));
    let two = server.wait_for("the second window", |event| window(event, "search results"));
    assert_eq!(two["start_time"], one["end_time"]);
    assert_eq!(two["recovered"], false);

    desktop.ask("xdotool", &["set_window", "--name", "chapter two", &first]);
    desktop.ask("xdotool", &["mousemove", "200", "200"]);
    server.wait_for("a person without input", |event| event["activity_type"] == "inactive");
    desktop.ask("xdotool", &["mousemove", "300", "300"]);
    server.wait_for("a person with input", |event| event["activity_type"] == "active");
    let shot = server.wait_for("a screenshot", |event| event["event_type"] == "screenshot");
    assert_eq!((&shot["width"], &shot["height"]), (&json!(1280), &json!(800)));
    assert_eq!(shot["trigger"], "periodic");
    server.wait_for("a heartbeat", |event| {
        event["heartbeat_type"] == "regular" && event["capabilities"]["focus"] == "ok"
    });

    agent.signal("-TERM");
    let events = server.events();
    assert!(events.iter().any(|event| window(event, "chapter two")));
    assert!(events.iter().any(|event| event["activity_type"] == "normal_shutdown"));
}

#[test]
fn a_window_that_a_kill_cut_off_is_reported_once_at_its_last_checkpoint() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    server.set_config(quick_config());
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    let agent = device.start_agent();
    desktop.open("Editor", "unsaved work");
    server.wait_for("two heartbeats with the window open", |event| {
        event["heartbeat_type"] == "regular" && event["seq"].as_u64().is_some_and(|seq| seq > 6)
    });
    agent.kill();
    let _agent = device.start_agent();
    let cut = server.wait_for("the window that was cut", |event| {
        window(event, "unsaved work") && event["recovered"] == true
    });
    assert!(cut["duration"].as_f64().is_some_and(|seconds| seconds > 0.0), "{cut}");
    let same = |event: &&Value| event["event_id"] == cut["event_id"];
    assert_eq!(server.events().iter().filter(same).count(), 1);
}

#[test]
fn a_revoked_device_takes_no_image_and_after_seven_days_sees_nothing() {
    let Some(mut desktop) = Desktop::start() else { return };
    let server = TestServer::start();
    server.set_config(quick_config());
    let device = Device::enrolled(&server).with("DISPLAY", &desktop.display);
    let agent = device.start_agent();
    desktop.open("Editor", "before");
    look();
    device.run(&["screenshot"]).expect_exit(0);
    server.revoke_all();
    device.run(&["sync"]).expect_exit(5);
    wait("images stop", || (device.run(&["screenshot"]).code == Some(1)).then_some(()));
    desktop.open("Editor", "within the week");
    look();
    agent.signal("-TERM");
    let seen = |title: &str| device.listed("--pending").iter().any(|event| window(event, title));
    assert!(seen("within the week"));

    let database = rusqlite::Connection::open(device.home().join("wal.db")).unwrap();
    database.execute("UPDATE ledger SET revoked_ms = revoked_ms - 8 * 86400000", []).unwrap();
    drop(database);
    let agent = device.start_agent();
    wait("focus is watched", || {
        (device.status()["capture"]["focus"]["state"] == "ok").then_some(())
    });
    desktop.open("Editor", "after the week");
    look();
    agent.signal("-TERM");
    assert!(!seen("after the week"));
    assert!(seen("within the week"), "what it has is kept");
}
