//! SIGKILL while an image is put in its place.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use devpulse_lab::{Device, TestServer, first_line, wait};
use serde_json::{Value, json};

use crate::tracer::{self, Point};

/// An X server whose screen never changes and is full of small print; ended when dropped.
struct Screen {
    display: String,
    processes: Vec<Child>,
}

impl Screen {
    fn start() -> Option<Self> {
        let missing = ["Xvfb", "xterm"].into_iter().find(|program| {
            let found = Command::new("which").arg(program).stdout(Stdio::null()).status();
            !found.is_ok_and(|status| status.success())
        });
        if let Some(program) = missing {
            let required = std::env::var_os("DEVPULSE_REQUIRE_DESKTOP").is_some();
            assert!(!required, "a desktop is required, but {program} is missing");
            eprintln!("skipped: {program} is missing");
            return None;
        }
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let display = format!(":{}", first_line(server.stdout.take().unwrap()));
        let print = "for n in $(seq 300); do echo $n | sha256sum; done; touch \"$0\"; sleep 600";
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("printed");
        let terminal = Command::new("xterm")
            .args(["-geometry", "200x60+0+0", "-e", "sh", "-c", print])
            .arg(&ready)
            .env("DISPLAY", &display)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait("the screen is full", || ready.exists().then_some(()));
        Some(Self { display, processes: vec![server, terminal] })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn device(server: &TestServer, screen: &Screen, name: &str) -> Device {
    let device = Device::enrolled_through(server, &server.url(), name);
    device.with("DISPLAY", &screen.display)
}

/// Takes a screenshot that nothing disturbs, and returns the name of its image.
fn undisturbed(device: &Device, server: &TestServer) -> String {
    let agent = device.start_agent();
    let taken = wait("the screen is taken", || {
        let finished = device.run(&["screenshot", "--json"]);
        (finished.code == Some(0)).then_some(finished)
    });
    let name = taken.json()["screenshot_hash"].as_str().unwrap().to_owned();
    device.run(&["sync"]).expect_exit(0);
    agent.kill();
    server.wait_for("the screenshot", |event| event["screenshot_hash"] == *name);
    name
}

#[test]
fn a_kill_while_an_image_is_put_in_its_place() {
    let Some(screen) = Screen::start().filter(|_| tracer::is_there()) else { return };
    let server = TestServer::start();
    server.set_config(json!({
        "heartbeat_interval_s": 86400,
        "batch": {"max_interval_ms": 100},
        "screenshot": {"format": "png", "max_width": 7680},
    }));
    // The same screen gives the same image, so that its name is known beforehand.
    let name = undisturbed(&device(&server, &screen, "first"), &server);
    let staged = format!("blobs/.tmp/{name}");
    let folder = format!("blobs/{}", &name[..2]);
    let mut kills = 0;
    for (calls, file) in [
        ("openat", staged.as_str()),
        ("write", &staged),
        ("fsync,fdatasync", &staged),
        ("rename,renameat,renameat2", &staged),
        ("fsync,fdatasync", &folder),
    ] {
        let device = device(&server, &screen, &format!("killed at {calls} of {file}"));
        device.start_agent().kill();
        let tracer = Point { calls, file }.kill(&device.home(), 1);
        let tracer: Vec<&str> = tracer.iter().map(String::as_str).collect();
        let mut agent = device.start_agent_under(&tracer);
        let is_killed = wait("the agent takes the screen", || {
            let finished = device.run(&["screenshot"]);
            std::thread::park_timeout(Duration::from_millis(50));
            agent.ended().map(|_| true).or((finished.code == Some(0)).then_some(false))
        });
        agent.kill();
        kills += u32::from(is_killed);
        eprintln!("image, {calls} of {file}: killed: {is_killed}");
        assert_eq!(undisturbed(&device, &server), name);
        let status = device.status();
        assert_eq!(status["pipeline"]["blobs_pending"], 0, "{status}");
        assert_eq!(status["pipeline"]["dropped"], 0, "{status}");
    }
    assert!(kills >= 3, "{kills} kills");
    let events = server.events();
    let shots: Vec<&Value> =
        events.iter().filter(|event| event["event_type"] == "screenshot").collect();
    assert!(shots.iter().all(|shot| shot["screenshot_hash"] == *name), "{shots:?}");
    assert_eq!(server.images().len(), 1);
}
